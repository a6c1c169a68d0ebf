"""Texts into a collection: each that is offered ends as one source row, with its reason, as files of pictures do.

A table is read once and cut into listings in the object store, so that steps pass on a key and no texts; a folder is
listed by the names of its files.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from sqlalchemy import Engine

from blocks.database.tables import utc_now
from blocks.errors import BadInput, BadOption, NoTexts
from blocks.frozen import Frozen
from blocks.naming.patterns import compile_pattern
from blocks.storage.stores import Store
from tasks.intake.files import Examined, read_file, uri_of, why_unread_file
from tasks.intake.near_duplicates.fingerprints import fingerprint_of_text
from tasks.intake.reports import IntakeReport
from tasks.intake.sequences import readable, sequence_of
from tasks.intake.source_rows import write_sources
from tasks.intake.texts.columns import TextOptions
from tasks.intake.texts.letters import read_letters
from tasks.intake.texts.media import refuse_other_medium
from tasks.intake.texts.rows import is_table, rows_of
from tasks.intake.texts.text_items import clean_text, keep_text

SUFFIX = ".txt"

AT_ONCE = 256
LISTED_CHARACTERS = 8_000_000
"""Of a listing, beside which it is cut."""


class OfferedText(NamedTuple):
    """A text that is offered.

    Attributes:
        uri: Where it stands.
        name: Under which people find it again.
        path: By which `sequence_of` knows it; of a row its name.
        text: What it says; None: it is in a file, and not read yet.
        fault: Why it cannot be read; None: it can, as far as is known.
    """

    uri: str
    name: str
    path: str
    text: str | None = None
    fault: str | None = None


class TextShard(Frozen):
    """A run of texts, listed in the object store: what one intake step works on."""

    place: str
    listing: str
    texts: int


def offered_texts(place: Path, options: TextOptions) -> Iterator[OfferedText]:
    """Yield the texts of a table, of a text file, or of a folder of text files with its subfolders, in order.

    Raises:
        BadOption: There is no such place, or it is not clear where in it the texts are.
        NoTexts: It holds none.
    """
    texts = _offered(place, options)
    first = next(texts, None)
    if first is None:
        raise NoTexts(f"{place} holds no texts: name a CSV file, JSON lines, a text file, or a folder of text files")
    return chain([first], texts)


def _offered(place: Path, options: TextOptions) -> Iterator[OfferedText]:
    if place.is_dir():
        for path in sorted(path for path in place.rglob(f"*{SUFFIX}") if not _is_hidden(path.relative_to(place))):
            yield OfferedText(uri_of(path), readable(path.name), readable(path.relative_to(place).as_posix()))
    elif is_table(place):
        yield from _rows(place, options)
    elif place.suffix.lower() == SUFFIX:
        yield OfferedText(uri_of(place), readable(place.name), readable(place.name))
    else:
        raise BadOption(
            f"{place} is no file of texts that is read: expected .csv, .tsv, .jsonl, .ndjson or .txt, or a folder of "
            ".txt files"
        )


def _rows(place: Path, options: TextOptions) -> Iterator[OfferedText]:
    seen: dict[str, int] = {}
    uri, file = uri_of(place), readable(place.name)
    for row in rows_of(place, options):
        at = f"{uri}#line={row.line}"
        if row.fault:
            yield OfferedText(at, f"{file}:{row.line}", file, fault=f"line {row.line}: {row.fault}")
        elif row.id and row.id in seen:
            yield OfferedText(
                at, row.id, row.id, fault=f"line {row.line}: the id {row.id!r} is that of line {seen[row.id]}"
            )
        elif row.id:
            seen[row.id] = row.line
            yield OfferedText(f"{uri}#id={quote(row.id, safe='')}", row.id, row.id, row.text)
        else:
            yield OfferedText(at, f"{file}:{row.line}", f"{file}:{row.line}", row.text)


def list_texts(store: Store, place: Path, options: TextOptions, size: int = AT_ONCE) -> list[TextShard]:
    """Cut what a place offers into shards, listed in the store.

    Raises:
        BadOption: See `offered_texts`.
    """
    root = place.expanduser().resolve()
    if not root.exists():
        raise BadOption(f"{place} is not there: name a file of texts, or a folder of them, that this user may read")
    texts = offered_texts(root, options)
    return [TextShard(place=str(root), listing=_listed(store, some), texts=len(some)) for some in _parted(texts, size)]


def take_in_texts(
    engine: Engine,
    store: Store,
    collection: str,
    texts: Sequence[OfferedText],
    options: TextOptions,
    sequence_pattern: str | None = None,
) -> IntakeReport:
    """Take texts into a collection: read, store, and write one source row for each.

    Each text is a sequence of its own, unless a pattern finds in its path to which it belongs.

    Raises:
        BadOption: The pattern is no regular expression, or the collection is one of pictures.
        StoreUnavailable: The store cannot be reached or written.
        CatalogUnavailable: The catalogue cannot be written.
    """
    refuse_other_medium(engine, collection, "texts")
    report, rest = IntakeReport(), iter(texts)
    while some := list(islice(rest, AT_ONCE)):
        seen_at = utc_now()
        examined = [_examine(store, each, options, sequence_of_text(each.path, sequence_pattern)) for each in some]
        report += write_sources(engine, collection, examined, seen_at)
    return report


def sequence_of_text(path: str, pattern: str | None) -> str:
    """Return the sequence of a text: what a pattern finds in its path, else it has one of its own.

    Raises:
        BadOption: The pattern is no regular expression.
    """
    found = pattern and compile_pattern(pattern).search(path)
    return sequence_of(Path(path), pattern) if found else path


def texts_listed(store: Store, shard: TextShard) -> list[OfferedText]:
    """Return the texts that a shard lists.

    Raises:
        ObjectMissing: The listing is not in the store any more.
        BadInput: It was tampered with: it names what is not there.
    """
    texts = [OfferedText(*each) for each in json.loads(store.get(shard.listing))]
    place = Path(shard.place)
    if not all(place in (path := _path_of(each.uri), *path.parents) and ".." not in path.parts for each in texts):
        raise BadInput(f"the listing {shard.listing} names files outside of {shard.place}: list the texts again")
    return texts


def _examine(store: Store, offered: OfferedText, options: TextOptions, sequence: str) -> Examined:
    if offered.fault:
        return Examined(offered.uri, reason=offered.fault)
    try:
        text = offered.text
        if text is None:
            text = read_letters(read_file(file_of(offered)), options.encoding)
        clean = clean_text(text)
    except (BadInput, OSError) as error:
        return Examined(offered.uri, reason=why_unread_file(error))
    item = keep_text(store, clean.text, offered.name, sequence)
    return Examined(offered.uri, item.id, None, item, clean.notes, fingerprint_of_text(clean.text))


def file_of(offered: OfferedText) -> Path:
    """Return the file in which a text stands."""
    return _path_of(offered.uri)


def _path_of(uri: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))


def _parted(texts: Iterable[OfferedText], size: int) -> Iterator[list[OfferedText]]:
    some: list[OfferedText] = []
    characters = 0
    for each in texts:
        some.append(each)
        characters += len(each.text or "")
        if len(some) >= size or characters >= LISTED_CHARACTERS:
            yield some
            some, characters = [], 0
    if some:
        yield some


def _listed(store: Store, texts: Sequence[OfferedText]) -> str:
    content = json.dumps(texts).encode()
    key = f"listings/{hashlib.sha256(content).hexdigest()[:32]}.json"
    store.put(key, content, "application/json")
    return key


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
