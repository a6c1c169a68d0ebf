"""Which pictures of a collection are meant, and in which order.

What pictures are is looked up in memory (`facts.py`); the database is asked about scores and what became of proposals.
"""

from collections.abc import Iterator
from datetime import UTC as _UTC
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import numpy as np
from pydantic import Field
from sqlalchemy import ColumnElement, Engine, distinct, exists, func
from sqlalchemy import select as select_columns
from sqlmodel import col

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Item, Label, Outcome, Proposal, Verdict
from blocks.frozen import Frozen
from tasks.monitor.gallery.facts import Bools, Facts, Floats, Ints, read_facts
from tasks.settle.in_force import is_in_force

State = Literal["any", "settled", "waiting", "set aside"]
Differs = Literal["", "missed by the model", "wrong by the model", "any"]
Order = Literal["first taken in", "newest settled", "doubt", "most labels"]


class Filter(Frozen):
    """Which pictures are shown; what is empty leaves all in."""

    state: State = "any"
    class_name: str = ""
    origin: str = Field(default="", description="person, machine or import: who gave a label that is in force")
    person: str = Field(default="", description="e-mail of somebody whose answer counts")
    split: Literal["", "train", "val", "test"] = ""
    min_score: float | None = Field(default=None, ge=0, le=1, description="of a proposal, of the class if one is named")
    max_score: float | None = Field(default=None, ge=0, le=1)
    differs: Differs = Field(default="", description="labels that no proposal led to, proposals that became no label")
    outliers: bool = Field(default=False, description="only pictures that triage found unusual")
    near_duplicates: bool = Field(default=False, description="only pictures that are alike one taken in before them")
    since: date | None = Field(default=None, description="settled on this day (UTC) or later")
    until: date | None = Field(default=None, description="settled on this day (UTC) or earlier")
    name: str = Field(default="", max_length=200, description="part of the file's name")
    order: Order = "first taken in"


def pictures_of(engine: Engine, collection: str, wanted: Filter, facts: Facts | None = None) -> list[str]:
    """Return the ids of the pictures that a filter leaves, in its order.

    Args:
        engine: The catalogue.
        collection: Whose pictures; those that no batch has taken yet are not among them.
        wanted: Which of them.
        facts: What is known of them; None: it is read now, which takes seconds for 100,000 pictures.
    """
    known = facts or read_facts(engine, collection)
    left = np.ones(len(known.item_of), bool)
    for condition in (
        *_by_place(known, wanted),
        *_by_item(known, wanted),
        *_by_proposal(engine, collection, known, wanted),
    ):
        left &= condition
    return [known.items[number] for number in _in_order(known, np.flatnonzero(left), wanted.order)]


def first_pictures(engine: Engine, collection: str, most: int) -> tuple[list[str], int]:
    """Return the ids of the first pictures of a collection, and how many it has: what a filter without wishes leaves.

    Args:
        engine: The catalogue.
        collection: Whose.
        most: So many ids.
    """
    batches = select_columns(col(Batch.id)).where(col(Batch.collection) == collection)
    found: dict[str, None] = {}
    with reading(engine) as session:
        count = select_columns(func.count(distinct(col(BatchItem.item_id)))).where(col(BatchItem.batch_id).in_(batches))
        for batch_id in session.execute(batches.order_by(col(Batch.created_at))).scalars().all():
            places: Any = select_columns(col(BatchItem.item_id)).where(col(BatchItem.batch_id) == batch_id)
            places = places.order_by(col(BatchItem.position), col(BatchItem.item_id)).limit(most + len(found))
            found |= dict.fromkeys(session.execute(places).scalars())
            if len(found) >= most:
                break
        return list(found)[:most], int(session.execute(count).scalar_one())


