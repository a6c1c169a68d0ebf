"""Pictures that were asked about and have no answer: skipped by people, or let lie until time was up.

None is forgotten: they are listed with their reasons where a run ends and in `labelline status`, and asked again by
`labelline reopen`. Once a later round has asked the same question, only that counts.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from pydantic import Field
from sqlalchemy import ColumnElement, Engine, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.people_tables import Decision
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Item, Question, QuestionState
from blocks.frozen import Frozen
from blocks.naming.emails import normal_email
from tasks.review.consensus.outcome import SKIPPED_IT
from tasks.review.questions.kinds.registry import kinds_that_settle
from tasks.review.questions.skip_reasons import words_of
from tasks.review.questions.slots import of_kinds

UNANSWERED = "nobody answered before the line went on"

_KEY = ("queue", "batch_id", "item_id", "subject")


class Skipped(Frozen):
    """A question that people could not answer, or did not."""

    question_id: str
    queue: str
    batch_id: str
    item_id: str
    name: str = Field(description="File name of the picture")
    reason: str


def read_skipped(session: Session, batch_ids: Collection[str]) -> tuple[Skipped, ...]:
    """Return what is without an answer in some batches, and nobody is asked any more, by queue and picture."""
    rows = session.exec(
        select(Question, Item.name, Decision.reasons)
        .join(Item, col(Item.id) == col(Question.item_id))
        .join(
            BatchItem,
            (col(BatchItem.item_id) == col(Question.item_id)) & (col(BatchItem.batch_id) == col(Question.batch_id)),
        )
        .outerjoin(Decision, col(Decision.question_id) == col(Question.id))
        .where(col(Question.batch_id).in_(list(batch_ids)), *_is_skipped())
        .order_by(col(Question.queue), col(Item.name), col(Question.id))
    ).all()
    skips = _read_skips(session, [question.id for question, _, _ in rows])
    return tuple(
        Skipped(
            question_id=question.id,
            queue=question.queue,
            batch_id=question.batch_id,
            item_id=question.item_id,
            name=name,
            reason=_why(question, reasons or [], skips[question.id]),
        )
        for question, name, reasons in rows
    )


def skipped_of(engine: Engine, collection: str) -> tuple[Skipped, ...]:
    """Return what is without an answer in a collection."""
    with reading(engine) as session:
        batches = session.exec(select(Batch.id).where(Batch.collection == collection)).all()
        return read_skipped(session, batches)


def count_skipped(engine: Engine) -> dict[str, int]:
    """Return how many pictures are without an answer, by collection; those with none are not in it."""
    query = (
        select(Batch.collection, func.count(col(Question.item_id).distinct()))
        .join(Question, col(Question.batch_id) == col(Batch.id))
        .join(
            BatchItem,
            (col(BatchItem.item_id) == col(Question.item_id)) & (col(BatchItem.batch_id) == col(Question.batch_id)),
        )
        .where(*_is_skipped())
        .group_by(col(Batch.collection))
        .order_by(col(Batch.collection))
    )
    with reading(engine) as session:
        return dict(session.exec(query).all())


def in_pictures(skipped: Sequence[Skipped]) -> dict[str, str]:
    """Return the pictures among some questions, by name, each with its reasons."""
    reasons: dict[str, dict[str, None]] = defaultdict(dict)
    for one in skipped:
        reasons[one.name][one.reason] = None
    return {name: "; ".join(why) for name, why in reasons.items()}


def _is_skipped() -> tuple[ColumnElement[bool], ...]:
    """Say, in SQL, that a question is the last about its subject and over without an answer; beside its BatchItem."""
    key = [getattr(Question, name) for name in _KEY]
    plain = col(Question.asked_id).is_(None), col(Question.gold_id).is_(None)
    last = select_columns(*key, func.max(Question.round)).where(*plain).group_by(*key).subquery()
    is_last = (
        select_columns(last.c[0])
        .where(*(last.c[name] == getattr(Question, name) for name in _KEY), last.c[4] == Question.round)
        .exists()
    )
    let_lie = (
        (col(Question.state) == QuestionState.CLOSED.value)
        & of_kinds(kinds_that_settle("items"))
        & col(BatchItem.settled_at).is_(None)
    )
    return *plain, (col(Question.state) == QuestionState.REWORK.value) | let_lie, is_last


def _read_skips(session: Session, question_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Return who skipped each question, in whatever slot, and why."""
    ids = list(question_ids)
    skipped = (
        select(Answer.question_id, Question.asked_id, Answer.person, Answer.reason)
        .join(Question, col(Question.id) == Answer.question_id)
        .where(Answer.state == AnswerState.SKIPPED.value)
        .where(col(Question.id).in_(ids) | col(Question.asked_id).in_(ids))
        .order_by(col(Answer.answered_at), col(Answer.id))
    )
    by: dict[str, dict[str, str]] = defaultdict(dict)
    for question_id, asked_id, person, reason in session.exec(skipped):
        by[asked_id or question_id][normal_email(person)] = words_of(reason)  # who skipped twice: their last word
    return by


def _why(question: Question, reasons: Sequence[str], skips: Mapping[str, str]) -> str:
    """Say why a question has no answer: who skipped it and why, else what its weighing says."""
    if not skips:
        nobody = UNANSWERED if question.state == QuestionState.CLOSED.value else "skipped by everybody who may answer"
        return "; ".join(reasons) or nobody
    told = [f"{person} ({words})" if words else person for person, words in sorted(skips.items())]
    others = [reason for reason in reasons if reason != SKIPPED_IT]
    return "; ".join([f"skipped by {', '.join(told)}", *others])


def by_queue(skipped: Sequence[Skipped]) -> dict[str, int]:
    """Return how many questions of each queue are without an answer."""
    return dict(Counter(one.queue for one in skipped))
