"""What people are asked first: a batch of the items from which the detector would learn most, by named strategies.

The first batch also has items of the test split: without a holdout no round could be told from another. They are
a random sample, never chosen by what a detector says of them. Where there is no model yet, the others are far apart.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Bookmark, Item, Proposal, SequenceSplit, Source, utc_now
from blocks.naming.renamed import Renamed
from tasks.audit.risk_control.drift import chosen_name
from tasks.detect.proposals import scanned_items
from tasks.intake.batches import BatchRef
from tasks.monitor.cost.spent import settled_items
from tasks.settle.in_force import labels_in_force
from tasks.triage.active_learning.diversity import Embeddings, k_center
from tasks.triage.active_learning.order import (
    MOST_CHOSEN,
    Mix,
    ProposedBox,
    candidates_of,
    known_strategies,
    mixed_ranks,
)
from tasks.triage.active_learning.strategies import Candidates, Floats, random_order
from tasks.triage.boxes import in_shards

BY_LOT = "random"
"""The strategy whose batches are like what is left; batches that any other chose are no baseline for drift."""


LEAST_FIRST, MOST_FIRST = 10, 50
"""Items of a first round without a model: fewer are hardly varied, more are drawn by hand where a model could help."""


class Selection(Renamed):
    """How the items of a round are chosen."""

    former_names: ClassVar = {"yardstick": "holdout"}

    ask_first: Mix = Field(
        default={"entropy": 1.0},
        min_length=1,
        description="Which items a round takes: weights of strategies, mixed by rank. "
        f"Known: {', '.join(known_strategies())}",
    )
    first: int = Field(default=50, ge=1, le=100_000, description="Items of the first round, beside the holdout")
    per_round: int = Field(default=50, ge=1, le=100_000, description="Items of the second round")
    growth: float = Field(
        default=1.0, ge=1, le=10, description="Every later round has so many times the items of the one before it"
    )
    holdout: int = Field(
        default=30, ge=1, le=100_000, description="Items of the test split that the first round has people label blind"
    )
    pool: int = Field(
        default=2000, ge=1, le=1_000_000, description="A random sample of items from which a round chooses"
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Draws pool, holdout and ties")

    @property
    def is_random(self) -> bool:
        """Whether nothing but the lot chooses."""
        return {name for name, weight in self.ask_first.items() if weight > 0} == {BY_LOT}

    @classmethod
    def growing(cls, pictures: int, first: int | None = None, per_round: int | None = None) -> Self:
        """Return rounds for a collection without a model: a tenth of its pictures first, then twice as many each time.

        A model that has seen little is worth little, so it is asked of again soon; each later one spares more of what
        is left.

        Args:
            pictures: That may be learnt from.
            first: Items of the first round; `LEAST_FIRST` to `MOST_FIRST` where it is left out.
            per_round: Of the second one.
        """
        first = first or min(MOST_FIRST, max(LEAST_FIRST, pictures // 10))
        return cls(first=first, per_round=per_round or 2 * first, growth=2.0)

    def size_of(self, round_: int) -> int:
        """Return how many items a round takes, from 1 on; the first one beside the holdout."""
        return self.first if round_ == 1 else min(100_000, round(self.per_round * self.growth ** (round_ - 2)))

    def __str__(self) -> str:
        """Return the strategies in words, such as `entropy` or `0.5 entropy + 0.5 far-apart`."""
        used = {name: weight for name, weight in self.ask_first.items() if weight > 0}
        return next(iter(used)) if len(used) == 1 else " + ".join(f"{weight:g} {name}" for name, weight in used.items())


def pool_of(engine: Engine, collection: str, selection: Selection) -> list[Item]:
    """Return items that are in no batch of their collection and not in the test split, at random, at most `pool`."""
    with reading(engine) as session:
        drawn = _drawn(free_items(session, collection), selection)
        return [item for part in in_shards(drawn) for item in _items(session, part)]


Look = Callable[[Sequence[Item]], Embeddings]
"""Looks at pictures, without a model."""


def choose_batch(
    engine: Engine, collection: str, source: tuple[str, str], selection: Selection, look: Look | None = None
) -> BatchRef:
    """Open the batch of a round with the most telling items; one that was opened and never begun comes back.

    Args:
        engine: The catalogue.
        collection: Whose items.
        source: Detector version and recipe whose proposals tell.
        selection: Strategies and sizes.
        look: Where there is no model: items that no detector has seen are taken far apart by it.

    Returns:
        The batch; of size 0, and not written, where nothing is left to choose from.
    """
    with reading(engine) as session:
        rounds = [batch for batch in _batches(session, collection) if batch.id.startswith(_prefix(collection))]
        waiting = [batch.id for batch in rounds if batch.settled_at is None and batch.flow_run_id is None]
        free = free_items(session, collection)
    batch_id = waiting[0] if waiting else f"{_prefix(collection)}{len(rounds) + 1}"
    if waiting:
        return BatchRef(id=batch_id, collection=collection, size=_size(engine, batch_id))
    ranked = rank(engine, _drawn(free, selection), source, selection, collection, look)
    tests = _shuffled((item_id for item_id, split in free.items() if split == "test"), selection.seed)
    item_ids = [*([] if rounds else tests[: selection.holdout]), *ranked[: selection.size_of(len(rounds) + 1)]]
    if not item_ids:
        return BatchRef(id=batch_id, collection=collection, size=0)
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": collection}])
        places = [{"batch_id": batch_id, "item_id": item, "position": at} for at, item in enumerate(item_ids)]
        upsert(session, BatchItem, places)
        if not selection.is_random:
            row = {"name": chosen_name(batch_id), "value": str(selection), "updated_at": utc_now()}
            upsert(session, Bookmark, [row], update=("value", "updated_at"))
    return BatchRef(id=batch_id, collection=collection, size=len(item_ids))


def rank(
    engine: Engine,
    item_ids: Sequence[str],
    source: tuple[str, str],
    selection: Selection,
    collection: str,
    look: Look | None = None,
) -> list[str]:
    """Return items, the most telling first.

    Items in which the detector saw nothing are spread evenly among the others: only a look can tell whether all was
    missed, but most may be empty. What it has not looked at comes last, each far from all before it where a `look`
    tells how they look. Equal ones keep their order.
    """
    if selection.is_random:
        return _best_first(item_ids, random_order(Candidates.of(item_ids, [], [], [], seed=selection.seed)))
    boxes = _read_boxes(engine, item_ids, source)
    seen = scanned_items(engine, item_ids, *source)
    boxed = {box[0] for box in boxes}
    told = [item_id for item_id in item_ids if item_id in boxed]
    silent = [item_id for item_id in item_ids if item_id in seen and item_id not in boxed]
    unseen = [item_id for item_id in item_ids if item_id not in seen and item_id not in boxed]
    candidates = candidates_of(told, boxes, label_counts(engine, collection), selection.seed)
    told = _best_first(told, mixed_ranks(engine, source[0], selection.ask_first, candidates))
    places = [((at + 0.5) / len(part), item_id) for part in (told, silent) for at, item_id in enumerate(part)]
    apart = _far_apart(engine, unseen, look) if look else unseen
    return [item_id for _, item_id in sorted(places, key=lambda place: place[0])] + apart


def _far_apart(engine: Engine, item_ids: Sequence[str], look: Look) -> list[str]:
    with reading(engine) as session:
        items = [item for part in in_shards(item_ids) for item in _items(session, part)]
    chosen = [item_ids[place] for place in k_center(look(items), MOST_CHOSEN).tolist()] if items else []
    return chosen + [item_id for item_id in item_ids if item_id not in set(chosen)]


def _best_first(item_ids: Sequence[str], worth: Floats) -> list[str]:
    return [item_ids[place] for place in np.argsort(-worth, kind="stable")]


def _read_boxes(engine: Engine, item_ids: Sequence[str], source: tuple[str, str]) -> list[ProposedBox]:
    boxes: list[ProposedBox] = []
    for shard in in_shards(item_ids):
        query = (
            select(Proposal.item_id, Proposal.class_name, Proposal.score)
            .where(col(Proposal.item_id).in_(shard), Proposal.detector == source[0], Proposal.recipe == source[1])
            .order_by(col(Proposal.item_id), col(Proposal.id))
        )
        with reading(engine) as session:
            boxes += session.exec(query).all()
    return boxes


def label_counts(engine: Engine, collection: str) -> Counter[str]:
    """Return how many labels of each class are in force on the settled items of a collection."""
    counts: Counter[str] = Counter()
    for part in in_shards(list(settled_items(engine, collection))):
        for labels in labels_in_force(engine, part, collection).values():
            counts.update(label.class_name for label in labels)
    return counts


def _prefix(collection: str) -> str:
    return f"{collection}-loop-"


def free_items(session: Session, collection: str) -> dict[str, str | None]:
    """Return the split of every item of a collection that is in none of its batches."""
    batched = (
        select(BatchItem.item_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection)
    )
    query = (
        select(Item.id, SequenceSplit.split)
        .join(Source, col(Source.item_id) == col(Item.id))
        .outerjoin(
            SequenceSplit,
            (col(SequenceSplit.collection) == Source.collection) & (col(SequenceSplit.sequence) == Item.sequence),
        )
        .where(Source.collection == collection, col(Item.id).not_in(batched))
        .distinct()
    )
    return dict(session.exec(query).all())


def _drawn(free: Mapping[str, str | None], selection: Selection) -> list[str]:
    return _shuffled((item_id for item_id, split in free.items() if split != "test"), selection.seed)[: selection.pool]


def _batches(session: Session, collection: str) -> list[Batch]:
    query = select(Batch).where(Batch.collection == collection).order_by(col(Batch.created_at), col(Batch.id))
    return list(session.exec(query).all())


def _items(session: Session, item_ids: Sequence[str]) -> list[Item]:
    found = {item.id: item for item in session.exec(select(Item).where(col(Item.id).in_(item_ids))).all()}
    return [found[item_id] for item_id in item_ids]


def _size(engine: Engine, batch_id: str) -> int:
    with reading(engine) as session:
        return len(session.exec(select(BatchItem.item_id).where(BatchItem.batch_id == batch_id)).all())


def _shuffled(item_ids: Iterable[str], seed: int) -> list[str]:
    return sorted(item_ids, key=lambda item_id: hashlib.sha256(f"{seed}|{item_id}".encode()).digest())