def _by_place(known: Facts, wanted: Filter) -> Iterator[Bools]:
    is_settled = ~np.isnan(known.settled_s)
    match wanted.state:
        case "settled":
            yield is_settled & ~known.is_aside
        case "waiting":
            yield ~is_settled & ~known.is_aside
        case "set aside":
            yield known.is_aside
    if wanted.outliers:
        yield known.is_odd
    if wanted.since:
        yield known.settled_s >= datetime.combine(wanted.since, time(), _UTC).timestamp()
    if wanted.until:
        yield known.settled_s < (datetime.combine(wanted.until, time(), _UTC) + timedelta(days=1)).timestamp()
    if wanted.person:
        answered = np.zeros(len(known.item_of), bool)
        answered[known.answered.get(wanted.person.lower(), [])] = True
        yield answered


def _by_item(known: Facts, wanted: Filter) -> Iterator[Bools]:
    if wanted.class_name or wanted.origin:
        yield known.with_label(wanted.class_name, wanted.origin)[known.item_of]
    if wanted.split:
        yield np.array([split == wanted.split for split in known.splits], bool)[known.item_of]
    if wanted.near_duplicates:
        yield known.is_alike[known.item_of]
    if wanted.name:
        part = wanted.name.casefold()
        yield np.array([part in name for name in known.names], bool)[known.item_of]


def _by_proposal(engine: Engine, collection: str, known: Facts, wanted: Filter) -> Iterator[Bools]:
    if wanted.min_score is not None or wanted.max_score is not None:
        yield _rows_where(engine, collection, known, _scored(wanted))
    if wanted.differs:
        is_settled, drawn = ~np.isnan(known.settled_s), known.is_drawn[known.item_of]
        if wanted.differs == "missed by the model":
            yield is_settled & drawn
        else:
            refused = _rows_where(engine, collection, known, _refused())
            yield is_settled & (refused | drawn if wanted.differs == "any" else refused)


def _in_order(known: Facts, rows: Ints, order: Order) -> Ints:
    """Return items, each once, in an order; those alike stay in the order in which they were taken in."""
    items = known.item_of[rows]
    _, first = np.unique(items, return_index=True)
    found = items[np.sort(first)]
    match order:
        case "newest settled":
            newest: Floats = np.full(len(known.items), -np.inf)
            np.fmax.at(newest, items, known.settled_s[rows])
            highest = newest[found]
        case "doubt":
            highest = np.nan_to_num(known.priorities[found], nan=-np.inf)
        case "most labels":
            highest = known.counts[found].astype(np.float64)
        case _:
            return found
    return found[np.argsort(-highest, kind="stable")]


def _rows_where(engine: Engine, collection: str, known: Facts, condition: ColumnElement[bool]) -> Bools:
    query: Any = (
        select_columns(col(BatchItem.batch_id), col(BatchItem.item_id))
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .join(Item, col(Item.id) == col(BatchItem.item_id))
        .where(col(Batch.collection) == collection, condition)
    )
    with reading(engine) as session:
        return known.rows(session.execute(query).tuples())


def _of_model() -> list[ColumnElement[bool]]:
    return [col(Proposal.item_id) == col(Item.id), col(Proposal.detector) == col(Batch.detector)]


def _scored(wanted: Filter) -> ColumnElement[bool]:
    conditions = _of_model()
    if wanted.class_name:
        conditions.append(col(Proposal.class_name) == wanted.class_name)
    if wanted.min_score is not None:
        conditions.append(col(Proposal.score) >= wanted.min_score)
    if wanted.max_score is not None:
        conditions.append(col(Proposal.score) <= wanted.max_score)
    return exists().where(*conditions)


def _refused() -> ColumnElement[bool]:
    """A proposal that people were shown, or that stood for itself, and that became no label."""
    became: Any = exists().where(
        col(Label.item_id) == col(Item.id), col(Label.proposal_id) == col(Proposal.id), *is_in_force()
    )
    return exists().where(
        *_of_model(),
        col(Verdict.batch_id) == col(BatchItem.batch_id),
        col(Verdict.proposal_id) == col(Proposal.id),
        col(Verdict.outcome).in_([Outcome.ACCEPT.value, Outcome.ASK.value]),
        ~became,
    )
