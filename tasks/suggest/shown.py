"""Whether a person may see a suggestion: not in the random slice that is answered blind, and not of a quiet class.

Where nobody sees any suggestion, people's times and errors tell what suggestions are worth elsewhere; and a class whose
suggestions were found to be no help is quiet. Of a quiet class a small share of the items, drawn by lot, is shown its
suggestions all the same: else nothing could show that they have become better. Whoever shows suggestions asks here
first.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.suggestion_tables import QuietClass
from blocks.database.tables import Batch

RETRIED_SHARE = 0.1
"""Of the items of a quiet class: so many see its suggestions all the same."""


def may_show(payload: Mapping[str, Any], item_id: str, class_name: str, quiet: Collection[str] = ()) -> bool:
    """Say whether whoever answers a question may see that a class is suggested.

    Args:
        payload: The question's, as it stands in its row: `blind` where it belongs to the random slice or to an audit.
        item_id: What it is about.
        class_name: What would be suggested.
        quiet: Classes whose suggestions are hidden, see `quiet_classes`.
    """
    return not payload.get("blind", False) and (class_name not in quiet or is_retried(item_id))


def is_retried(item_id: str) -> bool:
    """Say by lot whether an item is shown also what is quiet; the same item gets the same answer every time."""
    lot = hashlib.sha256(f"quiet|{item_id}".encode()).digest()[:8]
    return int.from_bytes(lot, "big") / 2**64 < RETRIED_SHARE


IS_QUIET = (col(QuietClass.back_since).is_(None),)


def quiet_classes(engine: Engine, collection: str) -> frozenset[str]:
    """Return the classes of a collection whose suggestions are hidden; empty where there are none."""
    query = select(QuietClass.class_name).where(col(QuietClass.collection) == collection, *IS_QUIET)
    with reading(engine) as session:
        return frozenset(session.exec(query).all())


def quiet_classes_of_batch(engine: Engine, batch_id: str) -> frozenset[str]:
    """Return the same for the collection of a batch."""
    query = (
        select(QuietClass.class_name)
        .join(Batch, col(Batch.collection) == col(QuietClass.collection))
        .where(Batch.id == batch_id, *IS_QUIET)
    )
    with reading(engine) as session:
        return frozenset(session.exec(query).all())
