"""The catalogue's side of intake: what is known of a source, and one row for everything offered."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.origin_tables import Origin
from blocks.database.tables import Item, Source
from blocks.database.vector_tables import Fingerprint
from tasks.intake.credits import CREDITED
from tasks.intake.files import Examined, Known
from tasks.intake.reports import IntakeReport, RejectedFile

TAKEN = "taken"
DUPLICATE = "duplicate"
SET_ASIDE = "set_aside"

_OF_KNOWN: tuple[Any, ...] = (
    Source.uri,
    Source.item_id,
    Item.size_bytes,
    Source.seen_at,
    Item.key,
    Item.media_type,
)
"""Columns of `Known`, after the uri."""


def known_sources(engine: Engine, collection: str, uris: Sequence[str]) -> dict[str, Known]:
    """Return what the catalogue knows of sources, by uri; those never seen are absent."""
    query = (
        sqlalchemy.select(*_OF_KNOWN)
        .join(Item, col(Item.id) == col(Source.item_id), isouter=True)
        .where(col(Source.collection) == collection, col(Source.uri).in_(uris))
    )
    with reading(engine) as session:
        return {uri: Known(*facts) for uri, *facts in session.execute(query)}


def write_sources(engine: Engine, collection: str, examined: Sequence[Examined], seen_at: datetime) -> IntakeReport:
    """Write the items and source rows of examined files in one transaction, and report on them.

    The first source of an item in a collection is taken, every later one a duplicate of it. Rows that say so already
    are left alone.

    Args:
        engine: The catalogue.
        collection: The collection.
        examined: Files, each uri once.
        seen_at: A time before the first of them was read.
    """
    with writing(engine) as session:
        items = [found.item.model_dump() for found in examined if found.item]
        upsert(session, Item, items)
        upsert(session, Fingerprint, [_fingerprint(found) for found in examined if found.item and found.fingerprint])
        before = _rows_by_uri(session, collection, [found.uri for found in examined])
        taken_from = _taken_from(session, collection, {found.item_id for found in examined if found.item_id})
        rows = [_row(found, before.get(found.uri), taken_from, collection) for found in examined]
        changed = [{**row, "seen_at": seen_at} for row in rows if not _says_so(before.get(row["uri"]), row)]
        upsert(session, Source, changed, update=("item_id", "state", "reason", "seen_at"))
        origins = [_origin(found, collection) for found in examined if found.item_id and found.credit]
        upsert(session, Origin, origins, update=("item_id", "url", *CREDITED))
    return IntakeReport(
        offered=len(rows),
        taken=sum(row["state"] == TAKEN for row in rows),
        duplicates=sum(row["state"] == DUPLICATE for row in rows),
        set_aside=tuple(
            RejectedFile(uri=row["uri"], reason=row["reason"]) for row in rows if row["state"] == SET_ASIDE
        ),
        notes=dict(Counter(note for found in examined for note in found.notes)),
        changed=len(changed),
    )


def _fingerprint(found: Examined) -> dict[str, Any]:
    return {"item_id": found.item_id, "bits": found.fingerprint}


def _origin(found: Examined, collection: str) -> dict[str, Any]:
    assert found.credit
    return {"collection": collection, "uri": found.uri, "item_id": found.item_id, **asdict(found.credit)}


def _row(found: Examined, before: Source | None, taken_from: dict[str, str], collection: str) -> dict[str, Any]:
    row: dict[str, Any] = {"collection": collection, "uri": found.uri, "item_id": found.item_id}
    if found.is_double:
        return {**row, "state": DUPLICATE, "reason": found.reason}
    if found.item_id is None:
        return {**row, "state": SET_ASIDE, "reason": found.reason}
    first = taken_from.setdefault(found.item_id, found.uri)
    if first != found.uri:
        return {**row, "state": DUPLICATE, "reason": f"same bytes as {first}"}
    replaced = before.item_id if before and before.item_id != found.item_id else None
    reason = f"replaces item {replaced[:12]}, which stays in its batches" if replaced else None
    return {**row, "state": TAKEN, "reason": reason}


def _says_so(before: Source | None, row: dict[str, Any]) -> bool:
    if before is None or (before.state, before.item_id) != (row["state"], row["item_id"]):
        return False
    # Why a taken file once replaced another stays on record.
    return bool(row["state"] == TAKEN or before.reason == row["reason"])


def _rows_by_uri(session: Session, collection: str, uris: Sequence[str]) -> dict[str, Source]:
    query = select(Source).where(Source.collection == collection, col(Source.uri).in_(uris))
    return {row.uri: row for row in session.exec(query)}


def _taken_from(session: Session, collection: str, item_ids: set[str]) -> dict[str, str]:
    query = select(Source.item_id, Source.uri).where(
        Source.collection == collection, Source.state == TAKEN, col(Source.item_id).in_(item_ids)
    )
    return {item_id: uri for item_id, uri in session.exec(query) if item_id}
