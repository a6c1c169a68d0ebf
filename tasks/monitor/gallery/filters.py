"""Which pictures of a collection are meant, and in which order: as conditions of a query, counted by the database.

The order is worked out once for a filter and kept as a list of ids, so that turning a page costs the page alone.
"""

from datetime import UTC as _UTC
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, Engine, Text, cast, exists, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import (
    Answer,
    AnswerState,
    Batch,
    BatchItem,
    Item,
    Label,
    Outcome,
    Proposal,
    Question,
    SequenceSplit,
    Verdict,
)
from blocks.frozen import Frozen
from tasks.settle.in_force import is_in_force
from tasks.settle.truth import PERSON
from tasks.triage.reasons import ODD_PICTURES

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
    since: date | None = Field(default=None, description="settled on this day (UTC) or later")
    until: date | None = Field(default=None, description="settled on this day (UTC) or earlier")
    name: str = Field(default="", max_length=200, description="part of the file's name")
    order: Order = "first taken in"


def pictures_of(engine: Engine, collection: str, wanted: Filter) -> list[str]:
    """Return the ids of the pictures that a filter leaves, in its order.

    Args:
        engine: The catalogue.
        collection: Whose pictures; those that no batch has taken yet are not among them.
        wanted: Which of them.
    """
    query: Any = (
        select_columns(col(Item.id))
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(col(Batch.collection) == collection, *_conditions(collection, wanted))
        .group_by(col(Item.id))
    )
    match wanted.order:
        case "newest settled":
            query = query.order_by(func.max(BatchItem.settled_at).desc().nulls_last())
        case "doubt":
            doubt = _doubt(collection)
            query = query.outerjoin(doubt, doubt.c.item_id == col(Item.id))
            query = query.order_by(func.max(doubt.c.priority).desc().nulls_last())
        case "most labels":
            counts = _label_counts(collection)
            query = query.outerjoin(counts, counts.c.item_id == col(Item.id))
            query = query.order_by(func.max(counts.c.labels).desc().nulls_last())
    query = query.order_by(func.min(Batch.created_at), func.min(BatchItem.position), col(Item.id))
    with reading(engine) as session:
        return list(session.execute(query).scalars())


def _conditions(collection: str, wanted: Filter) -> list[ColumnElement[bool]]:
    settled, aside = col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_not(None)
    by_state: dict[str, list[ColumnElement[bool]]] = {
        "any": [],
        "settled": [settled, ~aside],
        "waiting": [~settled, ~aside],
        "set aside": [aside],
    }
    found = by_state[wanted.state]
    if wanted.class_name or wanted.origin:
        found.append(_labelled(collection, wanted))
    if wanted.person:
        found.append(_answered_by(wanted.person))
    if wanted.split:
        found.append(_in_split(collection, wanted.split))
    if wanted.min_score is not None or wanted.max_score is not None:
        found.append(_scored(wanted))
    if wanted.differs:
        found.append(_differs(collection, wanted.differs))
    if wanted.outliers:
        reasons = cast(col(BatchItem.reasons), Text)
        found.append(or_(*(reasons.like(pattern) for pattern in ODD_PICTURES.values())))
    if wanted.since:
        found.append(col(BatchItem.settled_at) >= datetime.combine(wanted.since, time(), _UTC))
    if wanted.until:
        found.append(col(BatchItem.settled_at) < datetime.combine(wanted.until, time(), _UTC) + timedelta(days=1))
    if wanted.name:
        found.append(col(Item.name).icontains(wanted.name, autoescape=True))
    return found


def _labels(collection: str) -> list[ColumnElement[bool]]:
    mine = select(Batch.id).where(Batch.collection == collection)
    return [col(Label.item_id) == col(Item.id), col(Label.batch_id).in_(mine), *is_in_force()]


def _labelled(collection: str, wanted: Filter) -> ColumnElement[bool]:
    conditions = _labels(collection)
    if wanted.class_name:
        conditions.append(col(Label.class_name) == wanted.class_name)
    if wanted.origin:
        conditions.append(col(Label.origin) == wanted.origin)
    return exists().where(*conditions)


def _answered_by(person: str) -> ColumnElement[bool]:
    counted = AnswerState.COUNTED.value
    return exists().where(
        col(Question.batch_id) == col(BatchItem.batch_id),
        col(Question.item_id) == col(Item.id),
        col(Answer.question_id) == col(Question.id),
        col(Answer.state) == counted,
        func.lower(Answer.person) == person.lower(),
    )


def _in_split(collection: str, split: str) -> ColumnElement[bool]:
    return exists().where(
        col(SequenceSplit.collection) == collection,
        col(SequenceSplit.sequence) == col(Item.sequence),
        col(SequenceSplit.split) == split,
    )


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


def _differs(collection: str, how: Differs) -> ColumnElement[bool]:
    settled = col(BatchItem.settled_at).is_not(None)
    drawn = exists().where(
        *_labels(collection), col(Label.origin) == PERSON, col(Label.proposal_id).is_(None), col(Label.shape).is_(None)
    )
    became: Any = exists().where(
        col(Label.item_id) == col(Item.id), col(Label.proposal_id) == col(Proposal.id), *is_in_force()
    )
    refused = exists().where(
        *_of_model(),
        col(Verdict.batch_id) == col(BatchItem.batch_id),
        col(Verdict.proposal_id) == col(Proposal.id),
        col(Verdict.outcome).in_([Outcome.ACCEPT.value, Outcome.ASK.value]),
        ~became,
    )
    chosen = {"missed by the model": drawn, "wrong by the model": refused}.get(how, drawn | refused)
    return settled & chosen


def _doubt(collection: str) -> Any:
    """By picture: the highest priority of its questions, which is how much its answer was thought to tell."""
    mine = select(Batch.id).where(Batch.collection == collection)
    return (
        select_columns(col(Question.item_id), func.max(Question.priority).label("priority"))
        .where(col(Question.batch_id).in_(mine))
        .group_by(col(Question.item_id))
        .subquery()
    )


def _label_counts(collection: str) -> Any:
    mine = select(Batch.id).where(Batch.collection == collection)
    return (
        select_columns(col(Label.item_id), func.count().label("labels"))
        .where(col(Label.batch_id).in_(mine), *is_in_force())
        .group_by(col(Label.item_id))
        .subquery()
    )
