"""COCO: one JSON file for many pictures; written as a stream (`coco_stream.py`).

Source:
    https://cocodataset.org/#format-data
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from blocks.errors import BadTruth
from blocks.shapes import Bounds
from blocks.storage.outside_files import parse_json, read_bounded
from tasks.dataset.formats.reading import TruthReading, pictures_in, visible
from tasks.dataset.formats.target import SPLITS, Target
from tasks.dataset.original_names import told_apart

MAX_COCO_BYTES = 512 << 20
"""The largest file of COCO itself has 449 MB."""


class CocoFormat:
    """`annotations/instances_<split>.json` and `images/<split>/`."""

    name = "coco"
    shapes = frozenset({"box"})

    def read(self, folder: Path) -> TruthReading:
        """Read all JSON files with annotations; a picture they list without annotations shows nothing."""
        reading = TruthReading()
        by_name = {path.name: path for path in pictures_in(folder)}
        listed: set[str] = set()
        for path in visible(folder.rglob("*.json")):
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
                    reading.boxes[name].extend(boxes.get(_key(image.get("id")), []))
        for name in sorted(by_name.keys() - listed):
            reading.add(by_name[name], None)
        return reading

    def write(self, target: Target) -> None:
        """Write pictures, and a file of annotations for each split."""
        from tasks.dataset.formats.coco_stream import CocoFile

        facts = {"description": target.manifest.collection, "snapshot": target.manifest.id}
        with ExitStack() as files:
            by_split = {
                split: files.enter_context(
                    CocoFile(target.place / "annotations" / f"instances_{split}.json", target.manifest.classes, facts)
                )
                for split in SPLITS
            }
            for picture in target.pictures():
                item, name = picture.item, picture.name
                labels, found = target.usable(item)
                if (target.place / "images" / item.split / name).exists():
                    name = told_apart(name, item)
                by_split[item.split].add(name.as_posix(), (item.width, item.height), labels, found)
                target.put_image(item, target.place / "images" / item.split / name)
                target.count(picture, name, labels)


def _coco_document(path: Path) -> dict[str, Any] | None:
    document = parse_json(read_bounded(path, BadTruth, MAX_COCO_BYTES), str(path), BadTruth)
    if not isinstance(document, dict) or "annotations" not in document:
        return None  # captions, settings and the like may lie beside the labels
    wrong = [key for key in ("images", "annotations", "categories") if not _is_list_of_tables(document.get(key))]
    if wrong:
        raise BadTruth(f"{path} has no list of {' and '.join(wrong)}: expected COCO detection labels")
    return document


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _coco_boxes(document: dict[str, Any], path: Path, reading: TruthReading) -> dict[Any, list[tuple[str, Bounds]]]:
    named = [category for category in document["categories"] if category.get("name") is not None]
    names = {_key(category.get("id")): str(category["name"]) for category in named}
    reading.classes += [name for name in names.values() if name not in reading.classes]
    boxes: dict[Any, list[tuple[str, Bounds]]] = {}
    for number, found in enumerate(document["annotations"], start=1):
        name = names.get(_key(found.get("category_id")))
        try:
            x, y, width, height = (float(value) for value in found.get("bbox") or ())
        except (TypeError, ValueError, OverflowError):
            reading.problems.append(f"{path.name}, annotation {number}: no 'bbox' of four numbers; it is left out")
            continue
        if name is None or found.get("iscrowd"):
            why = "a crowd, not one object" if name else f"unknown category {found.get('category_id')!r}"
            reading.problems.append(f"{path.name}, annotation {number}: {why}; it is left out")
            continue
        boxes.setdefault(_key(found.get("image_id")), []).append((name, (x, y, x + width, y + height)))
    return boxes


def _key(value: Any) -> Any:
    """Return an id as a key: lists and tables, which are none, by their text."""
    return value if isinstance(value, int | str) else repr(value)
