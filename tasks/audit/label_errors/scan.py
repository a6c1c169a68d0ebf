"""Before a label-error review: the detector looks at settled items, and it is found out from which it learned."""

from sqlalchemy import Engine
from sqlmodel import col, func, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Item, SequenceSplit, Snapshot
from blocks.servers.experiments import LEARNED, Experiments
from blocks.storage.stores import Store
from tasks.audit.label_errors.record import LookScope
from tasks.audit.label_errors.settled_labels import find_settled
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import ProposalCounts, propose
from tasks.detect.refs import DetectorRef
from tasks.triage.boxes import in_shards


def scan_settled(
    engine: Engine,
    store: Store,
    scope: LookScope,
    ref: DetectorRef,
    tiling: TilingOptions,
    most_items: int,
) -> ProposalCounts:
    """Let a detector look at the settled items that may be judged; what it has seen it does not look at again.

    An item that cannot be read any more keeps its labels and its place: it is reported, and not judged.

    Raises:
        BadOption: The batch that is asked for is not one of the collection.
        UnknownClass: The detector knows none of the classes.
    """
    rows, _ = find_settled(engine, scope)
    counts = ProposalCounts()
    for part in in_shards([row[0] for row in rows[:most_items]]):
        with reading(engine) as session:
            items = session.exec(select(Item).where(col(Item.id).in_(part)).order_by(col(Item.id))).all()
        counts += propose(engine, store, items, ref, scope.classes, tiling)
    return counts


def count_learned(
    engine: Engine, experiments: Experiments, ref: DetectorRef, scope: LookScope, most_items: int
) -> int | None:
    """Count the items that may be judged and that a detector was trained on; None where that is not known.

    It was trained on what had settled in the train split when its snapshot was taken (in val too, where val was too
    small to choose an epoch by), or on a part of that.
    """
    run = experiments.finished_run(ref.name, {"labelline.version": ref.version})
    tags = run.data.tags if run else {}
    snapshot_id, splits = tags.get("labelline.snapshot"), tags.get(LEARNED, "train").split(",")
    with reading(engine) as session:
        snapshot = session.get(Snapshot, snapshot_id) if snapshot_id else None
        if snapshot is None or snapshot.collection != scope.collection:
            return None
        learned = (
            select(func.count(col(Item.id).distinct()))
            .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
            .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
            .join(
                SequenceSplit,
                (col(SequenceSplit.collection) == Batch.collection) & (col(SequenceSplit.sequence) == Item.sequence),
            )
            .where(Batch.collection == scope.collection, col(SequenceSplit.split).in_(splits))
            .where(col(BatchItem.settled_at) <= snapshot.created_at)
        )
        rows, _ = find_settled(engine, scope)
        parts = in_shards([row[0] for row in rows[:most_items]])
        return sum(session.exec(learned.where(col(Item.id).in_(part))).one() for part in parts)
