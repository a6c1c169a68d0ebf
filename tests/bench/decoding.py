"""Peak memory of intake, gateway and detection for the largest pictures that are taken, each in a process of its own.

Every kind is as large as `tasks.intake.decoding.budget` lets it be (20,000×20,000 in grey and JPEG), and each stage
gets two different ones at once, as two threads would bring them.

    python -m tests.bench.decoding            all kinds and stages, some minutes
    python -m tests.bench.decoding grey-png   one kind
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

GOAL_MB = 3000
OUTPUT = Path(".labelline/bench/decoding.json")
STAGES = ("intake", "gateway", "detection")


def draw_grey_png(path: Path, level: int) -> None:
    """20,000×20,000 in grey: the most pixels that are taken."""
    _draw(path, "L", 20_000, level, compress_level=1)


def draw_colour_jpeg(path: Path, level: int) -> None:
    """20,000×20,000 in colour, as stitched pictures are; OpenCV decodes it."""
    _draw(path, "RGB", 20_000, level, quality=60)


def draw_alpha_png(path: Path, level: int) -> None:
    """Red, green, blue and transparency, as large as decoding may take."""
    _draw(path, "RGBA", 16_400, level, compress_level=1)


def draw_palette_gif(path: Path, level: int) -> None:
    """A palette picture."""
    _draw(path, "P", 16_400, level)


def draw_float_tiff(path: Path, level: int) -> None:
    """32-bit floats, packed."""
    _draw(path, "F", 16_400, level, compression="tiff_lzw")


def draw_progressive_jpeg(path: Path, level: int) -> None:
    """A JPEG in several scans, whose coefficients are held until the last one."""
    _draw(path, "RGB", 13_700, level, quality=60, progressive=True)


def draw_webp(path: Path, level: int) -> None:
    """WebP, whose decoder holds four copies."""
    _draw(path, "RGB", 9_700, level, lossless=True, method=0)


DRAWERS: dict[str, Callable[[Path, int], None]] = {
    "grey-png": draw_grey_png,
    "colour-jpeg": draw_colour_jpeg,
    "alpha-png": draw_alpha_png,
    "palette-gif": draw_palette_gif,
    "float-tiff": draw_float_tiff,
    "progressive-jpeg": draw_progressive_jpeg,
    "webp": draw_webp,
}


def _draw(path: Path, mode: str, side: int, level: int, **options: object) -> None:
    from PIL import Image

    colour: object = level if len(mode) == 1 else (level,) * len(mode)
    image = Image.new(mode, (side, side), colour)  # type: ignore[arg-type]
    image.paste(0 if len(mode) == 1 else (0,) * len(mode), (0, 0, side // 2, side // 3))
    image.save(path, path.suffix[1:], **options)


def take_in_both(folder: Path) -> None:
    """Take both pictures into a catalogue."""
    from blocks.catalog import migrate
    from blocks.database.engine import open_engine
    from blocks.storage.stores import FolderStore
    from tasks.intake.folders import find_images, take_in

    url = f"sqlite:///{folder / 'catalog.sqlite'}"
    migrate(url)
    report = take_in(open_engine(url), FolderStore(folder / "objects"), "large", find_images(folder / "pictures"))
    assert report.taken == 2, report


def show_both(folder: Path) -> None:
    """Render both pictures, and a crop of each, at once."""
    from sqlmodel import select

    from blocks.database.engine import open_engine, reading
    from blocks.database.tables import Item
    from blocks.storage.stores import FolderStore
    from infra.gateway.pictures import ItemPictures

    engine = open_engine(f"sqlite:///{folder / 'catalog.sqlite'}")
    pictures = ItemPictures(engine, FolderStore(folder / "objects"))
    with reading(engine) as session:
        ids = session.exec(select(Item.id)).all()
    items = [item for item in map(pictures.find_item, ids) if item]
    with ThreadPoolExecutor(4) as threads:
        work = [(item, crop) for item in items for crop in (None, (100, 100, 900, 700))]
        assert all(threads.map(lambda each: pictures.render(*each), work))


def detect_both(folder: Path) -> None:
    """Look at both pictures through tiles, in two streams at once, with the demo's first detector."""
    from infra.demo.run import STARTER
    from tasks.detect.backends.safe_weights import version_of
    from tasks.detect.models import load_detector
    from tasks.detect.options import TilingOptions
    from tasks.detect.stream import ImageSource, Unseen, find_objects
    from tasks.intake.images import Pixels, decode_upright, upright_size

    def read(path: Path) -> Pixels:
        return decode_upright(path.read_bytes())

    detector = load_detector(STARTER, version_of(STARTER), 1024)
    options = TilingOptions(tile_px=1024, overlap_share=0.0)

    def look(path: Path) -> None:
        source = ImageSource(path.name, upright_size(path), partial(read, path))
        for found in find_objects([source], detector, [0], options):
            assert not isinstance(found, Unseen), found

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(look, sorted((folder / "pictures").iterdir())))


def measure(kind: str) -> dict[str, object]:
    """Draw two pictures of a kind, and return the peak of each stage in megabytes."""
    with tempfile.TemporaryDirectory(prefix="labelline-decoding-") as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        suffix = "." + kind.rpartition("-")[2]
        for level in (120, 180):
            DRAWERS[kind](folder / "pictures" / f"{level}{suffix}", level)
        row: dict[str, object] = {"kind": kind}
        for stage in STAGES:
            started = time.monotonic()
            program = [sys.executable, "-m", "tests.bench.decoding", stage, name]
            done = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
            row[f"{stage}_mb"] = round(float(done.stdout.splitlines()[-1]))
            row[f"{stage}_s"] = round(time.monotonic() - started, 1)
        return row


def main(kinds: list[str]) -> None:
    """Measure each kind in processes of its own, and keep the rows."""
    rows = []
    for kind in kinds or list(DRAWERS):
        program = [sys.executable, "-m", "tests.bench.decoding", "measure", kind]
        done = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=1) + "\n")
    most = max(float(row[f"{stage}_mb"]) for row in rows for stage in STAGES)
    print(f"the most is {most:.0f} MB (goal {GOAL_MB})")


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 2 else ""
    if what == "measure":
        print(json.dumps(measure(sys.argv[2])))
    elif what in STAGES:
        from tests.bench.peak_memory import peak_mb

        dict(zip(STAGES, (take_in_both, show_both, detect_both), strict=True))[what](Path(sys.argv[2]))
        print(peak_mb())
    else:
        main(sys.argv[1:])
