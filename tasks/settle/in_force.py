"""Read labels: those in force of some items, and how many are new since the last snapshot."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field
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


class LabelNews(BaseModel):
    """How many labels of a collection are new since its newest snapshot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str
    since: str | None = Field(description="id of the newest snapshot; None: there is none, and all labels are new")
    count: int


def new_labels_since_snapshot(engine: Engine, collection: str) -> int:
    """Count the labels in force of a collection that its newest snapshot does not have: `news_of(...).count`."""
    return news_of(engine, collection).count


def news_of(engine: Engine, collection: str) -> LabelNews:
    """Count the labels in force on settled items of a collection that its newest snapshot does not have.

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
    newest = select(Snapshot.id, Snapshot.created_at).where(Snapshot.collection == collection)
    with reading(engine) as session:
        snapshot = session.exec(newest.order_by(col(Snapshot.created_at).desc()).limit(1)).first()
        since, taken_at = snapshot or (None, None)
        if taken_at is not None:
            query = query.where(col(Label.created_at) > taken_at)
        return LabelNews(collection=collection, since=since, count=session.exec(query).one())
