"""The regions of a batch that were set aside alone, beside others that count: by name, so that somebody can look."""

from pydantic import Field
from sqlalchemy import func
from sqlmodel import Session, col, select

from blocks.database.people_tables import AnswerPart
from blocks.database.tables import Answer, AnswerState, Item, Question
from blocks.frozen import Frozen
from tasks.triage.summary import table

LISTED = 20


class UnusedPart(Frozen):
    """One region that does not count, in an answer that does."""

    queue: str = Field(description="Its queue, or the slot beside it: a project of Label Studio")
    name: str = Field(description="File name of the item")
    task_id: int | None
    person: str
    reason: str


class UnusedParts(Frozen):
    """What does not count in the answers of a batch that do."""

    regions: int = Field(default=0, description="That cannot be used")
    others: int = Field(default=0, description="Relations, comments and whatever else no question asks for")
    listed: tuple[UnusedPart, ...] = Field(default=(), description=f"The first {LISTED} of the regions")


def read_unused_parts(session: Session, batch_id: str) -> UnusedParts:
    """Return what was passed over or set aside in the answers of a batch that count; gold is none of it."""
    mine = Question.batch_id == batch_id, col(Question.gold_id).is_(None), Answer.state == AnswerState.COUNTED.value
    regions = col(AnswerPart.is_region)
    query = (
        select(Question.queue, Item.name, Question.task_id, Answer.person, AnswerPart.reason)  # type: ignore[call-overload]
        .join(Answer, col(Answer.question_id) == Question.id)
        .join(AnswerPart, col(AnswerPart.answer_id) == col(Answer.id))
        .join(Item, col(Item.id) == Question.item_id)
        .where(*mine, regions)
        .order_by(col(Question.queue), col(Item.name), col(Answer.id), col(AnswerPart.position))
    )
    number = (
        select(AnswerPart.is_region, func.count())
        .join(Answer, col(Answer.id) == col(AnswerPart.answer_id))
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(*mine)
        .group_by(regions)
    )
    counts = dict(session.exec(number).all())
    listed = tuple(
        UnusedPart(**dict(zip(UnusedPart.model_fields, row, strict=True)))
        for row in session.exec(query.limit(LISTED)).all()
    )
    return UnusedParts(regions=counts.get(True, 0), others=counts.get(False, 0), listed=listed)


def unused_parts_summary(parts: UnusedParts) -> str:
    """Return what does not count as an operator reads it; empty where there is nothing."""
    told = []
    if parts.regions:
        head = ("queue", "task", "image", "person", "reason")
        rows = [(one.queue, str(one.task_id or "–"), one.name, one.person, one.reason) for one in parts.listed]
        verb = "region is" if parts.regions == 1 else "regions are"
        more = parts.regions - len(rows)
        rest = f"\n\n{more:,} more are in the catalogue." if more else ""
        told.append(f"{parts.regions:,} {verb} set aside in answers that count:\n\n{table(head, rows)}{rest}")
    if parts.others:
        told.append(
            f"{parts.others:,} more parts of answers are no regions (relations, comments and the like): kept, and "
            "passed over."
        )
    return "\n\n".join(told)
