"""CSV: a row for each label, in pixels; a picture that shows nothing has one row without a class.

Tables of other tools are read too, where their head names the same things by other words.
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from blocks.errors import BadTruth
from blocks.shapes import Bounds, Whole
from blocks.storage.outside_files import open_regular
from tasks.dataset.formats.reading.faults import Oddity, fault_of
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.look import columns_of, look_at
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import PictureTable
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target, WrittenLabel, WrittenPicture

ROW = "row"

MOST_BYTES = 4 << 30

COLUMNS = (
    *("picture", "split", "width", "height", "class", "x_min", "y_min", "x_max", "y_max"),
    *("score", "kind", "track", "origin", "model", "person", "seconds"),
)
"""As written; `score` is that of the proposal behind a label, `seconds` those of the whole answer."""

EDGES = ("x_min", "y_min", "x_max", "y_max")

KEPT = ("origin", "model", "person")
"""Columns that become attributes of a label that is read."""


class CsvFormat:
    """`labels.csv` and `images/<split>/`."""

    name = "csv"
    shapes = frozenset({"box", "whole"})
    unit = ROW
    rooms: frozenset[Room] = frozenset({"kind", "track", "origin", "score"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read all tables with columns for pictures and classes; a row without corners is of a whole picture."""
        table = PictureTable(reading, ROW)
        names = [name for name in reading.files.with_suffix(".csv") if look_at(reading.files.path(name)) == self.name]
        if not names:
            raise BadTruth(
                f"{reading.files.root} has no .csv with columns for pictures and classes: {', '.join(COLUMNS)}"
            )
        for name in names:
            _take_in(name, table, reading)
        yield from table.pictures()

    def write(self, target: Target) -> None:
        """Write one row after the other."""
        with (target.place / "labels.csv").open("w", encoding="utf-8", newline="") as out:
            table = csv.writer(out)
            table.writerow(COLUMNS)
            for written in target.pictures():
                name = target.put_in_split(written).as_posix()
                table.writerows(_row(written, name, each) for each in written.labels or (None,))


def _row(written: WrittenPicture, name: str, each: WrittenLabel | None) -> list[object]:
    item = written.item
    facts: list[object] = [name, item.split, item.width, item.height]
    if each is None:
        return facts + [""] * (len(COLUMNS) - len(facts))
    label, origin = each.label, each.origin
    edges = each.box_xyxy_px or ("", "", "", "")
    rest = (origin.score, label.kind, label.track, label.origin, origin.model, origin.person, origin.seconds)
    return [*facts, label.class_name, *edges, *("" if value is None else value for value in rest)]


def _take_in(name: str, table: PictureTable, reading: Reading) -> None:
    with opened_table(reading.files.path(name)) as rows:
        head = next(rows, [])
        places = columns_of(head) | {each: head.index(each) for each in KEPT if each in head}
        for number, cells in enumerate(rows, start=2):
            if not any(cells):
                continue
            row = {thing: cells[at].strip() for thing, at in places.items() if at < len(cells)}
            said = row.get("picture", "")
            if not said:
                reading.problems.add(Oddity.MISSING_PICTURE, name, f"{ROW} {number}", "names no picture")
                continue
            picture = table.list(
                said, name, f"{ROW} {number}", _size(row), SPLIT_NAMES.get(row.get("split", "").lower())
            )
            if not row.get("class"):
                continue
            try:
                table.add(picture, RawLabel(row["class"], _place(row), name, number, **_rest(row)))  # type: ignore[arg-type]
            except ValueError as error:
                reading.problems.add(fault_of(error), name, f"{ROW} {number}", str(error))
                picture.lost += 1


@contextmanager
def opened_table(path: Path) -> Iterator[Iterator[list[str]]]:
    """Open a table in UTF-8 whose cells are parted by commas.

    Raises:
        BadTruth: It cannot be read, or is no such text.
    """
    try:
        with (
            open_regular(path, BadTruth, MOST_BYTES) as raw,
            TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text,
        ):
            yield csv.reader(text)
    except UnicodeDecodeError as error:
        raise BadTruth(f"{path} is no UTF-8 text ({error.reason}): save it as UTF-8") from error
    except (csv.Error, OSError) as error:
        raise BadTruth(f"{path} cannot be read: {error}") from error


def _size(row: Mapping[str, str]) -> tuple[int, int] | None:
    try:
        return int(float(row["width"])), int(float(row["height"]))
    except (KeyError, ValueError, OverflowError):
        return None


def _place(row: Mapping[str, str]) -> Bounds | Whole:
    texts = [row.get(edge, "") for edge in EDGES]
    if not any(texts):
        return Whole()
    try:
        left, top, right, bottom = (float(text) for text in texts)
    except ValueError as error:
        raise ValueError(f"expected four numbers, got {', '.join(texts)}") from error
    return left, top, right, bottom


def _rest(row: Mapping[str, str]) -> dict[str, object]:
    score = float(row["score"]) if row.get("score") else None
    attributes = {name: row[name] for name in KEPT if row.get(name)}
    return {
        "score": score,
        "kind": row.get("kind") or None,
        "track": row.get("track") or None,
        "attributes": attributes,
    }
