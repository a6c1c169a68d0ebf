"""The catalogue's tables of the audit: judgements of random draws, thresholds proven by them, and certificates.

Beside `tables.py`, with the same rules: rows are written by upsert on the natural key that each class names, times are
UTC. `blocks/migrations/env.py` imports both.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from blocks.database.tables import UtcDateTime, utc_now


class Said(StrEnum):
    """What was said of a proposal that was drawn."""

    RIGHT = "right"  # class and place are right
    WRONG = "wrong"  # something is there, but it is of another class or elsewhere
    NOTHING = "nothing"  # no object is there
    CANNOT_TELL = "cannot_tell"  # the person cannot see it: counts as wrong
    UNANSWERED = "unanswered"  # skipped, unusable or ended by the queue's rule: counts as wrong


class Judgement(SQLModel, table=True):
    """A proposal that was randomly sampled to be judged, and what a person said (natural key: batch, proposal).

    Written when it is drawn, before anybody has seen it: what is asked can then not depend on what is answered.
    """

    __table_args__ = (Index("ix_judgement_detector", "collection", "detector", "recipe", "class_name"),)
    batch_id: str = Field(primary_key=True, foreign_key="batch.id")
    proposal_id: str = Field(primary_key=True, foreign_key="proposal.id", index=True)
    collection: str
    detector: str
    recipe: str
    class_name: str
    item_id: str = Field(foreign_key="item.id")
    drawn: str = Field(description="how it was drawn: boxes, one by one from all that the frame holds")
    rank: int = Field(description="place in the drawing order of its class and batch, from 0")
    probability: float = Field(description="its chance of being drawn: draws over population")
    population: int = Field(description="proposals that could be drawn: those of its class in the frame")
    frame: str = Field(description="hash of their ids: a frame that has changed since proves nothing")
    floor: float = Field(description="lowest score in the frame")
    said: str | None = Field(default=None, description="one of Said; None while the question is open")
    person: str | None = Field(default=None, description="e-mail of who said it")
    answer_id: str | None = Field(default=None, foreign_key="answer.id", index=True)
    drawn_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    judged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CertifiedThreshold(SQLModel, table=True):
    """From which score a class is accepted unseen, and what shows that (natural key: batch, detector, recipe, class).

    A row without `accept_from` says that people look at all of the class, and why.
    """

    __tablename__ = "band"
    batch_id: str = Field(primary_key=True, foreign_key="batch.id")
    detector: str = Field(primary_key=True)
    recipe: str = Field(primary_key=True)
    class_name: str = Field(primary_key=True)
    collection: str = Field(index=True)
    standing: str = Field(description="certified, not_enough_evidence, too_many_errors or withdrawn")
    accept_from: float | None = Field(default=None, description="from this score on; None: none is accepted unseen")
    epsilon: float
    delta: float
    scope: str = Field(description="of what it speaks: batch")
    population: int = Field(description="proposals that it accepts, the judged ones included; without a threshold, 0")
    share_accepted: float = Field(default=0.0, description="population over the class's proposals that could be drawn")
    draws: int
    judged: int
    wrong: int
    more_audits: int | None = None
    reason: str
    certified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class IssuedCertificate(SQLModel, table=True):
    """That a snapshot's certificate was written (natural key: snapshot)."""

    __tablename__ = "certificate"
    snapshot_id: str = Field(primary_key=True, foreign_key="snapshot.id")
    key: str = Field(description="where the JSON is in the object store")
    summary: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    issued_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
