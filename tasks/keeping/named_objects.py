"""What the catalogue says the store must hold: page by page in the order of keys, and which of given keys it names."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlmodel import SQLModel, col, select

from blocks.database.audit_tables import IssuedCertificate
from blocks.database.engine import reading
from blocks.database.import_tables import LabelImport
from blocks.database.tables import Item, Snapshot
from tasks.keeping.spaces import digest_in

PAGE = 500
"""Rows that are read, and objects that are looked at, before a bookmark is set: databases take 999 values at once."""


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object that a row of the catalogue names.

    Attributes:
        key: Where it is.
        of: What it is, in words.
        digest: First hex digits of its SHA-256; empty: the catalogue does not tell.
        size_bytes: How long it is; None: the catalogue does not tell.
    """

    key: str
    of: str
    digest: str = ""
    size_bytes: int | None = None


def _of_item(row: Item) -> list[NamedObject]:
    return [NamedObject(row.key, f"{row.name}, item {row.id[:12]}", row.id, row.size_bytes)]


def _of_snapshot(row: Snapshot) -> list[NamedObject]:
    return [NamedObject(row.manifest_key, f"a snapshot of {row.collection}", row.id)]


def _of_certificate(row: IssuedCertificate) -> list[NamedObject]:
    return [NamedObject(row.key, "a certificate", digest_in(row.key))]


def _of_import(row: LabelImport) -> list[NamedObject]:
    keys = [row.plan_key, row.problems_key] if row.ended_at else []  # before its end it may not have written them
    return [NamedObject(key, f"the import {row.name!r}") for key in keys if key]


_TABLES: dict[str, tuple[type[SQLModel], str, Any]] = {
    "item": (Item, "id", _of_item),
    "snapshot": (Snapshot, "id", _of_snapshot),
    "certificate": (IssuedCertificate, "snapshot_id", _of_certificate),
    "import": (LabelImport, "id", _of_import),
}
"""Tables whose rows name objects, their primary keys, and what each row names; a table's name is part of bookmarks."""

TABLES = tuple(_TABLES)


def read_named(engine: Engine, table: str, after: str) -> Iterator[tuple[str, list[NamedObject]]]:
    """Yield what the rows of a table name, a page at a time, in the order of their primary keys.

    No transaction stays open between two pages: a check takes hours, and the line goes on meanwhile.

    Args:
        engine: The catalogue.
        table: One of `TABLES`.
        after: Rows up to this primary key are passed over; '' for none.

    Yields:
        The primary key of the page's last row, and the objects.
    """
    model, name, named = _TABLES[table]
    key: Any = getattr(model, name)
    while True:
        with reading(engine) as session:
            rows: Sequence[Any] = session.exec(select(model).where(key > after).order_by(key).limit(PAGE)).all()
        if not rows:
            return
        after = getattr(rows[-1], name)
        yield after, [each for row in rows for each in named(row)]


def which_are_named(engine: Engine, keys: Collection[str]) -> set[str]:
    """Return which of some keys (at most `PAGE`) the catalogue names."""
    by_item = {key.rpartition("/")[2].partition(".")[0]: key for key in keys if key.startswith("items/")}
    found: set[str] = set()
    with reading(engine) as session:
        if by_item:  # by the primary key: there is no index on keys
            items = session.exec(select(Item.key).where(col(Item.id).in_(by_item))).all()
            found |= set(items) & set(keys)
        found |= set(session.exec(select(Snapshot.manifest_key).where(col(Snapshot.manifest_key).in_(keys))).all())
    return found
