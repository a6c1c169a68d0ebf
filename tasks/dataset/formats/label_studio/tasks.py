"""Label Studio's JSON: a list of tasks with their annotations, as its export gives it and its import takes it.

Source:
    https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from blocks.errors import BadTruth
from blocks.shapes import SEVERAL
from tasks.dataset.formats.label_studio.regions import labels_of, region_of, ticked_region
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.json_stream import entries
from tasks.dataset.formats.reading.look import look_at
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.texts.labelled import TextPlace, TextTable
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target, WrittenPicture
from tasks.intake.texts.columns import USUAL_NAMES
from tasks.intake.texts.text_items import read_text

TASK = "task"

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio's local storage calls a file, below the folder that it is told to serve."""

UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file that was uploaded."""


class LabelStudioFormat:
    """`tasks.json` and `images/<split>/`."""

    name = "label-studio"
    shapes = frozenset({"box", "whole", "several", "span", "polygon", "mask"})
    unit = TASK
    holds_texts = True
    rooms: frozenset[Room] = frozenset({"kind", "origin", "score", "overlap"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read rectangles, outlines and choices of each task; of several annotations the last one counts."""
        table, refused = TextTable(reading, TASK), list[BadTruth]()
        names = [name for name in reading.files.with_suffix(".json") if look_at(reading.files.path(name)) == self.name]
        for name in names:
            try:
                for number, task in entries(reading.files.path(name), None):
                    _take_in(task, name, number, table, reading)
            except BadTruth as error:
                refused.append(error)
                reading.problems.add(Oddity.UNREADABLE_FILE, name, "", str(error))
        if len(refused) == len(names):
            raise refused[0] if refused else BadTruth(f"{reading.files.root} has no tasks of Label Studio (.json)")
        yield from table.pictures.pictures()

    def write(self, target: Target) -> None:
        """Write one task after the other."""
        with (target.place / "tasks.json").open("w", encoding="utf-8") as out:
            for number, written in enumerate(target.pictures(), start=1):
                name = target.put_in_split(written).as_posix()
                text = None if written.item.length is None else read_text(target.store, written.item.key)
                task = _task(number, written, name, target.manifest.id, text)
                out.write(("[\n" if number == 1 else ",\n") + json.dumps(task, ensure_ascii=False, allow_nan=False))
            out.write("\n]\n")


def _task(number: int, written: WrittenPicture, name: str, snapshot: str, text: str | None) -> dict[str, Any]:
    item = written.item
    link = LOCAL_FILES + quote(f"images/{item.split}/{name}")
    if any(each.label.shape is not None and each.label.shape.type == SEVERAL for each in written.labels):
        result = [ticked_region(written.labels, text)]
    else:
        result = [region_of(each, (item.width, item.height), text) for each in written.labels]
    shown = {"image": link} if text is None else {"text": text}
    data = {**shown, "name": name, "split": item.split, "item": item.id, "snapshot": snapshot}
    return {"id": number, "data": data, "annotations": [{"id": number, "result": result, "was_cancelled": False}]}


def _take_in(task: Any, file: str, number: int, table: TextTable, reading: Reading) -> None:
    place, pictures = f"{TASK} {number}", table.pictures
    data = task.get("data") if isinstance(task, dict) else None
    said = _picture_of(data, reading) if isinstance(data, dict) else ""
    text = _text_of(data, reading) if isinstance(data, dict) else None
    if text is not None and isinstance(data, dict):
        said = str(data["name"]) if isinstance(data.get("name"), str) else f"{file}-{number}"
    if not said or not isinstance(data, dict):
        reading.problems.add(Oddity.MISSING_PICTURE, file, place, "names no picture in its 'data'")
        return
    annotations = [each for each in task.get("annotations") or () if isinstance(each, dict)]
    given = [each for each in annotations if not each.get("was_cancelled")]
    split = str(data.get("split"))
    listed = table.list(said, text, split, TextPlace(file, number, TASK)) if text is not None else None
    if text is not None and listed is None:
        return
    picture = listed.listed if listed else pictures.list(said, file, place, None, SPLIT_NAMES.get(split.lower()))
    if not given:
        guesses = [each for each in task.get("predictions") or () if isinstance(each, dict)]
        if annotations or not guesses:
            picture.why_unknown = f"{place} of {file} was {'skipped' if annotations else 'not answered'}"
            return
        reading.problems.add(Oddity.PREDICTION, file, place, "has no annotation; its predictions are taken", "note")
        given = guesses
    if len(given) > 1:
        reading.problems.add(
            Oddity.SEVERAL_ANSWERS, file, place, f"has {len(given)} answers; the last one counts", "note"
        )
    labels, lost, size = labels_of(given[-1], file, number, place, reading.problems, text)
    picture.said_wh = picture.said_wh or size
    picture.lost += lost
    for label in labels:
        if listed:
            listed.add(label)
        else:
            pictures.add(picture, label)


def _text_of(data: dict[str, Any], reading: Reading) -> str | None:
    """Return the text that a task shows: in the field that is named, or in one that is called as such fields are."""
    if "image" in data:
        return None
    names = (reading.texts.column,) if reading.texts.column else USUAL_NAMES
    return next((data[name] for name in names if isinstance(data.get(name), str)), None)


def _picture_of(data: dict[str, Any], reading: Reading) -> str:
    """Return how a task calls its picture: the path in its address, without what Label Studio has put before it."""
    links = [data.get("image"), *(value for value in data.values() if isinstance(value, str) and "/" in value)]
    link = next((each for each in links if isinstance(each, str) and each), "")
    if isinstance(data.get("name"), str) and link.startswith(LOCAL_FILES):
        return str(data["name"])  # as we write it
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    local = parse_qs(parts.query).get("d")
    path = local[0] if local else unquote(parts.path)
    name = path.rpartition("/")[2]
    plain = UPLOADED.sub("", name)
    return plain if plain != name and not reading.files.meant_by(name) else path.lstrip("/")
