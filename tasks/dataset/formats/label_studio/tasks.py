"""Label Studio's JSON: a list of tasks with their annotations, as its export gives it and its import takes it.

Source:
    https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from blocks.errors import BadShape, BadTruth
from blocks.shapes import check_inside
from tasks.dataset.formats.label_studio.regions import labels_of, region_of
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.json_stream import entries
from tasks.dataset.formats.reading.look import look_at
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import ListedPicture, PictureTable
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target, WrittenPicture
from tasks.intake.texts.text_items import read_text

TASK = "task"

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio's local storage calls a file, below the folder that it is told to serve."""

UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file that was uploaded."""


class LabelStudioFormat:
    """`tasks.json` and `images/<split>/`."""

    name = "label-studio"
    shapes = frozenset({"box", "whole", "span"})
    unit = TASK
    rooms: frozenset[Room] = frozenset({"kind", "origin", "score", "overlap"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read rectangles, outlines and choices of each task; of several annotations the last one counts."""
        table, refused = PictureTable(reading, TASK), list[BadTruth]()
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
        yield from table.pictures()

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
    result = [region_of(each, (item.width, item.height), text) for each in written.labels]
    shown = {"image": link} if text is None else {"text": text}
    data = {**shown, "name": name, "split": item.split, "item": item.id, "snapshot": snapshot}
    return {"id": number, "data": data, "annotations": [{"id": number, "result": result, "was_cancelled": False}]}


def _take_in(task: Any, file: str, number: int, table: PictureTable, reading: Reading) -> None:
    place = f"{TASK} {number}"
    data = task.get("data") if isinstance(task, dict) else None
    said = _picture_of(data, reading) if isinstance(data, dict) else ""
    text = data.get("text") if isinstance(data, dict) and "image" not in data else None
    if isinstance(text, str):
        said = str(data["name"]) if isinstance(data, dict) and isinstance(data.get("name"), str) else f"{file}-{number}"
    if not said or not isinstance(data, dict):
        reading.problems.add(Oddity.MISSING_PICTURE, file, place, "names no picture in its 'data'")
        return
    annotations = [each for each in task.get("annotations") or () if isinstance(each, dict)]
    given = [each for each in annotations if not each.get("was_cancelled")]
    picture = table.list(said, file, place, None, SPLIT_NAMES.get(str(data.get("split")).lower()))
    picture.text = text if isinstance(text, str) else None
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
    labels, lost, size = labels_of(given[-1], file, number, place, reading.problems)
    picture.said_wh = picture.said_wh or size
    picture.lost += lost
    for label in labels if picture.text is None else _inside(labels, picture, file, place, reading):
        table.add(picture, label)


def _inside(
    labels: Sequence[RawLabel], picture: ListedPicture, file: str, place: str, reading: Reading
) -> Iterator[RawLabel]:
    """Yield the labels of a text that are in it; of the others it is said why they cannot be."""
    for label in labels:
        try:
            if not isinstance(label.place, tuple):
                check_inside(label.place, None, len(picture.text or ""))
        except BadShape as error:
            reading.problems.add(Oddity.BEYOND_FRAME, file, place, f"a {label.class_name}: {error}")
            picture.lost += 1
            continue
        yield label


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
