"""Batches: fixed, named sets of items that travel the line together, and the shards that steps work on."""

from pydantic import Field
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Source
from blocks.errors import BadInput, BadOption
from blocks.frozen import Frozen


class BatchRef(Frozen):
    """A batch as flows pass it on."""

    id: str
    collection: str
    size: int = Field(ge=0, description="items when it was opened; 0: there was nothing new")


class Shard(Frozen):
    """A run of places in a batch: what one step works on."""

    batch_id: str
    start: int = Field(ge=0, description="first position")
    stop: int = Field(ge=0, description="position after the last one")


def open_batch(engine: Engine, batch_id: str, collection: str, size: int, flow_run_id: str | None = None) -> BatchRef:
    """Fill a new batch with items of a collection that are in none of its batches yet, first seen first.

    A batch that exists comes back as it is, whatever the size asked for. Where there is nothing new, no batch is
    written, so that the same id can be opened later.

    Raises:
        BadOption: The size is not positive, or the id is that of another collection's batch.
    """
    if size < 1:
        raise BadOption(f"a batch of {size} items cannot be opened: expected 1 or more")
    with writing(engine) as session:
        batch = session.get(Batch, batch_id)
        if batch is None:
            item_ids = _next_items(session, collection, size)
            if not item_ids:
                return BatchRef(id=batch_id, collection=collection, size=0)
            upsert(session, Batch, [{"id": batch_id, "collection": collection, "flow_run_id": flow_run_id}])
            places = [{"batch_id": batch_id, "item_id": item, "position": n} for n, item in enumerate(item_ids)]
            upsert(session, BatchItem, places)
            return BatchRef(id=batch_id, collection=collection, size=len(places))
        if batch.collection != collection:
            raise BadOption(f"batch {batch_id!r} belongs to the collection {batch.collection!r}, not to {collection!r}")
        return BatchRef(id=batch_id, collection=collection, size=_places(session, batch_id))


def unsettled(engine: Engine, collection: str) -> dict[str, str | None]:
    """Return the batches of a collection that are not settled, oldest first, each with the run that opened it."""
    query = select(Batch).where(Batch.collection == collection, col(Batch.settled_at).is_(None))
    with reading(engine) as session:
        batches = session.exec(query.order_by(col(Batch.created_at), col(Batch.id))).all()
    return {batch.id: batch.flow_run_id for batch in batches}


def hand_over(engine: Engine, batch_id: str, flow_run_id: str | None) -> None:
    """Write down that a batch is now continued by another run."""
    with writing(engine) as session:
        batch = session.get(Batch, batch_id)
        if batch is not None:
            batch.flow_run_id = flow_run_id
            session.add(batch)


def detector_of(engine: Engine, batch_id: str) -> str | None:
    """Return the version of the detector that proposes for a batch; None while it is not chosen."""
    with reading(engine) as session:
        batch = session.get(Batch, batch_id)
    return batch.detector if batch else None


def note_detector(engine: Engine, batch_id: str, version: str) -> None:
    """Write down which detector proposes for a batch."""
    with writing(engine) as session:
        batch = session.get(Batch, batch_id)
        if batch is not None and batch.detector is None:
            batch.detector = version
            session.add(batch)


def shards(engine: Engine, batch_id: str, size: int = 64) -> list[Shard]:
    """Cut a batch into runs of at most `size` places, in order; none for a batch that does not exist.

    Raises:
        BadOption: The size is not positive.
    """
    if size < 1:
        raise BadOption(f"shards of {size} items cannot be cut: expected 1 or more")
    with reading(engine) as session:
        places = _places(session, batch_id)
    return [Shard(batch_id=batch_id, start=at, stop=min(at + size, places)) for at in range(0, places, size)]


def items_of(engine: Engine, batch_id: str, start: int = 0, stop: int | None = None) -> list[Item]:
    """Return the items at places start to stop (exclusive) of a batch, in order, without those set aside."""
    query = (
        select(Item)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .where(BatchItem.batch_id == batch_id, BatchItem.position >= start, col(BatchItem.set_aside).is_(None))
        .order_by(col(BatchItem.position))
    )
    if stop is not None:
        query = query.where(BatchItem.position < stop)
    with reading(engine) as session:
        return list(session.exec(query))


def set_aside(engine: Engine, batch_id: str, item_id: str, reason: str) -> None:
    """Take an item out of a batch for a stated reason; it keeps its place and its row.

    Raises:
        BadInput: The item is not in the batch.
    """
    with writing(engine) as session:
        place = session.get(BatchItem, (batch_id, item_id))
        if place is None:
            raise BadInput(f"item {item_id[:12]} is not in batch {batch_id!r}: nothing to set aside")
        place.set_aside = reason
        session.add(place)


def _next_items(session: Session, collection: str, size: int) -> list[str]:
    batched = (
        select(BatchItem.item_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection)
    )
    query = (
        select(Source.item_id)
        .where(Source.collection == collection, col(Source.item_id).is_not(None), col(Source.item_id).not_in(batched))
        .group_by(col(Source.item_id))
        .order_by(func.min(Source.seen_at), func.min(Source.uri))
        .limit(size)
    )
    return [item_id for item_id in session.exec(query) if item_id is not None]


def _places(session: Session, batch_id: str) -> int:
    highest = session.exec(select(func.max(BatchItem.position)).where(BatchItem.batch_id == batch_id)).one()
    return 0 if highest is None else highest + 1
