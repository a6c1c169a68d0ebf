"""What filters ask of a collection's pictures, in memory: read from the catalogue once, then any filter is arithmetic.

A database works a filter and its order out anew each time, over all labels: seconds at 100,000 pictures. Here are some
numbers a picture, and its name. Boxes and scores, of which there are a hundred times as many, stay in the database.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Text, case, cast, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Item, Label, Question, SequenceSplit
from blocks.database.vector_tables import NearDuplicate
from tasks.intake.near_duplicates.find import original_of
from tasks.settle.in_force import is_in_force
from tasks.settle.truth import PERSON
from tasks.triage.reasons import ODD_PICTURES

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

AS_STREAM = {"yield_per": 2_000}

Stamp = tuple[int, ...]
"""Counts of which every answer, label and settlement changes one, as none of them is ever overwritten."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """The pictures of a collection; those that no batch has taken yet are not among them.

    Attributes:
        stamp: Of the catalogue when they were read.
        items: Ids of items.
        names: Their file names, folded.
        splits: Their splits; empty: none yet.
        counts: How many labels in force each item has.
        priorities: By item, the highest of its questions: how much its answer was thought to tell; NaN without any.
        is_alike: By item, whether it is a near-duplicate of one before it.
        is_drawn: By item, whether a person drew a label of it that no proposal led to.
        labelled: Items with a label in force, by its class and origin.
        batch_of: Batch of each row: a picture in a batch, in the order in which they were taken in.
        item_of: Item of each row, as an index of `items`.
        settled_s: When each row was settled, seconds of the epoch; NaN: it is not.
        is_aside: Rows that were set aside.
        is_odd: Rows that triage found unusual.
        answered: Rows about which a person's answer counts, by e-mail.
    """

    stamp: Stamp
    items: Sequence[str]
    names: Sequence[str]
    splits: Sequence[str]
    counts: Ints
    priorities: Floats
    is_alike: Bools
    is_drawn: Bools
    labelled: dict[tuple[str, str], Ints]
    batch_of: Sequence[str]
    item_of: Ints
    settled_s: Floats
    is_aside: Bools
    is_odd: Bools
    answered: dict[str, Ints]

    def with_label(self, class_name: str, origin: str) -> Bools:
        """Say which items have a label of a class and an origin; empty: of any."""
        found = np.zeros(len(self.items), bool)
        for (name, made_by), items in self.labelled.items():
            if class_name in ("", name) and origin in ("", made_by):
                found[items] = True
        return found

    def rows(self, places: Iterable[tuple[str, str]]) -> Bools:
        """Say which rows some batches and items are."""
        wanted = set(places)
        found = ((batch, self.items[item]) in wanted for batch, item in zip(self.batch_of, self.item_of, strict=True))
        return np.fromiter(found, bool, len(self.item_of))


def read_facts(engine: Engine, collection: str, known: Facts | None = None) -> Facts:
    """Read the pictures of a collection.

    Args:
        engine: The catalogue.
        collection: Whose; one that is not there has no pictures.
        known: As they were read before: returned again where nothing has changed since.
    """
    with reading(engine) as session:
        stamp = _stamp(session, collection)
        if known is not None and known.stamp == stamp:
            return known
        numbers: dict[str, int] = {}
        named: list[tuple[str, str]] = []
        places: dict[tuple[str, str], int] = {}
        rows: list[tuple[int, float, bool, bool]] = []
        for row in session.execute(_rows(collection), execution_options=AS_STREAM):
            if row.item_id not in numbers:
                named.append((row.name.casefold(), row.split or ""))
            item = numbers.setdefault(row.item_id, len(numbers))
            places[row.batch_id, row.item_id] = len(rows)
            rows.append((item, _seconds(row.settled_at), row.set_aside is not None, bool(row.is_odd)))
        labelled, counts, is_drawn = _labels(session, collection, numbers)
        alike = original_of(session, collection)
        return Facts(
            stamp=stamp,
            items=tuple(numbers),
            names=tuple(name for name, _ in named),
            splits=tuple(sys.intern(split) for _, split in named),
            counts=counts,
            priorities=_priorities(session, collection, numbers),
            is_alike=np.array([item_id in alike for item_id in numbers], bool),
            is_drawn=is_drawn,
            labelled=labelled,
            batch_of=tuple(sys.intern(batch) for batch, _ in places),
            item_of=np.array([row[0] for row in rows], np.int64),
            settled_s=np.array([row[1] for row in rows], np.float64),
            is_aside=np.array([row[2] for row in rows], bool),
            is_odd=np.array([row[3] for row in rows], bool),
            answered=_answered(session, collection, places),
        )


def _mine(collection: str) -> Any:
    return select(Batch.id).where(Batch.collection == collection)


def _stamp(session: Session, collection: str) -> Stamp:
    counted = AnswerState.COUNTED.value
    of_batch: list[Any] = [
        select_columns(func.count(), func.count(col(BatchItem.settled_at)), func.count(col(BatchItem.set_aside)))
        .select_from(BatchItem)
        .where(col(BatchItem.batch_id).in_(_mine(collection))),
        select_columns(func.count()).select_from(Label).where(col(Label.batch_id).in_(_mine(collection))),
        select_columns(func.count()).select_from(Question).where(col(Question.batch_id).in_(_mine(collection))),
        select_columns(func.count(), func.count(case((col(Answer.state) == counted, 1)))).select_from(Answer),
        select_columns(func.count()).select_from(SequenceSplit).where(col(SequenceSplit.collection) == collection),
        select_columns(func.count()).select_from(NearDuplicate).where(col(NearDuplicate.collection) == collection),
    ]
    return tuple(int(count) for query in of_batch for count in session.execute(query).one())


def _rows(collection: str) -> Any:
    reasons = cast(col(BatchItem.reasons), Text)
    is_odd = or_(*(reasons.like(pattern) for pattern in ODD_PICTURES.values()))
    return (
        select_columns(
            col(BatchItem.batch_id),
            col(BatchItem.item_id),
            col(BatchItem.settled_at),
            col(BatchItem.set_aside),
            is_odd.label("is_odd"),
            col(Item.name),
            col(SequenceSplit.split),
        )
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .join(Item, col(Item.id) == col(BatchItem.item_id))
        .outerjoin(
            SequenceSplit,
            (col(SequenceSplit.collection) == col(Batch.collection))
            & (col(SequenceSplit.sequence) == col(Item.sequence)),
        )
        .where(col(Batch.collection) == collection)
        .order_by(col(Batch.created_at), col(BatchItem.position), col(BatchItem.item_id))
    )


def _seconds(at: datetime | None) -> float:
    # The catalogue's times are UTC, and not every database says so.
    return np.nan if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _labels(
    session: Session, collection: str, numbers: dict[str, int]
) -> tuple[dict[tuple[str, str], Ints], Ints, Bools]:
    is_drawn = (col(Label.origin) == PERSON) & col(Label.proposal_id).is_(None) & col(Label.shape).is_(None)
    query: Any = (
        select_columns(
            col(Label.item_id),
            col(Label.class_name),
            col(Label.origin),
            func.count(),
            func.sum(case((is_drawn, 1), else_=0)),
        )
        .where(col(Label.batch_id).in_(_mine(collection)), *is_in_force())
        .group_by(col(Label.item_id), col(Label.class_name), col(Label.origin))
    )
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    counts, drawn = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), bool)
    for item_id, class_name, origin, count, was_drawn in session.execute(query, execution_options=AS_STREAM):
        item = numbers.get(item_id)
        if item is not None:
            found[class_name, origin].append(item)
            counts[item] += count
            drawn[item] |= bool(was_drawn)
    return {key: np.array(items, np.int64) for key, items in found.items()}, counts, drawn


def _priorities(session: Session, collection: str, numbers: dict[str, int]) -> Floats:
    query = (
        select_columns(col(Question.item_id), func.max(Question.priority))
        .where(col(Question.batch_id).in_(_mine(collection)))
        .group_by(col(Question.item_id))
    )
    found = np.full(len(numbers), np.nan)
    for item_id, priority in session.execute(query):
        if priority is not None and item_id in numbers:
            found[numbers[item_id]] = priority
    return found


def _answered(session: Session, collection: str, places: dict[tuple[str, str], int]) -> dict[str, Ints]:
    query = (
        select_columns(func.lower(Answer.person), col(Question.batch_id), col(Question.item_id))
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(col(Question.batch_id).in_(_mine(collection)), col(Answer.state) == AnswerState.COUNTED.value)
        .distinct()
    )
    found: dict[str, list[int]] = defaultdict(list)
    for person, batch_id, item_id in session.execute(query):
        if (batch_id, item_id) in places:
            found[person].append(places[batch_id, item_id])
    return {person: np.array(rows, np.int64) for person, rows in found.items()}
