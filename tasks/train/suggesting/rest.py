"""Whether the unlabelled rest of a batch teaches beside a collection's labels: where it is proven to be a gain."""

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Label, Proposal, Route
from tasks.settle.in_force import is_in_force
from tasks.suggest.embedders.kept import Vector
from tasks.suggest.learners.self_trained import Pool
from tasks.suggest.taught import Taught

logger = logging.getLogger(__name__)


def with_rest(engine: Engine, collection: str, taught: Taught, rest: Mapping[str, Vector]) -> Taught:
    """Return what labels teach, together with the rest where that is proven to be better.

    Args:
        engine: The catalogue.
        collection: Whose labels.
        taught: What its labels teach.
        rest: Vectors of items, by item, as the embedder made them; those that have a label are left out.
    """
    known = set(taught.item_ids)
    ids = tuple(item_id for item_id in sorted(rest) if item_id not in known and np.isfinite(rest[item_id]).all())
    if not ids or taught.several or len(taught.named) < 2:  # shares of classes say nothing where several may hold
        return taught
    vectors = np.stack([rest[item_id] for item_id in ids])
    pool = Pool(ids, taught.space.place(vectors, taught.space.embedder))
    gain = taught.suggester().gain_of(pool, labelled_by_lot(engine, collection))
    what = "teach as well" if gain.is_proven else "do not teach: no gain is proven"
    logger.info("%s: %d unlabelled items %s (%s)", collection, len(ids), what, gain)
    return replace(taught, rest_ids=ids, rest=vectors) if gain.is_proven else taught


def labelled_by_lot(engine: Engine, collection: str) -> frozenset[str]:
    """Return the items of a collection that got a label whatever was thought of them.

    They were asked about blind, for an audit or in the control group; or nothing was proposed on all of their batch, so
    that every item of it was asked about; or their labels came in as truth.
    """
    proposed_on = (
        select(Batch.id)
        .join(BatchItem, col(BatchItem.batch_id) == Batch.id)
        .join(
            Proposal,
            (col(Proposal.item_id) == BatchItem.item_id) & (col(Proposal.detector) == Batch.detector),
        )
        .where(Batch.collection == collection)
        .distinct()
    )
    place = (col(BatchItem.batch_id) == Label.batch_id) & (col(BatchItem.item_id) == Label.item_id)
    labelled = (
        select(Label.item_id, Label.batch_id, BatchItem.route)
        .join(Batch, col(Batch.id) == Label.batch_id)
        .outerjoin(BatchItem, place)
        .where(Batch.collection == collection, *is_in_force())
    )
    with reading(engine) as session:
        batches = frozenset(session.exec(proposed_on))
        rows = session.exec(labelled)
        return frozenset(
            item_id for item_id, batch_id, route in rows if route == Route.AUDIT.value or batch_id not in batches
        )
