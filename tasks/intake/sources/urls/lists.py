"""Rows of a list of addresses, one by one: CSV, JSON lines, or text with an address in each line."""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

from blocks.errors import BadInput, BadOption, UnreadableText
from blocks.storage.outside_files import open_regular
from tasks.intake.credits import cut_to_fit
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.texts.columns import USUAL_NAMES, delimiter_of
from tasks.intake.texts.letters import encoding_of, start_of
from tasks.intake.texts.rows import JSON_SUFFIXES, MOST_FILE_BYTES, BoundedLines

TEXT_SUFFIXES = frozenset({".txt", ".urls", ".lst"})
SUFFIXES = frozenset({".csv", ".tsv"}) | JSON_SUFFIXES | TEXT_SUFFIXES

NAMES: Mapping[str, tuple[str, ...]] = {
    "url": ("url", "image_url", "imageurl", "img_url", "original_url", "originalurl", "link", "uri", "src", "image"),
    "page_url": ("foreign_landing_url", "landing_url", "originallandingurl", "page_url", "source_url"),
    "title": ("title", "caption"),
    "author": ("author", "creator", "artist", "photographer"),
    "licence": ("license", "licence"),
    "licence_url": ("license_url", "licence_url"),
}
"""How columns may be called, in the order in which they are looked for."""

BEGINNINGS = ("http://", "https://")

_HIDDEN = re.compile(r"[\r\n].*https?://", re.DOTALL | re.IGNORECASE)
"""An address behind a line break."""

LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class ListedUrl:
    """One row of a list.

    Attributes:
        line: In which it begins, from 1.
        url: As it stands there; empty where there is none.
        credits: What it says of who made the picture, by the names of `Credit`.
        fault: Why it cannot be used; None: it can, as far as is known.
    """

    line: int
    url: str = ""
    credits: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None


def is_url_list(path: Path) -> bool:
    """Say whether a file is a list of addresses, and not of texts: by its name and its first rows."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        rows = list(islice(rows_of_list(path, UrlOptions()), LOOKED_AT))
        has_texts = path.suffix.lower() not in TEXT_SUFFIXES and bool(_first_names(path) & {*USUAL_NAMES})
    except (BadInput, OSError, ValueError, RecursionError, csv.Error):
        return False
    given = [row.url.lower() for row in rows if row.url]
    return bool(given) and not has_texts and all(url.startswith(BEGINNINGS) for url in given)


def rows_of_list(path: Path, options: UrlOptions) -> Iterator[ListedUrl]:
    """Yield the rows of a list, in order; an empty line is none, nor is one of text that begins with `#`.

    Raises:
        BadOption: It has no such column, or none that holds addresses; or it is no such file.
        UnreadableText: The file cannot be opened.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadOption(f"{path} is no list of addresses that is read: expected {', '.join(sorted(SUFFIXES))}")
    with open_regular(path, UnreadableText, MOST_FILE_BYTES) as raw:
        encoding = encoding_of(start_of(path), None)
        with TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="") as file:
            lines = BoundedLines(file)
            try:
                if suffix in TEXT_SUFFIXES:
                    yield from _text_rows(lines)
                elif suffix in JSON_SUFFIXES:
                    yield from _json_rows(path, lines, options)
                else:
                    yield from _csv_rows(path, lines, options)
            except UnicodeError as error:
                told = f"{path.name} is no text of {encoding} behind line {lines.read}: save it as UTF-8"
                raise UnreadableText(told) from error


def _text_rows(lines: BoundedLines) -> Iterator[ListedUrl]:
    for line in lines:
        said = line.strip()
        if said and not said.startswith("#"):
            yield _listed(lines.read, said, {})


def _json_rows(path: Path, lines: BoundedLines, options: UrlOptions) -> Iterator[ListedUrl]:
    places: dict[str, str] | None = None
    for line in lines:
        if not line.strip():
            continue
        said = _parsed(line)
        said = {"url": said} if isinstance(said, str) else said
        if not isinstance(said, dict):
            yield ListedUrl(lines.read, fault="no JSON object, or not all of one")
            continue
        if places is None:
            names = {str(name): str(name) for name in said}
            places = _places(path, list(names), options, lambda name: _is_address(said.get(name)))  # noqa: B023 now
        yield _listed(lines.read, *_read(said.get, places))


