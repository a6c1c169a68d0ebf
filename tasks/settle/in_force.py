"""Read labels: those in force of some items or of a batch, and how many are new since the last snapshot."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, Engine, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Label, Snapshot
from blocks.frozen import Frozen
from blocks.shapes import WHOLE
from tasks.settle.revisions import newest_per_region
from tasks.triage.boxes import in_shards


class LabelNews(Frozen):
    """How many labels of a collection are new since its newest snapshot."""

    collection: str
    since: str | None = Field(description="id of the newest snapshot; None: there is none, and all labels are new")
    count: int


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
    rows = select(Label).order_by(col(Label.item_id), col(Label.region))
    if collection is not None:
        rows = rows.where(col(Label.batch_id).in_(select(Batch.id).where(Batch.collection == collection)))
    with reading(engine) as session:
        for part in in_shards(item_ids):
            mine = rows.where(col(Label.item_id).in_(part))
            for label in newest_per_region(session.exec(mine).all()):
                if not label.retracted:
                    found[label.item_id].append(label)
    return found


def count_in_force(session: Session, batch_id: str) -> int:
    """Count the labels in force on the settled items of a batch."""
    return int(session.exec(_on_settled(batch_id, select(func.count()))).one())


def count_wholes(session: Session, batch_id: str) -> tuple[int, int]:
    """Count the items that have such labels about the whole of them, and the classes of these."""
    columns = select(func.count(col(Label.item_id).distinct()), func.count(col(Label.class_name).distinct()))
    wholes, classes = session.exec(_on_settled(batch_id, columns).where(_is_whole())).one()
    return int(wholes), int(classes)


def _is_whole() -> ColumnElement[bool]:
    # A label of the whole of an item is named after that: see `identity_in_item`, and a shared item's suffix.
    named = (col(Label.region).startswith(f"{WHOLE}{sign}") for sign in "@:")
    return col(Label.x_min).is_(None) & or_(col(Label.region) == WHOLE, *named)


def _on_settled(batch_id: str, columns: Any) -> Any:
    collection = select(Batch.collection).where(Batch.id == batch_id).scalar_subquery()
    return (
        columns.select_from(Label)
        .join(BatchItem, col(BatchItem.item_id) == Label.item_id)
        .where(BatchItem.batch_id == batch_id, col(BatchItem.settled_at).is_not(None))
        .where(col(Label.batch_id).in_(select(Batch.id).where(Batch.collection == collection)))
        .where(*is_in_force())
    )


def news_of(engine: Engine, collection: str) -> LabelNews:
    """Count the labels in force on settled items of a collection that its newest snapshot does not have.

    A corrected label counts, a retracted one does not. Without a snapshot all labels in force are new.
    """
    query = _in_force_of(collection)
    newest = select(Snapshot.id, Snapshot.created_at).where(Snapshot.collection == collection)
    with reading(engine) as session:
        snapshot = session.exec(newest.order_by(col(Snapshot.created_at).desc()).limit(1)).first()
        since, taken_at = snapshot or (None, None)
        if taken_at is not None:
            query = query.where(col(Label.created_at) > taken_at)
        return LabelNews(collection=collection, since=since, count=session.exec(query).one())


def count_labels(engine: Engine, collection: str) -> int:
    """Count the labels in force on settled items of a collection."""
    with reading(engine) as session:
        return session.exec(_in_force_of(collection)).one()


def count_by_class(session: Session, collection: str = "") -> dict[str, dict[str, dict[str, int]]]:
    """Count the labels in force on settled items by collection, class and origin; of all collections, or of one."""
    query = (
        select(Batch.collection, Label.class_name, Label.origin, func.count())
        .join(Batch, col(Batch.id) == Label.batch_id)
        .join(BatchItem, (col(BatchItem.batch_id) == Label.batch_id) & (col(BatchItem.item_id) == Label.item_id))
        .where(col(BatchItem.settled_at).is_not(None), *is_in_force())
        .group_by(Batch.collection, Label.class_name, Label.origin)
        .order_by(Label.class_name, Label.origin)
    )
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for name, class_name, origin, count in session.exec(
        query.where(Batch.collection == collection) if collection else query
    ):
        counts.setdefault(name, {}).setdefault(class_name, {})[origin] = int(count)
    return counts


def _in_force_of(collection: str) -> SelectOfScalar[int]:
    return (
        select(func.count())
        .select_from(Label)
        .join(Batch, col(Batch.id) == Label.batch_id)
        .join(BatchItem, (col(BatchItem.batch_id) == Label.batch_id) & (col(BatchItem.item_id) == Label.item_id))
        .where(Batch.collection == collection, col(BatchItem.settled_at).is_not(None))
        .where(*is_in_force())
    )


def is_in_force() -> tuple[ColumnElement[bool], ...]:
    """Return what makes a row of `Label` one that is true now: not retracted, and of its region's highest revision."""
    later: Any = aliased(Label)
    corrections = select(later.id).where(
        later.item_id == Label.item_id, later.region == Label.region, later.revision > col(Label.revision)
    )
    return col(Label.retracted).is_(False), ~corrections.exists()
