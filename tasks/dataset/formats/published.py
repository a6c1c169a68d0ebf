"""Truth from a folder of pictures: label files in YOLO, COCO or Pascal VOC format, or a folder for each class.

For simulated annotators, benchmarks and imports. The three formats are read here rather than by a library, since a
label that cannot be used must be reported with its file, not dropped in silence and not end the reading.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from blocks.errors import BadTruth
from blocks.storage.outside_files import open_regular
from tasks.dataset.formats.coco import MAX_COCO_BYTES
from tasks.dataset.formats.reading import TruthReading
from tasks.dataset.formats.registry import FORMATS

TruthFormat = Literal["auto", "yolo", "coco", "voc", "folders"]


@dataclass(frozen=True, slots=True)
class TruthBox:
    """One true object: pixels x_min, y_min, x_max, y_max of the upright picture."""

    class_name: str
    box_xyxy_px: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a folder says about its pictures.

    Attributes:
        boxes: By file name of the picture. A picture that is known to be empty has (); one whose labels are missing is
            not here, and is named in `problems`.
        classes: All class names, in the order of the folder's own list where it has one.
        pictures: Where each picture of `boxes` and `wholes` is, by its name there.
        problems: What could not be used, and why: one sentence each.
        wholes: Class of a whole picture, by its path below the folder.
    """

    boxes: dict[str, tuple[TruthBox, ...]]
    classes: tuple[str, ...]
    pictures: dict[str, Path]
    problems: tuple[str, ...]
    wholes: Mapping[str, str] = field(default_factory=dict)


def read_truth(folder: Path, fmt: TruthFormat = "auto") -> Truth:
    """Read the true boxes of a folder's pictures.

    Args:
        folder: Pictures and label files, in the usual layouts of their format: `images/` and `labels/` or side by side
            with a list of names (YOLO), `JPEGImages/` and `Annotations/` (VOC), a `.json` with categories (COCO).
        fmt: The format; "auto" finds it out from the label files. Folders per class have none, and must be named.

    Returns:
        Boxes by picture. Degenerate boxes are left out and reported, boxes over the border are cut at it.

    Raises:
        BadTruth: No such folder, no label file of a known format, several formats, or a file that all else stands on
            (names, JSON) is missing or broken.
    """
    if not folder.is_dir():
        raise BadTruth(
            f"{folder} is not a folder: expected one with pictures and label files in YOLO, COCO or VOC format"
        )
    reading = FORMATS[_format_of(folder) if fmt == "auto" else fmt].read(folder)
    problems = list(reading.problems)
    boxes: dict[str, tuple[TruthBox, ...]] = {}
    for name in sorted(reading.boxes):
        boxes[name] = tuple(_usable(reading, name, problems))
    classes = dict.fromkeys(reading.classes) | dict.fromkeys(
        box.class_name for found in boxes.values() for box in found
    )
    return Truth(boxes, tuple(classes), reading.pictures, tuple(problems), reading.wholes)


def _usable(reading: TruthReading, name: str, problems: list[str]) -> list[TruthBox]:
    width, height = reading.sizes_wh[name]
    found = []
    for class_name, (x_min, y_min, x_max, y_max) in reading.boxes[name]:
        cut = (max(x_min, 0.0), max(y_min, 0.0), min(x_max, float(width)), min(y_max, float(height)))
        if cut[2] > cut[0] and cut[3] > cut[1]:  # also false for NaN
            found.append(TruthBox(class_name, cut))
        else:
            problems.append(
                f"{name}: a {class_name} box without area inside the picture "
                f"({x_min:g}, {y_min:g}, {x_max:g}, {y_max:g} in {width}×{height}) is left out"
            )
    return found


def _format_of(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    has = {path.suffix.lower() for path in files}
    in_voc_folder = any(path.suffix.lower() == ".xml" for path in files)
    json_files = [path for path in files if path.suffix.lower() == ".json"]
    candidates = []
    if in_voc_folder:
        candidates.append("voc")
    if any(_looks_like_coco(path) for path in json_files):
        candidates.append("coco")
    if not candidates and ".txt" in has:
        candidates.append("yolo")
    if len(candidates) == 1:
        return candidates[0]
    what = f"labels of several formats ({' and '.join(candidates)})" if candidates else "no labels of a known format"
    raise BadTruth(
        f"{folder} has {what}: expected YOLO (.txt), COCO (.json with 'annotations') or VOC (.xml). "
        "Say which with the format option, or point to the folder that has one of them."
    )


def _looks_like_coco(path: Path) -> bool:
    with open_regular(path, BadTruth, MAX_COCO_BYTES) as file:
        start = file.read(1 << 20)
        file.seek(max(0, os.fstat(file.fileno()).st_size - (1 << 20)))
        return b'"annotations"' in start or b'"annotations"' in file.read()
