"""Labels of real pictures go in as truth and out as COCO, and pycocotools finds each where its own file has it."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import yaml
from PIL import Image
from pycocotools.coco import COCO
from sqlalchemy import Engine

from blocks.storage.stores import Store
from tasks.dataset.imports import report as told
from tasks.dataset.take_along import take_along
from tests.dataset.imports.world import bring

Row = tuple[str, str, float, float, float, float]
"""File name, class, and left, top, width and height in pixels."""


def as_their_files_say(folder: Path) -> list[Row]:
    names = yaml.safe_load((folder / "config.yaml").read_text())["names"]
    rows: list[Row] = []
    for path in sorted((folder / "images").rglob("*.jpg")):
        with Image.open(path) as image:
            wide, high = image.size
        labels = folder / "labels" / path.relative_to(folder / "images").with_suffix(".txt")
        for line in labels.read_text().splitlines() if labels.is_file() else ():
            number, x, y, width, height = (float(word) for word in line.split())
            box = ((x - width / 2) * wide, (y - height / 2) * high, width * wide, height * high)
            rows.append((path.name, names[int(number)], *box))
    return rows


def as_pycocotools_says(folder: Path) -> list[Row]:
    rows: list[Row] = []
    for path in sorted(folder.glob("instances_*.json")):
        with redirect_stdout(StringIO()):
            coco = COCO(str(path))
        for row in coco.loadAnns(coco.getAnnIds()):
            name = Path(coco.imgs[row["image_id"]]["file_name"]).name
            rows.append((name, coco.cats[row["category_id"]]["name"], *row["bbox"]))
    return rows


def test_every_label_of_coco_val128_is_where_it_was(
    engine: Engine, store: Store, tmp_path: Path, shared_data: Path
) -> None:
    folder = shared_data / "coco_val128"
    report = bring(engine, store, folder)
    assert (report.counts.pictures, report.counts.labels) == ({told.SETTLED: 128}, {told.NEW: 898})
    assert report.counts.kinds == {}
    result = take_along(engine, store, "lot", tmp_path / "out", "coco", "none")
    assert (sum(result.pictures.values()), dict(result.notes)) == (128, {})
    found = as_pycocotools_says(tmp_path / "out" / "annotations")
    assert len(found) == 898
    for name, class_name, *edges in as_their_files_say(folder):
        alike = [row for row in found if row[:2] == (name, class_name)]
        nearest = min(alike, key=lambda row: max(abs(a - b) for a, b in zip(row[2:], edges, strict=True)))
        assert nearest[2:] == pytest.approx(edges, abs=0.01)
        found.remove(nearest)
    assert found == []
