"""YOLO: a text file for each picture, a line for each box, in shares of the picture.

Source:
    https://docs.ultralytics.com/datasets/detect
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import yaml

from blocks.shapes import Polygon
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import SPLITS, Target, WrittenLabel, WrittenPicture
from tasks.dataset.formats.yolo.label_files import LINE, is_label_file, label_file_of, picture_of, picture_with
from tasks.dataset.formats.yolo.names import read_facts
from tasks.dataset.manifest import ManifestItem
from tasks.dataset.original_names import MOST_NAME_BYTES, told_apart

ULTRALYTICS_READS = frozenset({".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
"""By their suffix; other files in an `images/` folder are not seen."""


RINGS_LOST = "polygons of which holes or further parts are lost: a row of YOLO is one outline (coco keeps them)"


class YoloFormat:
    """`images/<split>/`, `labels/<split>/` and `data.yaml`."""

    name = "yolo"
    shapes = frozenset({"box", "polygon"})
    unit = LINE
    holds_texts = False
    rooms: frozenset[Room] = frozenset()

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read a text file for each picture; files of pictures that are not there, too, where their size is known."""
        facts = read_facts(reading)
        reading.classes.update(dict.fromkeys(facts.names))
        shared: dict[str, str] = {}
        for name in reading.files.pictures:
            labels = label_file_of(name, reading.files)
            if labels is not None and shared.setdefault(labels, name) != name:
                reading.problems.add(
                    Oddity.AMBIGUOUS_PICTURE, name, "", f"shares {labels} with {shared[labels]}", "note"
                )
            sight = reading.see(name)
            if sight is not None:
                yield picture_with(reading, sight, labels, facts)
        for labels in reading.files.with_suffix(".txt"):
            if labels not in shared and is_label_file(labels, reading.files):
                sight = reading.see(picture_of(labels))
                if sight is not None:
                    yield picture_with(reading, sight, labels, facts)

    def write(self, target: Target) -> None:
        """Write pictures and labels, and the list of names."""
        for split in SPLITS:
            for kind in ("images", "labels"):
                (target.place / kind / split).mkdir(parents=True)
        numbers = {name: number for number, name in enumerate(target.manifest.classes)}
        taken: set[str] = set()
        for written in target.pictures():
            item, name = written.item, _name_for(written, target, taken)
            path = (target.place / "labels" / item.split / name).with_suffix(".txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(_line(each, item, numbers) for each in written.labels), encoding="utf-8")
            target.result.notes[RINGS_LOST] += sum(_loses_rings(each) for each in written.labels)
            target.put_image(item, target.place / "images" / item.split / name)
            target.count(written, name)
        # Without `path` ultralytics looks beside the file, so the folder can be moved.
        data = {**{split: f"images/{split}" for split in SPLITS}, "names": dict(enumerate(target.manifest.classes))}
        if target.manifest.kind != "boxes":
            data["task"] = "segment"  # three corners would else be taken for something else
        (target.place / "data.yaml").write_text(
            yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )


def _name_for(written: WrittenPicture, target: Target, taken: set[str]) -> PurePosixPath:
    """Return a name that ultralytics sees, and whose label file is no other picture's."""
    item, name = written.item, written.name
    if name.suffix.lower() not in ULTRALYTICS_READS:
        name = name.with_name(f"{name.name}{PurePosixPath(item.key).suffix}")
    if len(name.name.encode()) > MOST_NAME_BYTES:  # with the suffix that was put to it
        name = told_apart(name, item)
    if name.suffix.lower() not in ULTRALYTICS_READS:
        target.result.notes["pictures of a format that ultralytics does not read (convert them)"] += 1
    if f"{item.split}/{name.with_suffix('')}".casefold() in taken:
        name = told_apart(name, item)  # a.jpg and a.png would share a.txt
    taken.add(f"{item.split}/{name.with_suffix('')}".casefold())
    return name


def _line(each: WrittenLabel, item: ManifestItem, numbers: Mapping[str, int]) -> str:
    number = numbers[each.label.class_name]
    if isinstance(each.label.shape, Polygon):
        ring = max((piece.points for piece in each.label.shape.pieces), key=_area)
        return f"{number} " + " ".join(f"{x / item.width:.8f} {y / item.height:.8f}" for x, y in ring) + "\n"
    left, top, right, bottom = each.box_xyxy_px or each.label.box_xyxy_px
    x, y = (left + right) / 2 / item.width, (top + bottom) / 2 / item.height
    width, height = (right - left) / item.width, (bottom - top) / item.height
    # Eight digits: a thousandth of a pixel in the widest picture.
    return f"{number} {x:.8f} {y:.8f} {width:.8f} {height:.8f}\n"


def _area(ring: Sequence[tuple[float, float]]) -> float:
    pairs = zip(ring, (*ring[1:], ring[0]), strict=True)
    return abs(sum(x * below - right * y for (x, y), (right, below) in pairs))


def _loses_rings(each: WrittenLabel) -> bool:
    shape = each.label.shape
    return isinstance(shape, Polygon) and bool(shape.holes or shape.parts)
