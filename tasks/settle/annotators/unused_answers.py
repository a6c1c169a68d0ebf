"""The answers of a batch that do not count, by name, so that an operator can open them in Label Studio."""

from pydantic import Field
from sqlalchemy import func
from sqlmodel import Session, col, select

from blocks.database.tables import Answer, AnswerState, Item, Question
from blocks.frozen import Frozen
from tasks.review.receiving.answer_versions import OF_NOBODY
from tasks.triage.summary import table

LISTED = 20
"""So many are named: a report travels through Prefect, and the catalogue has them all."""

_UNUSED = (AnswerState.SET_ASIDE.value, AnswerState.UNCOUNTED.value)


class UnusedAnswer(Frozen):
    """One answer that is kept and does not count."""

    queue: str = Field(description="Its queue, or the slot beside it: a project of Label Studio")
    item_id: str
    name: str = Field(description="File name of the item")
    task_id: int | None = Field(description="Label Studio's task; None: it was never posted")
    person: str
    reason: str


class UnusedAnswers(Frozen):
    """The answers of a batch that do not count."""

    count: int = 0
    listed: tuple[UnusedAnswer, ...] = Field(default=(), description=f"The first {LISTED}")


def read_unused(session: Session, batch_id: str) -> UnusedAnswers:
    """Return the answers that cannot be used or may not count, in the order of queues and items; gold is none of it.

    A consensus that was weighed anew is nobody's answer, and none of it either.
    """
    mine = (
        Question.batch_id == batch_id,
        col(Question.gold_id).is_(None),
        col(Answer.state).in_(_UNUSED),
        col(Answer.annotation_id) != OF_NOBODY,
    )
    query = (
        select(  # type: ignore[call-overload]
            Question.queue, Question.item_id, Item.name, Question.task_id, Answer.person, Answer.reason
        )
        .join(Answer, col(Answer.question_id) == Question.id)
        .join(Item, col(Item.id) == Question.item_id)
        .where(*mine)
        .order_by(col(Question.queue), col(Item.name), col(Question.id), col(Answer.answered_at), col(Answer.id))
    )
    number = select(func.count(col(Answer.id))).join(Question, col(Answer.question_id) == col(Question.id)).where(*mine)
    names = tuple(UnusedAnswer.model_fields)
    rows = session.exec(query.limit(LISTED)).all()
    listed = tuple(UnusedAnswer(**dict(zip(names, (*row[:5], row[5] or ""), strict=True))) for row in rows)
    return UnusedAnswers(count=session.exec(number).one(), listed=listed)


def unused_summary(unused: UnusedAnswers) -> str:
    """Return the answers that do not count as an operator reads them."""
    head = ("queue", "task", "image", "item", "person", "reason")
    rows = [
        (one.queue, str(one.task_id or "–"), one.name, one.item_id[:12], one.person, one.reason)
        for one in unused.listed
    ]
    more = unused.count - len(unused.listed)
    rest = f"\n\n{more:,} more are in the catalogue." if more else ""
    told = "answer is kept and does not count" if unused.count == 1 else "answers are kept and do not count"
    return f"{unused.count:,} {told}:\n\n{table(head, rows)}{rest}"
