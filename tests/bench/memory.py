"""Peak memory of a labelling run at 100 and at 1,000 images: it must not grow with the batch.

Each size runs in a process of its own, through the stations as the flow calls them, shard by shard; people close the
questions unanswered. Posting is measured by `tests.bench.posting`.

    python -m tests.bench.memory
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (100, 1000)
PICTURE_PX = 640
OUTPUT = Path(".labelline/bench/memory.json")


def draw_pictures(folder: Path, count: int) -> None:
    """Cut `count` different pictures of 640 px out of drawn parking lots."""
    import cv2

    from infra.demo.scenes.drawing import draw_scenes
    from tasks.intake.images import decode_upright

    drawn = sorted(draw_scenes(folder / "scenes", 6, seed=5).images.iterdir())
    scenes = [decode_upright(path.read_bytes()) for path in drawn]
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(count):
        scene = scenes[number % len(scenes)]
        x, y = (number * 37) % (scene.shape[1] - PICTURE_PX), (number * 53) % (scene.shape[0] - PICTURE_PX)
        cv2.imwrite(
            str(pictures / f"lot{number % 20:02}-{number:04}.jpg"), scene[y : y + PICTURE_PX, x : x + PICTURE_PX]
        )


def label(folder: Path) -> dict[str, float]:
    """Run the stations of the line on a folder's pictures; return counts, seconds and peak memory."""
    from blocks.catalog import migrate
    from blocks.database.engine import open_engine
    from blocks.storage.stores import FolderStore
    from infra.demo.run import STARTER
    from infra.demo.scenes.vehicles import CLASSES
    from tasks.detect.backends.safe_weights import version_of
    from tasks.detect.options import TilingOptions
    from tasks.detect.proposals import propose
    from tasks.detect.refs import DetectorRef
    from tasks.intake.batches import items_of, open_batch, shards
    from tasks.intake.folders import CHUNK, find_images, take_in
    from tasks.review.decide.until import close_rest
    from tasks.review.drafts.items_and_kinds import draft_missed, write_once
    from tasks.review.questions.queue import mark_missed_queue
    from tasks.settle.labels import settle
    from tasks.triage.decide import decide
    from tasks.triage.options import TriageOptions

    started = time.monotonic()
    url = f"sqlite:///{folder / 'catalog.sqlite'}"
    migrate(url)
    engine, store = open_engine(url), FolderStore(folder / "objects")
    paths = find_images(folder / "pictures")
    for start in range(0, len(paths), CHUNK):
        take_in(engine, store, "lots", paths[start : start + CHUNK], None, folder=folder / "pictures")
    version, options = version_of(STARTER), TilingOptions(tile_px=320)
    ref = DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="starter")
    store.put(ref.weights_key, STARTER)
    batch, recipe = open_batch(engine, "b", "lots", len(paths)), options.recipe(CLASSES)
    for shard in shards(engine, batch.id):
        propose(engine, store, items_of(engine, batch.id, shard.start, shard.stop), ref, CLASSES, options)
    decide(engine, batch.id, TriageOptions(), version, recipe, classes=CLASSES)
    queue = mark_missed_queue(CLASSES)
    asked = write_once(engine, queue, batch.id, 0, draft_missed(engine, queue, batch.id, 0))
    close_rest(engine, queue.name, batch.id, 0, "pass_on")
    settled = settle(engine, batch.id, version, recipe)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "images": len(paths),
        "questions": asked,
        "labels": settled.labels,
        "seconds": round(time.monotonic() - started, 1),
        "peak_mb": round(peak_mb),
    }


def main() -> None:
    """Measure every size in a process of its own, and print and write the table."""
    rows = []
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="labelline-memory-") as name:
            draw_pictures(Path(name), size)
            program = [sys.executable, "-m", "tests.bench.memory", name]
            rows.append(json.loads(subprocess.run(program, check=True, capture_output=True).stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"peak memory at {SIZES[1]} images is {rows[1]['peak_mb'] / rows[0]['peak_mb']:.2f} times that at {SIZES[0]}")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(json.dumps(label(Path(sys.argv[1]))))
    else:
        main()
