"""YOLO: a text file for each picture, a line for each box, in shares of the picture.

Source:
    https://docs.ultralytics.com/datasets/detect
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from blocks.errors import BadTruth
from blocks.shapes import Bounds
from blocks.storage.outside_files import MOST_YAML_BYTES, decode_text, parse_yaml, read_bounded
from tasks.dataset.formats.reading import MAX_LABEL_BYTES, TruthReading, pictures_in
from tasks.dataset.formats.target import SPLITS, Target
from tasks.dataset.original_names import MOST_NAME_BYTES, told_apart

ULTRALYTICS_READS = frozenset({".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
"""By their suffix; other files in an `images/` folder are not seen."""

MAX_CLASSES = 10_000
"""As many as weights may name."""


class YoloFormat:
    """`images/<split>/`, `labels/<split>/` and `data.yaml`."""

    name = "yolo"
    shapes = frozenset({"box"})

    def read(self, folder: Path) -> TruthReading:
        """Read `class x y w h` lines in shares of the picture; longer lines are polygons, of which the box is taken."""
        reading = TruthReading(classes=_yolo_names(folder))
        for path in pictures_in(folder):
            labels = _yolo_label_file(path)
            if reading.add(path, None if labels is None else []) and labels is not None:
                reading.boxes[path.name] = list(_yolo_boxes(labels, reading, path.name))
        return reading

    def write(self, target: Target) -> None:
        """Write pictures and labels, and the list of names."""
        from supervision.dataset.formats.yolo import detections_to_yolo_annotations

        for split in SPLITS:
            for kind in ("images", "labels"):
                (target.place / kind / split).mkdir(parents=True)
        for picture in target.pictures():
            item, name = picture.item, picture.name
            if name.suffix.lower() not in ULTRALYTICS_READS:
                name = name.with_name(f"{name.name}{PurePosixPath(item.key).suffix}")
            if len(name.name.encode()) > MOST_NAME_BYTES:  # with the suffix that was put to it
                name = told_apart(name, item)
            if name.suffix.lower() not in ULTRALYTICS_READS:
                target.result.notes["pictures of a format that ultralytics does not read (convert them)"] += 1
            if (target.place / "labels" / item.split / name).with_suffix(".txt").exists():
                name = told_apart(name, item)  # a.jpg and a.png would share a.txt
            labels, found = target.usable(item)
            text = "".join(f"{line}\n" for line in detections_to_yolo_annotations(found, (item.height, item.width)))
            path = (target.place / "labels" / item.split / name).with_suffix(".txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            target.put_image(item, target.place / "images" / item.split / name)
            target.count(picture, name, labels)
            kinds = sum(1 for label in labels if label.kind)
            if kinds:
                target.result.notes["labels with an exact kind, which YOLO cannot hold (COCO does)"] += kinds
        # Without `path` ultralytics looks beside the file, so the folder can be moved.
        data = {**{split: f"images/{split}" for split in SPLITS}, "names": dict(enumerate(target.manifest.classes))}
        (target.place / "data.yaml").write_text(
            yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )


def _yolo_label_file(picture: Path) -> Path | None:
    parts = list(picture.with_suffix(".txt").parts)
    beside = Path(*parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index].lower() == "images":
            mirrored = Path(*parts[:index], "labels", *parts[index + 1 :])
            return mirrored if mirrored.is_file() else beside if beside.is_file() else None
    return beside if beside.is_file() else None


def _yolo_boxes(labels: Path, reading: TruthReading, name: str) -> Iterator[tuple[str, Bounds]]:
    width, height = reading.sizes_wh[name]
    try:
        text = read_bounded(labels, BadTruth, MAX_LABEL_BYTES).decode("utf-8", "replace")
    except BadTruth as error:
        reading.problems.append(f"{name}: {error}; its labels are left out")
        return
    for number, line in enumerate(text.splitlines(), start=1):
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


def _yolo_corners(values: list[float]) -> Bounds:
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
        text = decode_text(read_bounded(path, BadTruth, MOST_YAML_BYTES), str(path), BadTruth)
        return _checked_names([line.strip() for line in text.splitlines() if line.strip()], path)
    for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
        document = parse_yaml(read_bounded(path, BadTruth, MOST_YAML_BYTES), str(path), BadTruth)
        names = document.get("names") if isinstance(document, dict) else None
        if isinstance(names, dict):
            return _names_by_number(names, path)
        if isinstance(names, list):
            return _checked_names([_name(name, path) for name in names], path)
    raise BadTruth(
        f"{folder} has no list of class names for its YOLO labels: expected a .yaml with 'names', a .names file or "
        "classes.txt, with one name a line in the order of the class numbers."
    )


def _names_by_number(names: dict[Any, Any], path: Path) -> list[str]:
    by_number: dict[int, str] = {}
    for key, name in names.items():
        number = key if isinstance(key, int) else int(key) if isinstance(key, str) and key.isdecimal() else -1
        if not 0 <= number < MAX_CLASSES:
            raise BadTruth(f"{path} names a class number {key!r}: expected whole numbers from 0 to {MAX_CLASSES - 1:,}")
        by_number[number] = _name(name, path)
    return [by_number.get(number, f"class {number}") for number in range(max(by_number, default=-1) + 1)]


def _name(name: Any, path: Path) -> str:
    if name is None or isinstance(name, bool):  # YAML takes no, off, yes and null for these
        raise BadTruth(f"{path} names a class that YAML reads as {name}, not as a word: put it in quotes, such as 'no'")
    return str(name)


def _checked_names(names: list[str], path: Path) -> list[str]:
    if len(names) > MAX_CLASSES:
        raise BadTruth(f"{path} names {len(names):,} classes: at most {MAX_CLASSES:,} are read")
    return names
