"""What the items of a collection are: pictures, or texts. A collection has one of them."""

from typing import Literal

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import BatchItem, Item, Source
from blocks.errors import BadOption
from tasks.intake.texts.text_items import MEDIA_TYPE

Medium = Literal["pictures", "texts"]


def medium_of(engine: Engine, batch_id: str) -> Medium:
    """Say what the items of a batch are; of one without items, pictures."""
    first = (
        select(Item.media_type)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .where(BatchItem.batch_id == batch_id)
        .order_by(col(BatchItem.position))
    )
    with reading(engine) as session:
        return _medium(session.exec(first.limit(1)).first()) or "pictures"


def medium_of_collection(engine: Engine, collection: str) -> Medium | None:
    """Say what the items of a collection are; None: it has none."""
    first = (
        select(Item.media_type).join(Source, col(Source.item_id) == col(Item.id)).where(Source.collection == collection)
    )
    with reading(engine) as session:
        return _medium(session.exec(first.limit(1)).first())


def refuse_other_medium(engine: Engine, collection: str, medium: Medium) -> None:
    """Refuse to take texts into a collection of pictures, or pictures into one of texts.

    Raises:
        BadOption: It would be so.
    """
    known = medium_of_collection(engine, collection)
    if known is not None and known != medium:
        raise BadOption(
            f"collection {collection!r} has {known}, and these are {medium}: take them into a collection of their own"
        )


def _medium(media_type: str | None) -> Medium | None:
    if media_type is None:
        return None
    return "texts" if media_type == MEDIA_TYPE else "pictures"
