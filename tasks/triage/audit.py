"""Which items people label blind: the holdout for everything that the machines did alone."""

import hashlib

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Audit, Batch, BatchItem, Item, SequenceSplit

RANDOM = "random"
HELD_OUT = "held_out"
FRAME = "frame"
"""Drawn from the items of a round that are sure enough for pages: what people say of it certifies them, or does not."""
CONTROL = "control"
"""An item with boxes in doubt that people label blind all the same, so that their times can be compared."""


def draw_audit(engine: Engine, batch_id: str, share: float, seed: int) -> dict[str, str]:
    """Draw the blind sample of a batch and write it down, once: a later call only fills up what is missing.

    Items of the test split are audited all of them: truth that came from the champion would flatter it. From the other
    items a random share is drawn, never less than one item: they stand for what is accepted without a look.

    Args:
        engine: The catalogue.
        batch_id: The batch; items set aside are not drawn.
        share: To 1; 0, as rounds of key frames ask, draws none.
        seed: Draws another sample.

    Returns:
        By item id why it is audited, `random` or `held_out`.
    """
    in_test = _items_by_split(engine, batch_id)
    drawn = audits_of(engine, batch_id)
    others = sorted((i for i, is_test in in_test.items() if not is_test), key=lambda i: _lot(seed, batch_id, i))
    wanted = sample_size(len(others), share)
    already = [item_id for item_id in others if drawn.get(item_id) == RANDOM]
    fresh = [item_id for item_id in others if item_id not in drawn][: max(0, wanted - len(already))]
    whys = {item_id: HELD_OUT for item_id, is_test in in_test.items() if is_test} | dict.fromkeys(fresh, RANDOM)
    rows = [
        {"batch_id": batch_id, "item_id": item_id, "why": why, "seed": seed}
        for item_id, why in whys.items()
        if item_id not in drawn
    ]
    if rows:
        with writing(engine) as session:
            upsert(session, Audit, rows)
    return {item_id: why for item_id, why in (whys | drawn).items() if item_id in in_test}


def in_control(seed: int, batch_id: str, item_id: str, share: float) -> bool:
    """Say at random whether an item is of the control group; the same item gets the same answer every time."""
    lot = int.from_bytes(_lot(seed, f"control|{batch_id}", item_id)[:8], "big") / 2**64
    return lot < share


def sample_size(items: int, share: float) -> int:
    """Return how many of some items to draw: the share, rounded, but never none of some; of share 0 none."""
    return min(items, max(1, round(items * share))) if share else 0


def audits_of(engine: Engine, batch_id: str) -> dict[str, str]:
    """Return why each audited item of a batch is audited, by item id."""
    query = select(Audit.item_id, Audit.why).where(Audit.batch_id == batch_id)
    with reading(engine) as session:
        return dict(session.exec(query).all())


def _lot(seed: int, batch_id: str, item_id: str) -> bytes:
    # A hash instead of a random generator: an item's lot does not depend on which other items are there.
    return hashlib.sha256(f"{seed}|{batch_id}|{item_id}".encode()).digest()


def _items_by_split(engine: Engine, batch_id: str) -> dict[str, bool]:
    """Say of each item that is not set aside whether its sequence is in the test split, in batch order."""
    query = (
        select(BatchItem.item_id, SequenceSplit.split)
        .join(Batch, col(Batch.id) == BatchItem.batch_id)
        .join(Item, col(Item.id) == BatchItem.item_id)
        .outerjoin(
            SequenceSplit,
            (col(SequenceSplit.collection) == Batch.collection) & (col(SequenceSplit.sequence) == Item.sequence),
        )
        .where(BatchItem.batch_id == batch_id, col(BatchItem.set_aside).is_(None))
        .order_by(col(BatchItem.position))
    )
    with reading(engine) as session:
        return {item_id: split == "test" for item_id, split in session.exec(query).all()}
