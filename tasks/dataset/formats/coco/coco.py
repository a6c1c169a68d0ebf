"""COCO: one JSON file for many pictures; written as a stream (`stream.py`).

Source:
    https://cocodataset.org/#format-data
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from blocks.errors import BadTruth
from blocks.shapes import FARTHEST_PX
from tasks.dataset.formats.coco.segmentation import outline_of
from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity, fault_of
from tasks.dataset.formats.reading.json_stream import entries
from tasks.dataset.formats.reading.look import look_at
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import ListedPicture, PictureTable
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import SPLITS, Target

ANNOTATION = "annotation"


class CocoFormat:
    """`annotations/instances_<split>.json` and `images/<split>/`."""

    name = "coco"
    shapes = frozenset({"box", "polygon", "mask"})
    unit = ANNOTATION
    holds_texts = False
    rooms: frozenset[Room] = frozenset({"kind", "track", "origin", "score"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read all JSON files with annotations; a picture they list without annotations shows nothing."""
        table, refused = PictureTable(reading, ANNOTATION), list[tuple[str, BadTruth]]()
        names = [name for name in reading.files.with_suffix(".json") if look_at(reading.files.path(name)) == self.name]
        for name in names:
            try:
                _take_in(name, table, reading)
            except BadTruth as error:
                refused.append((name, error))
        if refused and len(refused) == len(names):
            raise refused[0][1]
        for name, why in refused:
            reading.problems.add(Oddity.UNREADABLE_FILE, name, "", str(why))
        yield from table.pictures()

    def write(self, target: Target) -> None:
        """Write pictures, and a file of annotations for each split."""
        from tasks.dataset.formats.coco.stream import CocoFile

        facts = {"description": target.manifest.collection, "snapshot": target.manifest.id}
        with ExitStack() as files:
            by_split = {
                split: files.enter_context(
                    CocoFile(target.place / "annotations" / f"instances_{split}.json", target.manifest.classes, facts)
                )
                for split in SPLITS
            }
            for written in target.pictures():
                item, name = written.item, target.put_in_split(written)
                by_split[item.split].add(name.as_posix(), (item.width, item.height), written.labels, written.credit)


def _take_in(file: str, table: PictureTable, reading: Reading) -> None:
    _, first = next(entries(reading.files.path(file), "annotations"), (0, None))
    if isinstance(first, dict) and "caption" in first and "bbox" not in first:
        reading.problems.add(Oddity.NOT_LABELS, file, "", "holds captions, not places: nothing of it is read", "note")
        return
    listed: dict[str, ListedPicture] = {}
    try:
        classes = _categories(file, reading)
        _list_pictures(file, table, reading, listed)
        _add_annotations(file, table, reading, classes, listed)
    except BadTruth:
        for picture in listed.values():
            picture.why_unknown, picture.fault = f"{file} cannot be read to its end", Oddity.UNREADABLE_FILE
        raise


def _categories(file: str, reading: Reading) -> dict[str, str]:
    rows = [row for _, row in _rows(reading, file, "categories")]
    names = {_key(row.get("id")): str(row["name"]) for row in rows if row.get("name") is not None}
    reading.classes.update(dict.fromkeys(names.values()))
    return names


def _list_pictures(file: str, table: PictureTable, reading: Reading, listed: dict[str, ListedPicture]) -> None:
    split = next((split for split in SPLITS if file.endswith(f"_{split}.json")), None)
    for number, row in _rows(reading, file, "images"):
        place, said, key = f"image {number}", str(row.get("file_name") or ""), _key(row.get("id"))
        if not said:
            reading.problems.add(Oddity.MISSING_PICTURE, file, place, "has no file_name")
            continue
        picture = table.list(said, file, place, _size(row), split)
        other = listed.setdefault(key, picture)
        if other is not picture:
            reading.problems.add(
                Oddity.AMBIGUOUS_PICTURE, file, place, f"has the id {key} of {other.said}, too", "note"
            )
            for each in (other, picture):
                each.why_unknown, each.fault = f"two pictures of {file} have one id", Oddity.AMBIGUOUS_PICTURE


def _rows(reading: Reading, file: str, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, row in entries(reading.files.path(file), key):
        yield number, row if isinstance(row, dict) else {}


def _size(row: dict[str, Any]) -> tuple[int, int] | None:
    sides = [row.get("width"), row.get("height")]
    if not all(isinstance(side, int | float) and 0 < side < FARTHEST_PX for side in sides):
        return None
    return int(sides[0]), int(sides[1])  # type: ignore[arg-type]


def _add_annotations(
    file: str,
    table: PictureTable,
    reading: Reading,
    classes: dict[str, str],
    listed: dict[str, ListedPicture],
) -> None:
    outlines, unlisted = 0, 0
    for number, row in _rows(reading, file, "annotations"):
        place, picture = f"{ANNOTATION} {number}", listed.get(_key(row.get("image_id")))
        if picture is None:
            reading.problems.add(
                Oddity.MISSING_PICTURE, file, place, f"of a picture {row.get('image_id')!r} that is not listed"
            )
            unlisted += 1
            continue
        try:
            label = _label(row, classes, file, number, outlines=reading.outlines)
        except ValueError as error:
            reading.problems.add(fault_of(error), file, place, str(error))
            picture.lost += 1
            continue
        outlines += bool(row.get("segmentation")) and not reading.outlines
        table.add(picture, label)
    if outlines:
        what = f"{outlines} outlines are read as their boxes: labels of a line are boxes, or classes of whole pictures"
        reading.problems.add(Oddity.OUTLINE_AS_BOX, file, "", what, "note")
    for picture in listed.values() if unlisted else ():
        picture.why_not_empty = f"{file} has labels of pictures that it does not list"


def _label(row: dict[str, Any], classes: dict[str, str], file: str, number: int, *, outlines: bool) -> RawLabel:
    name = classes.get(_key(row.get("category_id")))
    try:
        x, y, width, height = (float(value) for value in row.get("bbox") or ())
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("no 'bbox' of four numbers") from error
    if name is None:
        raise FaultyLabel(Oddity.UNKNOWN_CLASS, f"unknown category {row.get('category_id')!r}")
    if row.get("iscrowd"):
        raise FaultyLabel(Oddity.CROWD, "a crowd, not one object")
    score, kind, track = row.get("score"), row.get("kind"), row.get("track")
    return RawLabel(
        name,
        (outlines and outline_of(row.get("segmentation"))) or (x, y, x + width, y + height),
        file,
        number,
        score=float(score) if isinstance(score, int | float) else None,
        kind=str(kind) if kind else None,
        track=None if track is None else str(track),
    )


def _key(value: Any) -> str:
    """Return an id as a key: 1 and "1" are one, since some write ids as text."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
