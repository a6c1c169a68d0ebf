"""JSON lines with all that is known: a head, then one line for each picture with its labels and where they come from.

Every line is a JSON table of its own, so the file is read and written as a stream, and by `jq` and the like.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from blocks.errors import BadShape, BadTruth
from blocks.shapes import Box, read_shape
from blocks.storage.outside_files import open_regular
from tasks.dataset.formats.reading.faults import Oddity, fault_of
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.look import CLASS_NAMES, LOOKED_AT
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.texts.class_table import take_in_texts_with_classes
from tasks.dataset.formats.texts.labelled import TextPlace, TextTable
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target, WrittenLabel, WrittenPicture
from tasks.intake.texts.text_items import read_text

LINE = "line"

FORMAT = "labelline-labels-1"

MOST_BYTES = 16 << 30

MOST_LINE_BYTES = 64 << 20
"""Of one picture with all its labels."""

KEPT = ("origin", "model", "person", "seconds", "answered_at", "queue", "imported_from", "imported_line")
"""What becomes attributes of a label that is read."""


class JsonLinesFormat:
    """`labels.jsonl` and `images/<split>/`."""

    name = "jsonl"
    shapes = frozenset({"box", "whole", "several", "polygon", "mask", "span"})
    unit = LINE
    holds_texts = True
    rooms: frozenset[Room] = frozenset({"kind", "track", "origin", "score", "sequence", "overlap"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read all files of lines; a line that is broken is left out, with its picture."""
        table = TextTable(reading, LINE)
        names = reading.files.with_suffix(".jsonl", ".ndjson")
        if not names:
            raise BadTruth(f"{reading.files.root} has no .jsonl file")
        for name in names:
            if _is_of_others(name, reading):
                take_in_texts_with_classes(name, table, reading)
                continue
            for number, row in _rows(name, reading):
                if number == 1 and row.get("format") == FORMAT:
                    reading.classes.update(dict.fromkeys(str(each) for each in row.get("classes") or ()))
                else:
                    _take_in(row, name, number, table, reading)
        yield from table.pictures.pictures()

    def write(self, target: Target) -> None:
        """Write one line after the other."""
        manifest = target.manifest
        head = {"format": FORMAT, "collection": manifest.collection, "snapshot": manifest.id, "kind": manifest.kind}
        with (target.place / "labels.jsonl").open("w", encoding="utf-8") as out:
            out.write(_line({**head, "classes": list(manifest.classes)}))
            for written in target.pictures():
                row = _picture(written, target.put_in_split(written).as_posix())
                if written.item.length is not None:
                    row["text"] = read_text(target.store, written.item.key)
                out.write(_line(row))


def _is_of_others(name: str, reading: Reading) -> bool:
    """Whether a file has texts with a class each, as other tools write them: by the first line that can be read."""
    if reading.texts.class_column or reading.texts.column:
        return True
    with open_regular(reading.files.path(name), BadTruth, MOST_BYTES) as file:
        for _ in range(LOOKED_AT):
            try:
                row = json.loads(file.readline(MOST_LINE_BYTES))
            except (ValueError, RecursionError):
                continue
            return (
                isinstance(row, dict) and not row.keys() & {"picture", "format"} and bool(row.keys() & {*CLASS_NAMES})
            )
    return False


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def _picture(written: WrittenPicture, name: str) -> dict[str, Any]:
    item = written.item
    facts = {"picture": name, "split": item.split, "width": item.width, "height": item.height, "item": item.id}
    labels = [_label(each) for each in written.labels]
    made = asdict(written.credit) if written.credit else {}
    credit = {"credit": {name: value for name, value in made.items() if value}} if made else {}
    return {**facts, "sequence": item.sequence, **credit, "labels": labels}


def _label(each: WrittenLabel) -> dict[str, Any]:
    label, origin = each.label, each.origin
    shape = label.shape or Box(**dict(zip(("x_min", "y_min", "x_max", "y_max"), each.box_xyxy_px or (), strict=True)))
    facts: dict[str, Any] = {"class": label.class_name, "shape": shape.model_dump(mode="json"), "origin": label.origin}
    rest = {
        "kind": label.kind,
        "track": label.track,
        "score": origin.score,
        "model": origin.model,
        "person": origin.person,
        "seconds": origin.seconds,
        "answered_at": origin.answered_at.isoformat() if origin.answered_at else None,
        "queue": origin.queue,
        "imported_from": origin.imported_from,
        "imported_line": origin.imported_line,
        "batch": label.batch_id,
        "proposal": label.proposal_id,
        "answer": label.answer_id,
    }
    known = {name: value for name, value in rest.items() if value is not None}
    return {"id": label.id, "region": label.region, "revision": label.revision, **facts, **known}


def _rows(name: str, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_regular(reading.files.path(name), BadTruth, MOST_BYTES) as file:
        number = 0
        while line := file.readline(MOST_LINE_BYTES):
            number += 1
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                reading.problems.add(Oddity.BROKEN_LABEL, name, f"{LINE} {number}", f"is no JSON ({str(error)[:100]})")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                reading.problems.add(Oddity.BROKEN_LABEL, name, f"{LINE} {number}", "is no table")


def _take_in(row: dict[str, Any], name: str, number: int, table: TextTable, reading: Reading) -> None:
    place, said, labels = f"{LINE} {number}", row.get("picture"), row.get("labels")
    if not isinstance(said, str) or not said or not isinstance(labels, list):
        reading.problems.add(Oddity.BROKEN_LABEL, name, place, "expected a 'picture' and a list of 'labels'")
        return
    sides = row.get("width"), row.get("height")
    size = (int(sides[0]), int(sides[1])) if all(type(side) is int for side in sides) else None  # type: ignore[arg-type]
    split, text = str(row.get("split")), row.get("text")
    listed = table.list(said, text, split, TextPlace(name, number, LINE)) if isinstance(text, str) else None
    if isinstance(text, str) and listed is None:
        return
    picture = listed.listed if listed else table.pictures.list(said, name, place, size, SPLIT_NAMES.get(split.lower()))
    for each in labels:
        label = _label_of(each, name, number, reading)
        if label is None:
            picture.lost += 1
        elif listed:
            listed.add(label)
        else:
            table.pictures.add(picture, label)


def _label_of(row: Any, name: str, number: int, reading: Reading) -> RawLabel | None:
    """Return a label of a picture or a text; None: it is none, which is noted."""
    try:
        if not isinstance(row, dict) or not isinstance(row.get("class"), str):
            raise BadShape("a label without a class")
        score, kind, track = row.get("score"), row.get("kind"), row.get("track")
        return RawLabel(
            row["class"],
            read_shape(row.get("shape")),
            name,
            number,
            score=float(score) if isinstance(score, int | float) else None,
            kind=str(kind) if kind else None,
            track=str(track) if track else None,
            attributes={key: row[key] for key in KEPT if row.get(key) is not None},
        )
    except BadShape as error:
        reading.problems.add(fault_of(error), name, f"{LINE} {number}", str(error))
        return None