def _csv_rows(path: Path, lines: BoundedLines, options: UrlOptions) -> Iterator[ListedUrl]:
    each = iter(lines)
    head = next(each, "")
    rows = csv.reader(_with_first(head, each), delimiter=delimiter_of(path, head))
    names: list[str] = []
    places: dict[str, str] = {}
    while True:
        begins = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield from _lost(begins, rows.line_num, str(error))
            continue
        if rows.line_num > begins and any(_HIDDEN.search(cell) for cell in row):
            yield from _lost(begins, rows.line_num, "an address stands within a cell of several lines")
            continue
        if not places:
            has_names = not any(_is_address(cell) for cell in row)
            names = [cell.strip() for cell in row] if has_names else [str(at) for at, _ in enumerate(row, start=1)]
            places = _places(path, names, options, lambda name: _is_address(row[names.index(name)]))  # noqa: B023 now
            if has_names:
                continue
        if any(cell.strip() for cell in row):
            said = dict(zip(names, row, strict=False))
            yield _listed(begins, *_read(said.get, places))


def _lost(first: int, last: int, why: str) -> Iterator[ListedUrl]:
    """Yield each line of a row that is none: with an open quote it swallows those behind it, which are counted too."""
    for line in range(first, last + 1):
        yield ListedUrl(
            line, fault=f"in a row of lines {first} to {last} ({why}): is a quote in line {first} not closed?"
        )


def _places(path: Path, names: Sequence[str], options: UrlOptions, holds_address: Any) -> dict[str, str]:
    """Return in which column stands what, by what."""
    asked = {"url": options.column, "licence": options.licence_column, "author": options.author_column}
    for name in asked.values():
        if name and name not in names:
            raise BadOption(f"{path.name} has no column {name!r} (columns: {', '.join(names[:20])}): give one of these")
    found = {}
    lower = {name.casefold(): name for name in reversed(names)}
    for what, usual in NAMES.items():
        known = asked.get(what) or next((lower[name] for name in usual if name in lower), None)
        if known:
            found[what] = known
    found.setdefault("url", next((name for name in names if holds_address(name)), ""))
    if not found["url"]:
        raise BadOption(
            f"{path.name} has the columns {', '.join(names[:20]) or 'none'}: say which one has the addresses "
            "(--web column=NAME)"
        )
    return found


def _read(said: Any, places: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    texts = {what: cut_to_fit(str(value)) for what, name in places.items() if (value := said(name)) is not None}
    url = said(places["url"])
    return str(url or "").strip(), {what: text for what, text in texts.items() if text and what != "url"}


def _listed(line: int, url: str, credits_: Mapping[str, str]) -> ListedUrl:
    if not url:
        return ListedUrl(line, fault="no address")
    if not url.isprintable():
        return ListedUrl(line, fault="an address with signs that cannot be seen, or are no letters: write it plainly")
    return ListedUrl(line, url, credits_)


def _is_address(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower().startswith(BEGINNINGS)


def _first_names(path: Path) -> set[str]:
    """Return what the first row of a table calls its columns, in small letters."""
    with open_regular(path, UnreadableText, MOST_FILE_BYTES) as raw:
        encoding = encoding_of(start_of(path), None)
        with TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="") as file:
            lines = [line for line in islice(BoundedLines(file), LOOKED_AT) if line.strip()]
    if path.suffix.lower() in JSON_SUFFIXES:
        objects = [said for line in lines if isinstance(said := _parsed(line), dict)]
        return {str(name).casefold() for said in objects for name in said}
    first = "".join(lines[:1])
    row = next(csv.reader([first], delimiter=delimiter_of(path, first)), [])
    return {cell.strip().casefold() for cell in row}


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _with_first(head: str, others: Iterator[str]) -> Iterator[str]:
    if head:
        yield head
        yield from others
