"""FiftyOne's own dataset as JSON: a sample for each picture, with its split as a tag; FiftyOne itself is not needed.

Without a `version` in `metadata.json` any FiftyOne reads it as `fiftyone.types.FiftyOneDataset` and takes the types of
fields from the samples; with one it would replace its database's own document by what stands there.

Source:
    https://docs.voxel51.com/user_guide/import_datasets.html#fiftyonedataset
    https://docs.voxel51.com/user_guide/using_datasets.html#labels
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blocks.errors import BadTruth
from blocks.shapes import FARTHEST_PX, Bounds, Polygon, Shape, Whole
from blocks.storage.outside_files import parse_json, read_bounded
from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity, fault_of
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.json_stream import entries
from tasks.dataset.formats.reading.look import look_at
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import MAX_LABEL_BYTES, Reading
from tasks.dataset.formats.reading.table import ListedPicture, PictureTable
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target, WrittenLabel, WrittenPicture
from tasks.kinds.registry import label_kind

SAMPLE = "sample"

TRUTH = "ground_truth"
"""The field of labels, as FiftyOne calls it itself where it makes one."""

LISTS = {"Detections": "detections", "Classifications": "classifications", "Polylines": "polylines"}
"""Where the labels of a field stand, by its class; a field may also be one `Classification`."""

OWN = ("origin", "kind", "track")


class FiftyOneFormat:
    """`metadata.json`, `samples.json` and `images/<split>/`."""

    name = "fiftyone"
    shapes = frozenset({"box", "whole", "several"})
    unit = SAMPLE
    holds_texts = False
    rooms: frozenset[Room] = frozenset({"kind", "track", "origin", "score"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read detections, classifications and closed polylines of each sample."""
        table, refused = PictureTable(reading, SAMPLE), list[BadTruth]()
        names = [name for name in reading.files.with_suffix(".json") if look_at(reading.files.path(name)) == self.name]
        for name in names:
            reading.classes.update(dict.fromkeys(_classes(name, reading)))
            try:
                for number, sample in entries(reading.files.path(name), "samples"):
                    _take_in(sample, name, number, table, reading)
            except BadTruth as error:
                refused.append(error)
                reading.problems.add(Oddity.UNREADABLE_FILE, name, "", str(error))
        if len(refused) == len(names):
            raise refused[0] if refused else BadTruth(f"{reading.files.root} has no samples of FiftyOne (.json)")
        yield from table.pictures()

    def write(self, target: Target) -> None:
        """Write one sample after the other."""
        manifest = target.manifest
        info = {"default_classes": list(manifest.classes), "snapshot": manifest.id, "kind": manifest.kind}
        facts = {"name": manifest.collection, "media_type": "image", "info": info}
        (target.place / "metadata.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        field = "Classifications" if label_kind(manifest.kind).shapes <= {"whole", "several"} else "Detections"
        with (target.place / "samples.json").open("w", encoding="utf-8") as out:
            out.write('{"samples": [')
            for number, written in enumerate(target.pictures()):
                sample = _sample(written, target.put_in_split(written).as_posix(), field)
                out.write((",\n" if number else "\n") + json.dumps(sample, ensure_ascii=False, allow_nan=False))
            out.write("\n]}\n")


def _sample(written: WrittenPicture, name: str, field: str) -> dict[str, Any]:
    item = written.item
    facts = {
        "filepath": f"images/{item.split}/{name}",
        "tags": [item.split],
        "metadata": {"_cls": "ImageMetadata", "width": item.width, "height": item.height},
        "file_name": name,
        "item": item.id,
        "sequence": item.sequence,
    }
    labels = [_label(each, item.width, item.height) for each in written.labels]
    return {**facts, TRUTH: {"_cls": field, LISTS[field]: labels}}


def _label(each: WrittenLabel, width: int, height: int) -> dict[str, Any]:
    label, box = each.label, each.box_xyxy_px
    facts: dict[str, Any] = {"_cls": "Classification" if box is None else "Detection", "label": label.class_name}
    if box is not None:
        left, top, right, bottom = box
        facts["bounding_box"] = [left / width, top / height, (right - left) / width, (bottom - top) / height]
    own = {"confidence": each.origin.score, "origin": label.origin, "kind": label.kind, "track": label.track}
    return facts | {name: value for name, value in own.items() if value is not None}


def _classes(name: str, reading: Reading) -> list[str]:
    """Return the names that lie beside the samples; none where nothing of the kind does."""
    beside = "/".join((*name.split("/")[:-1], "metadata.json"))
    if not reading.files.has(beside):
        return []
    try:
        facts = parse_json(read_bounded(reading.files.path(beside), BadTruth, MAX_LABEL_BYTES), "it", BadTruth)
    except BadTruth as error:
        reading.problems.add(Oddity.UNREADABLE_FILE, beside, "", str(error), "note")
        return []
    places = (facts, facts.get("info")) if isinstance(facts, dict) else ()  # FiftyOne itself has them at the top
    lists = [place.get("default_classes") for place in places if isinstance(place, dict)]
    return next(([name for name in names if isinstance(name, str)] for names in lists if isinstance(names, list)), [])


def _take_in(sample: Any, file: str, number: int, table: PictureTable, reading: Reading) -> None:
    place, said = f"{SAMPLE} {number}", sample.get("filepath") if isinstance(sample, dict) else None
    if not isinstance(said, str) or not said:
        reading.problems.add(Oddity.MISSING_PICTURE, file, place, "names no picture in its 'filepath'")
        return
    called = sample.get("file_name")
    if isinstance(called, str) and called and not reading.files.meant_by(said):
        said = called
    tags = sample.get("tags")
    split = next((SPLIT_NAMES[tag] for tag in tags if tag in SPLIT_NAMES), None) if isinstance(tags, list) else None
    picture = table.list(said, file, place, _size(sample.get("metadata")), split)
    field = _field_of(sample, picture, place)
    size = picture.said_wh or reading.size(picture.name)
    for each in field:
        try:
            label = _read_label(each, file, number, size)
        except (ValueError, TypeError, OverflowError) as error:
            reading.problems.add(fault_of(error), file, place, str(error).splitlines()[0])
            picture.lost += 1
            continue
        table.add(picture, label)


def _field_of(sample: Mapping[str, Any], picture: ListedPicture, place: str) -> Sequence[Any]:
    """Return the labels of a sample: those of `ground_truth`, or of the only field that has some."""
    fields = {
        name: value
        for name, value in sample.items()
        if isinstance(value, dict) and (value.get("_cls") in LISTS or value.get("_cls") == "Classification")
    }
    name = TRUTH if TRUTH in fields else next(iter(fields), "")
    if not fields or (name != TRUTH and len(fields) > 1):
        told = f"has labels in {' and '.join(fields)}, and none in {TRUTH}" if fields else "has no labels"
        picture.why_unknown = picture.why_unknown or f"{place} of {picture.said_in} {told}"
        return ()
    field = fields[name]
    if field["_cls"] == "Classification":
        return (field,)
    labels = field.get(LISTS[field["_cls"]])
    return labels if isinstance(labels, list) else ()


def _size(metadata: Any) -> tuple[int, int] | None:
    sides = (metadata.get("width"), metadata.get("height")) if isinstance(metadata, dict) else (None, None)
    if not all(isinstance(side, int | float) and 0 < side < FARTHEST_PX for side in sides):
        return None
    return int(sides[0]), int(sides[1])  # type: ignore[arg-type]


def _read_label(row: Any, file: str, number: int, size_wh: tuple[int, int] | None) -> RawLabel:
    if not isinstance(row, dict) or not isinstance(row.get("label"), str):
        raise ValueError("a label without a class")
    score, kind, track = row.get("confidence"), row.get("kind"), row.get("track", row.get("index"))
    origin = row.get("origin")
    return RawLabel(
        row["label"],
        _place(row, size_wh),
        file,
        number,
        score=float(score) if isinstance(score, int | float) else None,
        kind=str(kind) if kind else None,
        track=None if track is None else str(track),
        attributes={"origin": origin} if isinstance(origin, str) else {},
    )


def _place(row: Mapping[str, Any], size_wh: tuple[int, int] | None) -> Bounds | Shape:
    if row.get("_cls") == "Classification":
        return Whole()
    if size_wh is None:
        what = "its picture is not there, and shares say nothing without its size"
        raise FaultyLabel(Oddity.MISSING_PICTURE, what)
    wide, high = size_wh
    if row.get("_cls") == "Polyline":
        outlines = row.get("points")
        if not isinstance(outlines, list) or len(outlines) != 1 or not row.get("closed"):
            raise FaultyLabel(Oddity.UNREAD_SHAPE, "a line that is open, or has several parts, which is not read")
        return Polygon(points=tuple((float(x) * wide, float(y) * high) for x, y in outlines[0]))
    left, top, width, height = (float(value) for value in row.get("bounding_box") or ())
    return left * wide, top * high, (left + width) * wide, (top + height) * high
