"""CSV: a row for each label, in pixels; a picture that shows nothing has one row without a class.

Of texts it has a row for each, with the text itself. Tables of other tools are read too, where their head names the
same things by other words.
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
from tasks.dataset.formats.reading.look import CLASS_NAMES, columns_of, look_at
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import PictureTable
from tasks.dataset.formats.texts.class_table import take_in_texts_with_classes
from tasks.dataset.formats.texts.labelled import TextTable
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target, WrittenLabel, WrittenPicture
from tasks.intake.texts.columns import USUAL_NAMES
from tasks.intake.texts.text_items import read_text

ROW = "row"

MOST_BYTES = 4 << 30

COLUMNS = (
    *("picture", "split", "width", "height", "class", "x_min", "y_min", "x_max", "y_max"),
    *("score", "kind", "track", "origin", "model", "person", "seconds"),
)
"""As written; `score` is that of the proposal behind a label, `seconds` those of the whole answer."""

OF_TEXTS = ("id", "split", "text", *COLUMNS[4:5], *COLUMNS[9:])
"""The same of texts."""

EDGES = ("x_min", "y_min", "x_max", "y_max")

KEPT = ("origin", "model", "person")
"""Columns that become attributes of a label that is read."""


class CsvFormat:
    """`labels.csv` and `images/<split>/`."""

    name = "csv"
    shapes = frozenset({"box", "whole", "several"})
    unit = ROW
    holds_texts = True
    rooms: frozenset[Room] = frozenset({"kind", "track", "origin", "score"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read all tables with columns for pictures, or texts, and classes; a row without corners: of the whole."""
        table, is_said = TextTable(reading, ROW), bool(reading.texts.class_column or reading.texts.column)
        tables = reading.files.with_suffix(".csv", ".tsv")
        names = [name for name in tables if is_said or look_at(reading.files.path(name)) == self.name]
        if not names:
            of_texts = f"({', '.join(USUAL_NAMES)}; {', '.join(CLASS_NAMES)})"
            raise BadTruth(
                f"{reading.files.root} has no .csv with columns for pictures and classes ({', '.join(COLUMNS)}), or "
                f"for texts and classes {of_texts}: name these with --text-column and --class-column"
            )
        for name in names:
            if is_said or not _has_pictures(name, reading):
                take_in_texts_with_classes(name, table, reading, is_settled=_is_settled(name, reading))
            else:
                _take_in(name, table.pictures, reading)
        yield from table.pictures.pictures()

    def write(self, target: Target) -> None:
        """Write one row after the other."""
        with (target.place / "labels.csv").open("w", encoding="utf-8", newline="") as out:
            table = csv.writer(out)
            table.writerow(OF_TEXTS if target.manifest.medium == "texts" else COLUMNS)
            for written in target.pictures():
                name = target.put_in_split(written).as_posix()
                table.writerows(_row(written, name, each, target) for each in written.labels or (None,))


def _row(written: WrittenPicture, name: str, each: WrittenLabel | None, target: Target) -> list[object]:
    item = written.item
    is_text = item.length is not None
    facts = [name, item.split, *([read_text(target.store, item.key)] if is_text else [item.width, item.height])]
    if each is None:
        return facts + [""] * (len(OF_TEXTS if is_text else COLUMNS) - len(facts))
    label, origin = each.label, each.origin
    edges = () if is_text else each.box_xyxy_px or ("", "", "", "")
    rest = (origin.score, label.kind, label.track, label.origin, origin.model, origin.person, origin.seconds)
    return [*facts, label.class_name, *edges, *("" if value is None else value for value in rest)]


def _has_pictures(name: str, reading: Reading) -> bool:
    with opened_table(reading.files.path(name)) as rows:
        return bool(columns_of(next(rows, [])))


def _is_settled(name: str, reading: Reading) -> bool:
    """Say whether a table of texts is one that we wrote, by its head: only settled texts stand there."""
    with opened_table(reading.files.path(name)) as rows:
        return set(OF_TEXTS) <= set(next(rows, []))


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
