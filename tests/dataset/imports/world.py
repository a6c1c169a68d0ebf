"""Small datasets as people have them, and an import of them from its first step to its last."""

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import BatchItem, Label
from blocks.storage.stores import Store
from tasks.dataset.imports.bring_in import begin, bring_in_part, end
from tasks.dataset.imports.options import ImportOptions, Purpose
from tasks.dataset.imports.preparing.prepare import prepare_import
from tasks.dataset.imports.report import ImportReport
from tasks.dataset.imports.splits import keep_splits
from tasks.intake.folders import take_in
from tasks.intake.sequences import assign_splits

COLLECTION = "lot"

Edges = tuple[float, float, float, float]
Boxes = Mapping[str, Sequence[tuple[str, Edges]]]
"""Class and edges of each label, by name of the picture."""


def draw(path: Path, size_wh: tuple[int, int] = (100, 50)) -> Path:
    """A picture that no other one is like."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(str(path).encode())
    noise = np.random.default_rng(seed).integers(0, 255, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def yolo(
    folder: Path, boxes: Boxes, names: Sequence[str] = ("car", "bus"), size_wh: tuple[int, int] = (100, 50)
) -> Path:
    """Label files beside the pictures' names, as shares of the picture."""
    write(folder / "classes.txt", "\n".join(names))
    for name, mine in boxes.items():
        rows = [
            f"{names.index(class_name)} {(left + right) / 2 / size_wh[0]:.9f} {(top + bottom) / 2 / size_wh[1]:.9f} "
            f"{(right - left) / size_wh[0]:.9f} {(bottom - top) / size_wh[1]:.9f}"
            for class_name, (left, top, right, bottom) in mine
        ]
        write((folder / name).with_suffix(".txt"), "".join(f"{row}\n" for row in rows))
    return folder


def coco(path: Path, boxes: Boxes, size_wh: tuple[int, int] = (100, 50), scores: Sequence[float] = ()) -> Path:
    """One file for all pictures; scores in the order of the labels."""
    classes = sorted({class_name for mine in boxes.values() for class_name, _ in mine})
    annotations: list[dict[str, Any]] = []
    for image, mine in enumerate(boxes.values(), start=1):
        for class_name, (left, top, right, bottom) in mine:
            row = {"id": len(annotations) + 1, "image_id": image, "category_id": classes.index(class_name) + 1}
            row |= {"bbox": [left, top, right - left, bottom - top]}
            row |= {"score": scores[len(annotations)]} if scores else {}
            annotations.append(row)
    images = [
        {"id": number, "file_name": name, "width": size_wh[0], "height": size_wh[1]}
        for number, name in enumerate(boxes, start=1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    write(path, json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def bring(
    engine: Engine, store: Store, path: Path, purpose: Purpose = "truth", pictures_in_part: int = 256, **asked: Any
) -> ImportReport:
    """Import as the flow does."""
    options = ImportOptions.model_validate({"path": str(path), "collection": COLLECTION, "purpose": purpose, **asked})
    plan = prepare_import(engine, store, options, pictures_in_part=pictures_in_part)
    begin(engine, plan)
    parts = [bring_in_part(engine, store, plan, number) for number in range(len(plan.parts))]
    keep_splits(engine, store, plan)
    assign_splits(engine, plan.collection)
    return end(engine, store, plan, parts)


def take(engine: Engine, store: Store, *paths: Path) -> None:
    """Take pictures in, as a folder that was labelled elsewhere by name only."""
    take_in(engine, store, COLLECTION, paths)


def labels(engine: Engine) -> list[Label]:
    """All rows, revisions and retractions included."""
    with reading(engine) as session:
        rows = session.exec(select(Label)).all()
    return sorted(rows, key=lambda row: (row.x_min or 0, row.region, row.revision))


def settled(engine: Engine) -> set[str]:
    with reading(engine) as session:
        return {row.item_id for row in session.exec(select(BatchItem)) if row.settled_at is not None}
