"""The three label formats, each read into the same plain shape; what is odd in a file becomes a sentence.

Sources: docs.ultralytics.com/datasets/detect (YOLO), cocodataset.org/#format-data (COCO), the PASCAL VOC 2012
development kit, section 4 (VOC; corners are taken as they stand, as labelImg writes them).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml
from PIL import Image, UnidentifiedImageError

from blocks.errors import BadTruth

Corners = tuple[float, float, float, float]

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm"})

MAX_XML_BYTES = 16 << 20
"""A label file of one picture is never larger; what is larger was made to hurt."""


@dataclass(slots=True)
class Reading:
    """What was read so far: boxes by picture name, unchecked corners in pixels, and what could not be used."""

    classes: list[str] = field(default_factory=list)
    boxes: dict[str, list[tuple[str, Corners]]] = field(default_factory=dict)
    sizes_wh: dict[str, tuple[int, int]] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, path: Path, boxes: list[tuple[str, Corners]] | None) -> bool:
        """Note a picture with its boxes, or that its labels are missing; False: it cannot be used."""
        if boxes is None:
            self.problems.append(f"{path.name}: no labels; an empty label file would say that it shows nothing")
            return False
        try:
            self.sizes_wh[path.name] = upright_size(path)
        except (UnidentifiedImageError, OSError) as error:
            self.problems.append(f"{path.name}: not a readable picture ({error})")
            return False
        self.boxes[path.name] = boxes
        self.pictures[path.name] = path
        return True


def upright_size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture as it is seen upright, from its header."""
    with Image.open(path) as image:
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return (image.height, image.width) if turned else (image.width, image.height)


def read_yolo(folder: Path) -> Reading:
    """Read `class x y w h` lines in shares of the picture; longer lines are polygons, of which the box is taken."""
    reading = Reading(classes=_yolo_names(folder))
    for path in _pictures(folder):
        labels = _yolo_label_file(path)
        if reading.add(path, None if labels is None else []) and labels is not None:
            reading.boxes[path.name] = list(_yolo_boxes(labels, reading, path.name))
    return reading


def _yolo_label_file(picture: Path) -> Path | None:
    parts = list(picture.with_suffix(".txt").parts)
    beside = Path(*parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index].lower() == "images":
            mirrored = Path(*parts[:index], "labels", *parts[index + 1 :])
            return mirrored if mirrored.is_file() else beside if beside.is_file() else None
    return beside if beside.is_file() else None


