"""The catalogue's tables about several people's answers: what they come to, gold, and how people stand.

Split from `tables.py`, which is about one answer to one question; the same rules hold here.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from blocks.database.tables import UtcDateTime, utc_now


class AnswerPart(SQLModel, table=True):
    """A part of an answer that does not count beside those that do (natural key: answer, position)."""

    __tablename__ = "answer_part"
    answer_id: str = Field(primary_key=True, foreign_key="answer.id")
    position: int = Field(primary_key=True, description="in the result as Label Studio sent it, from 0")
    is_region: bool = Field(description="a region that cannot be used; False: nothing that the question asks for")
    reason: str
    raw: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="as it came")


class Decision(SQLModel, table=True):
    """What several people's answers to one question come to, or why not yet (natural key: question)."""

    question_id: str = Field(primary_key=True, foreign_key="question.id", description="the question, not a slot of it")
    queue: str = Field(index=True)
    batch_id: str = Field(foreign_key="batch.id", index=True)
    step: str = Field(description="settled, ask_more, wait, referee, or best_known (time or people ran out)")
    expected_wrong: float = Field(description="expected share of wrong boxes or choices, 0 to 1 and more")
    people: list[str] = Field(sa_column=Column(JSON, nullable=False))
    members: list[str] = Field(sa_column=Column(JSON, nullable=False), description="ids of the answers it is made of")
    reasons: list[str] = Field(sa_column=Column(JSON, nullable=False), description="what is in doubt, the worst first")
    answer_id: str | None = Field(default=None, foreign_key="answer.id", description="the outcome, as an answer")
    decided_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Gold(SQLModel, table=True):
    """A question whose answer is known, to be hidden among others (natural key: id, the question that taught it)."""

    id: str = Field(primary_key=True, description="id of the question of which the truth is known")
    queue: str = Field(index=True)
    collection: str = Field(index=True)
    item_id: str = Field(foreign_key="item.id")
    subject: str = Field(default="")
    payload: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    truth: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    why: str = Field(description="who agreed on it, or who marked it")
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime, description="not asked any more since")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Standing(SQLModel, table=True):
    """How a person does at a queue's gold questions, and what follows (natural key: queue, person)."""

    queue: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    state: str = Field(description="on_trial, good or suspended")
    passed: int
    of: int
    lower: float = Field(description="lower confidence bound on the share of gold questions passed")
    suspended_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reinstated_at: datetime | None = Field(default=None, sa_type=UtcDateTime, description="suspension lifted by hand")
    reason: str
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
