"""Whether the pictures of a batch look like those before it: the embeddings of one detector, compared by item.

A band speaks of its own batch, so new pictures cannot break its promise. What they can do is make earlier numbers say
little of what comes: detectors age, and audits of several batches become audits of a mixture. So it is reported.
"""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database import reading
from blocks.errors import BadOption
from blocks.tables import Batch, BatchItem, Scan
from tasks.audit.withdrawal import Drift, check_drift
from tasks.triage.boxes import Scope
from tasks.triage.diversity import Embeddings

MOST_ROWS = 2000
"""Newest items that are read of each side; `check_drift` compares a random part of them."""


def input_drift(engine: Engine, scope: Scope) -> Drift | None:
    """Compare the pictures of a batch with those of earlier batches of its collection that the same detector saw.

    Returns:
        None where there is no earlier batch, or no embedding.

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
        before, now = _stored(session, scope, earlier), _stored(session, scope, [batch.id])
    if not before or not now:
        return None
    # One reading for both sides: embeddings of different lengths cannot be compared, and are refused here.
    stored = [*before, *now]
    rows = Embeddings.from_bytes(stored, [scope.detector] * len(stored), scope.detector).vectors.astype(np.float64)
    return check_drift("pictures", rows[: len(before)], rows[len(before) :])


def _stored(session: Session, scope: Scope, batch_ids: Sequence[str]) -> list[bytes]:
    query = (
        select(Scan.embedding)
        .join(BatchItem, col(BatchItem.item_id) == Scan.item_id)
        .where(col(BatchItem.batch_id).in_(batch_ids), col(BatchItem.set_aside).is_(None))
        .where(Scan.detector == scope.detector, Scan.recipe == scope.recipe, col(Scan.embedding).is_not(None))
        .order_by(col(Scan.created_at).desc(), col(Scan.item_id))
        .limit(MOST_ROWS)
    )
    return [embedding for embedding in session.exec(query).all() if embedding]
