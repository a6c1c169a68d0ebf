"""Rows of a table of texts, CSV or JSON lines, one by one: what is wrong with one is said of it, with its line.

A quote that is never closed, a row with too many commas, half a line of JSON: none of it voids the rows beside it, and
none is taken by halves.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from blocks.errors import UnreadableText
from blocks.storage.outside_files import open_regular
from tasks.intake.texts.columns import (
    SPLIT_COLUMN,
    ColumnPlaces,
    TextOptions,
    column_named,
    delimiter_of,
    field_with_text,
    find_columns,
)
from tasks.intake.texts.letters import encoding_of, start_of, why_unread
from tasks.intake.texts.text_items import MOST_BYTES

CSV_SUFFIXES = frozenset({".csv", ".tsv"})
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})
TABLE_SUFFIXES = CSV_SUFFIXES | JSON_SUFFIXES

MOST_FILE_BYTES = 2**36
MOST_LINE = 4 * MOST_BYTES
"""Characters of a line that are held in memory: what is longer is cut off, and its row set aside."""


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row of a table.

    Attributes:
        line: In which it begins, from 1.
        text: As it stands there; empty where it has none.
        id: By its id column; empty: there is none.
        class_names: By its class column; empty: there is none.
        is_known: Whether a row without a class says that none holds, as an empty list of JSON does.
        split: Of the dataset, where a column is called so; empty: there is none.
        fault: Why it cannot be read; None: it can.
    """

    line: int
    text: str = ""
    id: str = ""
    class_names: tuple[str, ...] = ()
    split: str = ""
    fault: str | None = None
    is_known: bool = False


def is_table(path: Path) -> bool:
    """Say whether a file is a table of texts, by its name."""
    return path.suffix.lower() in TABLE_SUFFIXES


def rows_of(path: Path, options: TextOptions, classes_in: Sequence[str] = ()) -> Iterator[TextRow]:
    """Yield the rows of a table, in order.

    Args:
        path: Its file.
        options: Where in it the texts are.
        classes_in: How the column with the class may be called, where the options do not say; one of them must be
            there. Empty: only the options say.

    Raises:
        BadOption: It has no such column, or it is not clear which one has the texts.
        UnreadableText: The file cannot be opened.
    """
    with open_regular(path, UnreadableText, MOST_FILE_BYTES) as raw:
        encoding = encoding_of(start_of(path), options.encoding)
        with TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="") as file:
            read = _json_rows if path.suffix.lower() in JSON_SUFFIXES else _csv_rows
            yield from read(path, BoundedLines(file), options, encoding.removesuffix("-sig"), classes_in)


class BoundedLines:
    """The lines of a file, none longer than is held in memory; how many were read is known at any time."""

    def __init__(self, file: TextIOWrapper) -> None:
        self._file = file
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MOST_LINE):
            if not line.endswith(("\n", "\r")):
                while (rest := self._file.readline(MOST_LINE)) and not rest.endswith(("\n", "\r")):
                    pass
            self.read += 1
            yield line


def _csv_rows(
    path: Path, lines: BoundedLines, options: TextOptions, encoding: str, classes_in: Sequence[str]
) -> Iterator[TextRow]:
    csv.field_size_limit(2 * MOST_LINE)
    each = iter(lines)
    head = next(each, "")
    delimiter = delimiter_of(path, head)
    found = csv.reader(_with_first(head, each), delimiter=delimiter)
    places: ColumnPlaces | None = None
    while True:
        begins = found.line_num + 1
        try:
            row = next(found)
        except StopIteration:
            return
        except csv.Error as error:
            yield TextRow(begins, fault=f"no row of CSV ({error}): is a quote before it not closed?")
            continue
        if places is None:
            places = find_columns(path, row, options, classes_in)
            if places.has_names:
                continue
        if row:
            yield _read_row(row, places, begins, encoding)


def _read_row(row: Sequence[str], places: ColumnPlaces, line: int, encoding: str) -> TextRow:
    if places.has_names and len(row) > places.width:
        return TextRow(
            line,
            fault=f"{len(row)} columns, and {places.width} are named: quote a text that has the sign between columns",
        )
    wanted = [places.text, *(place for place in (places.id, places.class_) if place is not None)]
    if len(row) <= max(wanted):
        return TextRow(line, fault=f"{len(row)} columns, and what is wanted stands in column {max(wanted) + 1}")
    fault = next((why for place in wanted if (why := why_unread(row[place], encoding))), None)
    if fault:
        return TextRow(line, fault=fault)
    id_, class_name = (row[place].strip() if place is not None else "" for place in (places.id, places.class_))
    split = row[places.split].strip() if places.split is not None and places.split < len(row) else ""
    return TextRow(line, row[places.text], id_, (class_name,) if class_name else (), split)


def _json_rows(
    path: Path, lines: BoundedLines, options: TextOptions, encoding: str, classes_in: Sequence[str]
) -> Iterator[TextRow]:
    column: str | None = options.column
    for line in lines:
        if not line.strip():
            continue
        number = lines.read
        fault = why_unread(line, encoding)
        if fault is None and len(line) >= MOST_LINE:
            fault = f"a line of {MOST_LINE:,} characters or more"
        said = None if fault else _parse(line)
        if fault or said is None:
            yield TextRow(number, fault=fault or "no JSON object, or not all of one")
            continue
        if classes_in and options.class_column is None:
            options = options.model_copy(update={"class_column": column_named(path, list(said), classes_in)})
        column = column or field_with_text(path, said, options.class_column)
        yield _read_object(said, column, options, number)


def _parse(line: str) -> Mapping[str, Any] | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return {"text": said} if isinstance(said, str) else said if isinstance(said, dict) else None


def _read_object(said: Mapping[str, Any], column: str, options: TextOptions, line: int) -> TextRow:
    text = said.get(column)
    if not isinstance(text, str):
        known = ", ".join(list(said)[:10])
        return TextRow(
            line,
            fault=f"the field {column!r} is no text (fields: {known})"
            if column in said
            else f"no field {column!r} (fields: {known})",
        )
    other = (options.id_column, options.class_column)
    id_, said_class = (said.get(name) if name else "" for name in other)
    if said_class is None and other[1] in said:
        said_class = ""  # nobody has said it yet
    listed = said_class if isinstance(said_class, list) else [said_class]
    for name, values in zip(other, ([id_], listed), strict=True):
        if not all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in values):
            return TextRow(line, fault=f"the field {name!r} is neither a text nor a number")
    names = tuple(name for value in listed if (name := str(value).strip()))
    split = str(said.get(SPLIT_COLUMN) or "")
    return TextRow(line, text, str(id_).strip(), names, split, is_known=isinstance(said_class, list))


def _with_first(head: str, others: Iterator[str]) -> Iterator[str]:
    if head:
        yield head
        yield from others
