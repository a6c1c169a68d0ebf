"""What a drawn picture shows, to the pixel, and how it is written down: YOLO label files and the trucks' kinds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.demo.scenes.lots import SIZE_WH
from infra.demo.scenes.strokes import Image, fill
from infra.demo.scenes.vehicles import CLASSES, Vehicle

MIN_VISIBLE_SHARE = 0.4
"""A vehicle that shows less is no truth: people would not find it either."""


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """One visible vehicle: axis-aligned pixels, class, and the exact kind of a truck."""

    class_name: str
    kind: str | None
    x_min: float
    y_min: float
    x_max: float
    y_max: float


def visible_box(vehicle: Vehicle, hidden: Image) -> DrawnBox | None:
    """Return the box of what a picture shows of a vehicle, or None where too little of it is seen.

    Args:
        vehicle: Its outline may reach over the picture's edge.
        hidden: Mask (0 to 255) of what tree crowns hide, shape (height, width).
    """
    outline = vehicle.outline
    low, high = np.floor(outline.min(axis=0)).astype(int) - 1, np.ceil(outline.max(axis=0)).astype(int) + 1
    body = np.zeros((high - low)[::-1], np.uint8)
    fill(body, outline - low, 255)
    whole = np.count_nonzero(body > 127)
    height, width = hidden.shape
    left, top, right, bottom = max(low[0], 0), max(low[1], 0), min(high[0], width), min(high[1], height)
    if left >= right or top >= bottom:
        return None
    window = body[top - low[1] : bottom - low[1], left - low[0] : right - low[0]] > 127
    rows, columns = np.nonzero(window & (hidden[top:bottom, left:right] == 0))
    if len(rows) < MIN_VISIBLE_SHARE * whole:
        return None
    edges = (left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1)
    return DrawnBox(vehicle.class_name, vehicle.kind, *(float(edge) for edge in edges))


def yolo_line(box: DrawnBox, size_wh: tuple[int, int]) -> str:
    """Return a box as a line of a YOLO label file: class, then middle and size in shares of the picture."""
    width, height = size_wh
    middle_x, middle_y = (box.x_min + box.x_max) / 2 / width, (box.y_min + box.y_max) / 2 / height
    wide, high = (box.x_max - box.x_min) / width, (box.y_max - box.y_min) / height
    return f"{CLASSES.index(box.class_name)} {middle_x:.6f} {middle_y:.6f} {wide:.6f} {high:.6f}\n"


def write_truth(folder: Path, truth: Mapping[str, Sequence[DrawnBox]]) -> None:
    """Write `labels/*.txt`, `labels/classes.txt` and `kinds.json` (per picture, parallel to its label lines)."""
    labels = folder / "labels"
    labels.mkdir(parents=True, exist_ok=True)
    for name, boxes in truth.items():
        (labels / f"{Path(name).stem}.txt").write_text("".join(yolo_line(box, SIZE_WH) for box in boxes))
    (labels / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    kinds = {name: [box.kind for box in boxes] for name, boxes in truth.items()}
    (folder / "kinds.json").write_text(json.dumps(kinds, indent=1) + "\n")