def _yolo_boxes(labels: Path, reading: Reading, name: str) -> Iterator[tuple[str, Corners]]:
    width, height = reading.sizes_wh[name]
    for number, line in enumerate(labels.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            class_id, *values = (float(word) for word in line.split())
            class_name = reading.classes[_whole(class_id, len(reading.classes))]
            left, top, right, bottom = _yolo_corners(values)
        except ValueError as error:
            reading.problems.append(f"{labels.name}, line {number}: {error}; the line is left out")
            continue
        yield class_name, (left * width, top * height, right * width, bottom * height)


def _yolo_corners(values: list[float]) -> Corners:
    if len(values) in (4, 5):  # a fifth value is a score
        x, y, width, height = values[:4]
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(values) >= 6 and len(values) % 2 == 0:
        return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
    raise ValueError(f"expected 'class x y w h', got {len(values) + 1} values")


def _whole(value: float, known: int) -> int:
    if value not in range(known):
        raise ValueError(f"class number {value:g}, but there are {known} names")
    return int(value)


def _yolo_names(folder: Path) -> list[str]:
    lists = sorted([*folder.rglob("*.names"), *folder.rglob("classes.txt")])
    for path in lists[:1]:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
        try:
            names = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("names")
        except (yaml.YAMLError, AttributeError) as error:
            raise BadTruth(f"{path} is not a YAML file with 'names': {error}") from error
        if isinstance(names, dict):
            return [str(names.get(number, f"class {number}")) for number in range(max(names, default=-1) + 1)]
        if isinstance(names, list):
            return [str(name) for name in names]
    raise BadTruth(
        f"{folder} has no list of class names for its YOLO labels: expected a .yaml with 'names', a .names file or "
        "classes.txt, with one name a line in the order of the class numbers."
    )


def read_voc(folder: Path) -> Reading:
    """Read one XML file for each picture, found by the picture's name."""
    annotations: dict[str, Path] = {path.stem: path for path in _visible(folder.rglob("*.xml"))}
    reading = Reading()
    for path in _pictures(folder):
        xml = annotations.get(path.stem)
        boxes = list(_voc_boxes(xml, reading)) if xml else None
        reading.add(path, boxes)
    reading.classes = sorted({name for boxes in reading.boxes.values() for name, _ in boxes})
    return reading


def _voc_boxes(xml: Path, reading: Reading) -> Iterator[tuple[str, Corners]]:
    data = xml.read_bytes()
    if len(data) > MAX_XML_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        reading.problems.append(f"{xml.name}: refused, VOC labels have no document type and are never this large")
        return
    try:
        root = ElementTree.fromstring(data)  # noqa: S314  # entities, the danger of XML, are refused above
    except ElementTree.ParseError as error:
        reading.problems.append(f"{xml.name}: broken XML ({error}); its boxes are left out")
        return
    for number, found in enumerate(root.iter("object"), start=1):
        try:
            name = (found.findtext("name") or "").strip()
            box = found.find("bndbox")
            if not name or box is None:
                raise ValueError("no name or no bndbox")
            edges = [float(box.findtext(tag) or "nan") for tag in ("xmin", "ymin", "xmax", "ymax")]
        except ValueError as error:
            reading.problems.append(f"{xml.name}, object {number}: {error}; it is left out")
            continue
        yield name, (edges[0], edges[1], edges[2], edges[3])


def read_coco(folder: Path) -> Reading:
    """Read all JSON files with annotations; a picture they list without annotations shows nothing."""
    reading = Reading()
    by_name = {path.name: path for path in _pictures(folder)}
    listed: set[str] = set()
    for path in _visible(folder.rglob("*.json")):
        document = _coco_document(path)
        if document is None:
            continue
        boxes = _coco_boxes(document, path, reading)
        for image in document["images"]:
            name = Path(str(image.get("file_name", ""))).name
            listed.add(name)
            if name not in by_name:
                reading.problems.append(f"{name or image!r}: listed in {path.name}, but there is no such picture")
            elif reading.add(by_name[name], []):
                reading.boxes[name].extend(boxes.get(image.get("id"), []))
    for name in sorted(by_name.keys() - listed):
        reading.add(by_name[name], None)
    return reading


def _coco_document(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadTruth(f"{path} is broken JSON ({error}): export it again") from error
    if not isinstance(document, dict) or "annotations" not in document:
        return None  # captions, settings and the like may lie beside the labels
    wrong = [key for key in ("images", "annotations", "categories") if not isinstance(document.get(key), list)]
    if wrong:
        raise BadTruth(f"{path} has no list of {' and '.join(wrong)}: expected COCO detection labels")
    return document


def _coco_boxes(document: dict[str, Any], path: Path, reading: Reading) -> dict[Any, list[tuple[str, Corners]]]:
    names = {category.get("id"): str(category.get("name")) for category in document["categories"]}
    reading.classes += [name for name in names.values() if name not in reading.classes]
    boxes: dict[Any, list[tuple[str, Corners]]] = {}
    for number, found in enumerate(document["annotations"], start=1):
        name = names.get(found.get("category_id"))
        try:
            x, y, width, height = (float(value) for value in found.get("bbox") or ())
        except (TypeError, ValueError):
            reading.problems.append(f"{path.name}, annotation {number}: no 'bbox' of four numbers; it is left out")
            continue
        if name is None or found.get("iscrowd"):
            why = "a crowd, not one object" if name else f"unknown category {found.get('category_id')!r}"
            reading.problems.append(f"{path.name}, annotation {number}: {why}; it is left out")
            continue
        boxes.setdefault(found.get("image_id"), []).append((name, (x, y, x + width, y + height)))
    return boxes


def _pictures(folder: Path) -> list[Path]:
    found = [path for path in _visible(folder.rglob("*")) if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    twice = [name for name, count in Counter(path.name for path in found).items() if count > 1]
    if twice:
        raise BadTruth(
            f"{folder} has several pictures named {twice[0]} (and {len(twice) - 1} more such names), and truth is "
            "found by name: read the folders below it one by one."
        )
    return found


def _visible(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if not path.name.startswith("."))
