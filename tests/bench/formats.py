"""Round trips of 100,000 random labels on 10,000 pictures: what is lost, what moves, how long, how much memory.

Each format is written from a catalogue and read again in a process of its own; pictures are left out, as only labels
are measured. Then a million rows are read, and readers that we did not write look at what we wrote.

    python -m tests.bench.formats
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PICTURES, LABELS_EACH = 10_000, 10
FEW_PICTURES = 1_000
"""To see whether memory grows with the dataset."""

MILLION = 1_000_000

OUTPUT = Path(".labelline/bench/formats.json")


def build(url: str, pictures: int) -> None:
    """Write the catalogue that all formats are written from."""
    from blocks.catalog import migrate
    from blocks.database.engine import open_engine
    from tests.dataset.random_labels import draw_pictures, settle

    migrate(url)
    settle(open_engine(url), "lot", draw_pictures(pictures, LABELS_EACH))


def export(url: str, folder: Path, fmt: str) -> dict[str, float]:
    """Write all labels without their pictures; return labels, seconds and peak memory."""
    from blocks.database.engine import open_engine
    from blocks.storage.stores import FolderStore
    from tasks.dataset.take_along import take_along
    from tests.bench.peak_memory import peak_mb

    engine, store = open_engine(url), FolderStore(folder.parent / "objects")
    before, started, used = peak_mb(), time.monotonic(), time.process_time()
    result = take_along(engine, store, "lot", folder, fmt, "none")  # type: ignore[arg-type]
    seconds, cpu_s = time.monotonic() - started, time.process_time() - used
    facts = {"labels": result.labels.total(), "write_s": round(seconds, 2), "write_cpu_s": round(cpu_s, 2)}
    return {**facts, "write_mb": round(peak_mb() - before, 1)}


def compare(folder: Path, fmt: str, pictures: int) -> dict[str, float]:
    """Read all labels back and return how many are lost, the farthest that a corner moved, seconds and peak memory."""
    from tasks.dataset.formats.opened import open_dataset
    from tests.bench.peak_memory import peak_mb
    from tests.dataset.random_labels import draw_pictures

    true = {drawn.name.rpartition("/")[2].removesuffix(".jpg"): drawn for drawn in draw_pictures(pictures, LABELS_EACH)}
    before, started = peak_mb(), time.monotonic()
    found = moved = problems = 0.0
    with open_dataset(folder, fmt, lambda name: true[_stem(name)].size_wh) as dataset:
        for picture in dataset.pictures():
            left = list(true[_stem(picture.name)].labels)
            for label in picture.labels or ():
                edges = label.shape.bounds()
                assert edges is not None
                far, nearest = min(
                    (max(abs(a - b) for a, b in zip(edges, box, strict=True)), number)
                    for number, (name, box) in enumerate(left)
                    if name == label.class_name
                )
                found, moved = found + 1, max(moved, far)
                left.pop(nearest)
        problems = len(dataset.problems)
    lost = sum(len(drawn.labels) for drawn in true.values()) - found
    seconds = time.monotonic() - started
    facts = {"lost": int(lost), "max_px": round(moved, 6), "problems": int(problems)}
    return {**facts, "read_s": round(seconds, 2), "read_mb": round(peak_mb() - before, 1)}


def read_million(folder: Path, fmt: str) -> dict[str, float]:
    """Write a million rows as other tools do, in no order, and read them."""
    from tasks.dataset.formats.opened import open_dataset
    from tests.bench.peak_memory import peak_mb

    folder.mkdir()
    if fmt == "csv":
        with (folder / "labels.csv").open("w", encoding="utf-8") as out:
            out.write("filename,width,height,class,xmin,ymin,xmax,ymax\n")
            out.writelines(f"{n % 9973}.jpg,4000,3000,car,{n % 3000},10,{n % 3000 + 50},90.5\n" for n in range(MILLION))
    else:
        with (folder / "instances.json").open("w", encoding="utf-8") as out:
            images = ({"id": n, "file_name": f"{n}.jpg", "width": 4000, "height": 3000} for n in range(9973))
            out.write('{"images": [' + ",".join(map(json.dumps, images)) + '], "annotations": [')
            row = '{"id": %d, "image_id": %d, "category_id": 1, "bbox": [%d, 10, 50, 80.5], "iscrowd": 0}'
            out.writelines((", " if n else "") + row % (n, n % 9973, n % 3000) for n in range(MILLION))
            out.write('], "categories": [{"id": 1, "name": "car"}]}')
    before, started = peak_mb(), time.monotonic()
    with open_dataset(folder, fmt) as dataset:
        labels = sum(len(picture.labels or ()) + picture.left_out for picture in dataset.pictures())
        said = len(dataset.problems)
    seconds = round(time.monotonic() - started, 1)
    return {"rows": MILLION, "labels": labels, "said": said, "read_s": seconds, "read_mb": round(peak_mb() - before, 1)}


def _stem(name: str) -> str:
    """Return what is the same in all formats: VOC has no folders, YOLO's label files no suffix."""
    return name.rpartition("/")[2].removesuffix(".jpg")


def in_process(task: str, *args: str) -> Any:
    """Run one part in a process of its own, whose peak of memory is that part's."""
    command = [sys.executable, "-m", "tests.bench.formats", task, *args]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout or "null")


def main() -> None:
    """Measure all formats and write what came of it."""
    from tasks.dataset.formats.registry import FORMATS
    from tests.bench.formats_judges import judge

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="labelline-formats-") as room:
        for pictures, name in ((FEW_PICTURES, "few"), (PICTURES, "many")):
            in_process("build", f"sqlite:///{room}/{name}.sqlite", str(pictures))
        for fmt in (name for name, each in FORMATS.items() if "box" in each.shapes):
            few = in_process("export", f"sqlite:///{room}/few.sqlite", f"{room}/few-{fmt}", fmt)
            many = in_process("export", f"sqlite:///{room}/many.sqlite", f"{room}/{fmt}", fmt)
            back = in_process("compare", f"{room}/{fmt}", fmt, str(PICTURES))
            found[fmt] = {**many, "write_mb_of_a_tenth": few["write_mb"], **back}
            print(fmt, found[fmt], flush=True)
        million = {fmt: in_process("million", f"{room}/million-{fmt}", fmt) for fmt in ("csv", "coco")}
        print("a million rows:", million, flush=True)
        judged = judge(Path(room))
        print("read by others:", judged)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({**found, "million": million, "judges": judged}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case ["build", url, pictures]:
            build(url, int(pictures))
        case ["export", url, folder, fmt]:
            print(json.dumps(export(url, Path(folder), fmt)))
        case ["compare", folder, fmt, pictures]:
            print(json.dumps(compare(Path(folder), fmt, int(pictures))))
        case ["million", folder, fmt]:
            print(json.dumps(read_million(Path(folder), fmt)))
