"""The parts that a dataset has itself, train, val and test, kept where they do not part a sequence.

A sequence has its split for good: what was decided before stays. Sequences that the dataset parts, or says nothing of,
are left to the rule of the collection.
"""

from collections import defaultdict
from itertools import islice

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import BatchItem, Item, SequenceSplit
from blocks.storage.stores import Store
from tasks.dataset.imports.plan import ImportPlan, pictures_of

AT_ONCE = 500


def keep_splits(engine: Engine, store: Store, plan: ImportPlan) -> int:
    """Give sequences of an import of truth the split that their dataset has them in; a second call changes nothing.

    Only of a dataset that has a part to train on and one to test on: with one of them missing, nothing could be
    compared.

    Returns:
        How many sequences have the dataset's own split now, or had another one before.
    """
    if not {"train", "test"} <= set(plan.splits):
        return 0
    said: dict[str, set[str | None]] = defaultdict(set)
    for number, key in enumerate(plan.parts):
        pictures, start = pictures_of(store, key), number * plan.part_size
        while chunk := list(islice(pictures, AT_ONCE)):
            sequences = _sequences(engine, plan.batch_id, start, len(chunk))
            for position, picture in enumerate(chunk, start=start):
                if position in sequences:
                    said[sequences[position]].add(picture.split)
            start += len(chunk)
    agreed = {sequence: splits.pop() for sequence, splits in said.items() if len(splits) == 1}
    rows = [
        {"collection": plan.collection, "sequence": sequence, "split": split}
        for sequence, split in sorted(agreed.items())
        if split is not None
    ]
    with writing(engine) as session:
        upsert(session, SequenceSplit, rows)
    return len(rows)


def _sequences(engine: Engine, batch_id: str, start: int, count: int) -> dict[int, str]:
    """Return the sequences of some pictures of an import by position."""
    query = (
        select(BatchItem.position, Item.sequence)
        .join(Item, col(Item.id) == col(BatchItem.item_id))
        .where(BatchItem.batch_id == batch_id)
        .where(col(BatchItem.position) >= start, col(BatchItem.position) < start + count)
    )
    with reading(engine) as session:
        return dict(session.exec(query).all())
