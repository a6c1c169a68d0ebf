"""The items of a batch, as far as a question needs them, page by page; and of a page of texts what they say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import BatchItem, Item, Route
from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.intake.texts.text_items import is_text, read_text

PAGE_ITEMS = 200
"""Items per page: at 100 boxes an item, 20,000 boxes in memory."""


@dataclass(frozen=True, slots=True)
class DraftItem:
    """An item of a batch, as far as a question needs it."""

    item_id: str
    width: int
    height: int
    route: str
    reasons: tuple[str, ...] = ()
    text_key: str | None = None
    """Where in the object store a text is; None: it is a picture."""
    sequence: str = ""
    frame: int | None = None
    """Place in its sequence; None: it is no frame of a video."""


def pages_of_items(engine: Engine, batch_id: str, routes: Sequence[Route]) -> Iterator[list[DraftItem]]:
    """Yield the items of a batch that took one of these routes, in order, `PAGE_ITEMS` at a time."""
    wanted = (
        select(Item, BatchItem)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .where(BatchItem.batch_id == batch_id, col(BatchItem.set_aside).is_(None))
        .where(col(BatchItem.route).in_([route.value for route in routes]))
        .order_by(col(BatchItem.position))
    )
    start = 0
    while True:
        with reading(engine) as session:
            rows = session.exec(wanted.offset(start).limit(PAGE_ITEMS)).all()
        if rows:
            yield [
                DraftItem(
                    item.id,
                    item.width,
                    item.height,
                    place.route or "",
                    tuple(place.reasons),
                    item.key if is_text(item) else None,
                    item.sequence,
                    item.frame,
                )
                for item, place in rows
            ]
        if len(rows) < PAGE_ITEMS:
            return
        start += PAGE_ITEMS


def texts_of(store: Store | None, page: Sequence[DraftItem]) -> dict[str, str]:
    """Return what the texts among some items say, by item id.

    Args:
        store: Where they are; None: there are none among the items.
        page: Some items.

    Raises:
        BadOption: There are texts, and no store.
        ObjectMissing: The store has lost one.
    """
    texts = {place.item_id: place.text_key for place in page if place.text_key is not None}
    if texts and store is None:
        raise BadOption(f"{len(texts)} items are texts, and no object store was given: give the one that has them")
    return {item_id: read_text(store, key) for item_id, key in texts.items()} if store else {}
