"""Whether the pictures of a batch look like those before it: the embeddings of one detector, compared by sequence.

A band speaks of its own batch, so new pictures cannot break its promise. But the promise is that what is accepted is
right, not that nothing is missing: on pictures of another kind a detector misses more, and nobody looks where it is
sure. So a batch whose pictures have changed gets no band unless its line wants that, and people look.

Batches that were chosen by what a detector says of their items are no yardstick: they differ from others by design.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database import reading
from blocks.errors import BadOption
from blocks.tables import Batch, BatchItem, Bookmark, Item, Scan
from tasks.audit.evidence import Floats
from tasks.audit.withdrawal import Drift, check_drift
from tasks.triage.boxes import Scope
from tasks.triage.diversity import Embeddings

MOST_ROWS = 2000
"""Newest items that are read of each side; `check_drift` compares a random part of them."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Stored embeddings of some items, and the sequence of each."""

    embeddings: tuple[bytes, ...]
    sequences: tuple[str, ...]


def chosen_name(batch_id: str) -> str:
    """Name the bookmark that says that a batch's items were chosen by a strategy, not as they came or by lot."""
    return f"audit chosen {batch_id}"


def input_drift(engine: Engine, scope: Scope) -> Drift | None:
    """Compare the pictures of a batch with those of earlier batches of its collection that the same detector saw.

    Returns:
        None where there is no earlier batch, no embedding, or the batch was chosen by what a detector says.

    Raises:
        BadOption: There is no such batch.
        OtherModelVersion: Embeddings of one detector are of different lengths.
    """
    with reading(engine) as session:
        batch = session.get(Batch, scope.batch_id)
        if batch is None:
            raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
        earlier = session.exec(
            select(Batch.id).where(
                Batch.collection == batch.collection,
                Batch.id != batch.id,
                col(Batch.created_at) <= batch.created_at,
            )
        ).all()
        chosen = _chosen(session, [batch.id, *earlier])
        if batch.id in chosen:
            return None
        before = _stored(session, scope, [batch_id for batch_id in earlier if batch_id not in chosen])
        now = _stored(session, scope, [batch.id])
    if not before.embeddings or not now.embeddings:
        return None
    rows = _vectors(before, now, scope.detector)
    split = len(before.embeddings)
    return check_drift("pictures", rows[:split], rows[split:], (before.sequences, now.sequences))


def _vectors(before: Pictures, now: Pictures, detector: str) -> Floats:
    # One reading for both sides: embeddings of different lengths cannot be compared, and are refused here.
    stored = [*before.embeddings, *now.embeddings]
    return Embeddings.from_bytes(stored, [detector] * len(stored), detector).vectors.astype(np.float64)


def _chosen(session: Session, batch_ids: Sequence[str]) -> set[str]:
    names = {chosen_name(batch_id): batch_id for batch_id in batch_ids}
    found = session.exec(select(Bookmark.name).where(col(Bookmark.name).startswith(chosen_name("")))).all()
    return {names[name] for name in found if name in names}


def _stored(session: Session, scope: Scope, batch_ids: Sequence[str]) -> Pictures:
    query = (
        select(Scan.embedding, Item.sequence)
        .join(Item, col(Item.id) == Scan.item_id)
        .join(BatchItem, col(BatchItem.item_id) == Scan.item_id)
        .where(col(BatchItem.batch_id).in_(batch_ids), col(BatchItem.set_aside).is_(None))
        .where(Scan.detector == scope.detector, Scan.recipe == scope.recipe, col(Scan.embedding).is_not(None))
        .order_by(col(Scan.created_at).desc(), col(Scan.item_id))
        .limit(MOST_ROWS)
    )
    rows = [(embedding, sequence) for embedding, sequence in session.exec(query).all() if embedding]
    return Pictures(tuple(row[0] for row in rows), tuple(row[1] for row in rows))
