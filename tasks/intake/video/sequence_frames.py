"""The frames of a sequence, in order: the ids of all, and the rows of as many as are wanted."""

from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from tasks.intake.sequences import frame_order

READ_TOGETHER = 1000
"""Rows that one query reads: databases take so many names at once, and not any number."""


def frame_ids_of(engine: Engine, collection: str, sequence: str) -> list[str]:
    """Return the frames of a sequence in the order in which they are shown: by number, or by name where they have none.

    Names are ordered as people count: `shot2.jpg` is before `shot10.jpg`.
    """
    taken = select(Source.item_id).where(Source.collection == collection, col(Source.item_id).is_not(None))
    query = select(Item.frame, Item.name, Item.id).where(Item.sequence == sequence, col(Item.id).in_(taken))
    with reading(engine) as session:
        return [item_id for _, _, item_id in sorted(session.exec(query), key=lambda row: frame_order(*row))]


def read_frames(engine: Engine, item_ids: Sequence[str]) -> list[Item]:
    """Return some frames in the given order."""
    found: dict[str, Item] = {}
    with reading(engine) as session:
        for start in range(0, len(item_ids), READ_TOGETHER):
            some = item_ids[start : start + READ_TOGETHER]
            found |= {item.id: item for item in session.exec(select(Item).where(col(Item.id).in_(some)))}
    return [found[item_id] for item_id in item_ids]
