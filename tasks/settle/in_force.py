"""Read labels: those in force of some items, and how many are new since the last snapshot."""

from collections.abc import Sequence

from sqlalchemy import Engine, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from blocks.database import reading
from blocks.tables import Batch, BatchItem, Label, Snapshot
from tasks.settle.labels import newest_labels
from tasks.triage.boxes import SHARD_ITEMS


def labels_in_force(engine: Engine, item_ids: Sequence[str], collection: str | None = None) -> dict[str, list[Label]]:
    """Return the labels that are true now.

    Args:
        engine: The catalogue.
        item_ids: Items; may be empty.
        collection: Only labels of this collection; None takes all, also those of an item that two collections share.

    Returns:
        By item id, for every item asked about, in the order of their regions; empty where nothing is there.
    """
    found: dict[str, list[Label]] = {item_id: [] for item_id in item_ids}
    with reading(engine) as session:
        batches = None
        if collection is not None:
            batches = set(session.exec(select(Batch.id).where(Batch.collection == collection)).all())
        for first in range(0, len(item_ids), SHARD_ITEMS):
            for item_id, labels in newest_labels(session, item_ids[first : first + SHARD_ITEMS]).items():
                mine = [label for label in labels if batches is None or label.batch_id in batches]
                found[item_id] = [label for label in mine if not label.retracted]
    return found


def new_labels_since_snapshot(engine: Engine, collection: str) -> int:
    """Count the labels in force of a collection's settled items that its newest snapshot does not have.

    A corrected label counts, a retracted one does not. Without a snapshot all labels in force are new.
    """
    later = aliased(Label)
    is_newest = ~(
        select(later.id)
        .where(later.item_id == Label.item_id, later.region == Label.region, later.revision > col(Label.revision))
        .exists()
    )
    query = (
        select(func.count())
        .select_from(Label)
        .join(Batch, col(Batch.id) == Label.batch_id)
        .join(BatchItem, (col(BatchItem.batch_id) == Label.batch_id) & (col(BatchItem.item_id) == Label.item_id))
        .where(Batch.collection == collection, col(BatchItem.settled_at).is_not(None))
        .where(col(Label.retracted).is_(False), is_newest)
    )
    with reading(engine) as session:
        newest = session.exec(select(func.max(Snapshot.created_at)).where(Snapshot.collection == collection)).one()
        if newest is not None:
            query = query.where(col(Label.created_at) > newest)
        return int(session.exec(query).one())
