"""The catalogue's tables: what the line knows, one class per noun of the README's and the glossary's word lists.

Rows are written by upsert on the natural key that each class names, so running any step twice changes nothing.
Boxes are pixels `x_min, y_min, x_max, y_max` of the upright item. Times are UTC.

A place in an item is a shape of `blocks/shapes.py`: four columns hold its bounds, `shape` the rest. Bounds, and an
item's size, may be null (a whole picture has no edges, a text no pixels), and are typed as numbers: what reads boxes is
given rows of boxes.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from blocks.database.times import UtcDateTime as UtcDateTime  # noqa: PLC0414  (passed on: times are the tables')
from blocks.database.times import utc_now as utc_now  # noqa: PLC0414

SHAPE = JSON(none_as_null=True)


class Route(StrEnum):
    """Where triage sent an item, or how else it came to its labels."""

    SURE = "sure"  # nobody looks: every box has its accept score or more
    ASK = "ask"  # people look, with the proposals as prefill
    AUDIT = "audit"  # people look without seeing proposals: the holdout
    IMPORT = "import"  # no triage: its labels came in from elsewhere, and stand until a person says otherwise


TRIAGED = (Route.SURE, Route.ASK, Route.AUDIT)
"""The routes on which triage sends an item."""


class Outcome(StrEnum):
    """What triage said of one proposal."""

    ACCEPT = "accept"
    ASK = "ask"
    DROP = "drop"


class QuestionState(StrEnum):
    """How far a question has come."""

    WRITTEN = "written"  # in the outbox
    POSTED = "posted"  # in Label Studio
    SHARED = "shared"  # asked in slots, which are questions of their own, and not decided yet
    ANSWERED = "answered"  # has at least one counted answer
    CLOSED = "closed"  # ended by the queue's rule without an answer
    REWORK = "rework"  # two people skipped it (or all there are): somebody must look at the item itself


class AnswerState(StrEnum):
    """What became of an answer."""

    COUNTED = "counted"  # the one in force
    SUPERSEDED = "superseded"  # edited later: the later version counts
    DELETED = "deleted"  # deleted in Label Studio: kept here
    SKIPPED = "skipped"  # the person skipped the question
    SET_ASIDE = "set_aside"  # cannot be used as it is; `reason` says why, `raw` has all of it
    UNCOUNTED = "uncounted"  # usable, but not from this person here and now; `reason` says why


class Item(SQLModel, table=True):
    """One image, video frame or text, known by the SHA-256 of its bytes (natural key: id)."""

    id: str = Field(primary_key=True, description="SHA-256 of the bytes, hex")
    key: str = Field(description="where the bytes are in the object store")
    name: str = Field(description="file name under which it was first seen")
    sequence: str = Field(index=True, description="items of one sequence never part between splits")
    media_type: str
    size_bytes: int
    width: int = Field(nullable=True, description="pixels, upright; null: a text")
    height: int = Field(nullable=True, description="pixels, upright; null: a text")
    length: int | None = Field(default=None, description="characters of a text, in code points")
    frame: int | None = Field(default=None, description="place in its sequence, of a frame of a video, from 0")
    orientation: int = Field(default=1, description="EXIF orientation of the stored bytes, 1 to 8")
    plain: bool = Field(description="a browser shows the stored bytes as the detector sees them")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Source(SQLModel, table=True):
    """One place where bytes were found (natural key: collection, uri); says what became of every file offered."""

    collection: str = Field(primary_key=True, description="the set of sources that one line labels")
    uri: str = Field(primary_key=True)
    item_id: str | None = Field(default=None, foreign_key="item.id", index=True)
    state: str = Field(description="taken, duplicate or set_aside")
    reason: str | None = Field(default=None, description="why it was set aside, or of what it is a duplicate")
    seen_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Batch(SQLModel, table=True):
    """A fixed, named set of items that travels the line together (natural key: id)."""

    id: str = Field(primary_key=True)
    collection: str = Field(index=True)
    detector: str | None = Field(default=None, description="version of the detector that proposed")
    flow_run_id: str | None = None
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BatchItem(SQLModel, table=True):
    """An item's place in a batch, its route and when it settled (natural key: batch, item)."""

    __tablename__ = "batch_item"
    batch_id: str = Field(primary_key=True, foreign_key="batch.id")
    item_id: str = Field(primary_key=True, foreign_key="item.id", index=True)
    position: int = Field(description="order in the batch, from 0")
    route: str | None = Field(default=None, description="one of Route; None before triage")
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    set_aside: str | None = Field(default=None, description="why this item left the batch; None: it did not")
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Scan(SQLModel, table=True):
    """That a detector has looked at an item, also when it found nothing (natural key: item, detector, recipe)."""

    item_id: str = Field(primary_key=True, foreign_key="item.id")
    detector: str = Field(primary_key=True)
    recipe: str = Field(primary_key=True, description="hash of the tiling and threshold options")
    proposals: int
    whole_frame: int = Field(description="boxes that one whole-image pass alone finds")
    tiles: int
    embedding: bytes | None = Field(default=None, description="float16 vector of the whole image, by this detector")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Proposal(SQLModel, table=True):
    """A shape and its class that a model proposes, with its provenance (natural key: id)."""

    __table_args__ = (Index("ix_proposal_scan", "item_id", "detector", "recipe"),)
    id: str = Field(primary_key=True, description="hash of item, detector, recipe and rank")
    item_id: str = Field(foreign_key="item.id")
    detector: str = Field(description="detector version")
    recipe: str
    class_name: str
    score: float = Field(description="0 to 1")
    x_min: float = Field(nullable=True)
    y_min: float = Field(nullable=True)
    x_max: float = Field(nullable=True)
    y_max: float = Field(nullable=True)
    shape: dict[str, Any] | None = Field(default=None, sa_column=Column(SHAPE), description="None: a box, the bounds")
    track: str | None = Field(default=None, description="whose: the same object in several frames of a sequence")
    view: str = Field(description="tile, or whole (the whole-image pass)")
    tile: str | None = Field(default=None, description="x_min,y_min,x_max,y_max of the tile that saw it best")
    seam: bool = Field(default=False, description="touched an inner tile edge before merging")
    merged_from: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    import_file: str | None = Field(default=None, description="of an imported proposal: its file, below what was given")
    import_line: int | None = Field(default=None, description="and its line there, from 1")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Verdict(SQLModel, table=True):
    """What triage said of a proposal in a batch, and why (natural key: batch, proposal)."""

    batch_id: str = Field(primary_key=True, foreign_key="batch.id")
    proposal_id: str = Field(primary_key=True, foreign_key="proposal.id", index=True)
    outcome: str = Field(description="one of Outcome")
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class Audit(SQLModel, table=True):
    """That an item was drawn into a blind random sample (natural key: batch, item)."""

    batch_id: str = Field(primary_key=True, foreign_key="batch.id")
    item_id: str = Field(primary_key=True, foreign_key="item.id")
    why: str = Field(description="random (the audit share), held_out (its sequence is in the test split) or control")
    seed: int
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Question(SQLModel, table=True):
    """One human micro-task (natural key: queue, batch, item, subject, round).

    Asked of several people it has a slot for each: a question of its own in a queue beside it (`mark-missed~1`).
    """

    __table_args__ = (UniqueConstraint("queue", "batch_id", "item_id", "subject", "round"),)
    id: str = Field(primary_key=True, description="hash of the natural key; travels in the task's data")
    queue: str = Field(index=True)
    batch_id: str = Field(foreign_key="batch.id", index=True)
    item_id: str = Field(foreign_key="item.id")
    subject: str = Field(default="", description="what of the item is asked: '' for all of it, or a region's id")
    round: int = Field(default=0)
    asked_id: str | None = Field(default=None, index=True, description="of a slot: the question that it asks")
    gold_id: str | None = Field(default=None, index=True, description="of a hidden question with a known answer: which")
    payload: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    priority: float = Field(default=0.0, description="higher is asked first")
    state: str = Field(default=QuestionState.WRITTEN.value, index=True)
    project_id: int | None = Field(default=None, index=True, description="Label Studio project")
    task_id: int | None = Field(default=None, index=True, description="Label Studio task")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    posted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    prefilled_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="when its proposals were seen in Label Studio; None: never"
    )


class Answer(SQLModel, table=True):
    """What one person said to one question: one row per version (natural key: id)."""

    id: str = Field(primary_key=True, description="hash of annotation id and its updated_at")
    question_id: str = Field(foreign_key="question.id", index=True)
    annotation_id: int = Field(index=True, description="Label Studio's; 0: a consensus, which nobody drew")
    person: str = Field(index=True, description="e-mail of the Label Studio user")
    seconds: float = Field(description="lead time that Label Studio measured")
    state: str = Field(index=True, description="one of AnswerState")
    reason: str | None = None
    raw: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    answered_at: datetime = Field(sa_type=UtcDateTime, description="updated_at of the annotation")
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    heard_by: str = Field(description="doorbell, sweep, poll, or consensus (of the answers that its decision names)")
    saw_proposals: bool | None = Field(default=None, description="None: there were no proposals, or it is unknown")


class Label(SQLModel, table=True):
    """Settled truth about one object (natural key: item, region, revision). Append-only.

    A correction is a row with the next revision of the same region; a removal is one with `retracted`. The labels in
    force are the rows of highest revision per (item, region) that are not retracted.
    """

    __table_args__ = (UniqueConstraint("item_id", "region", "revision"),)
    id: str = Field(primary_key=True, description="hash of the natural key")
    item_id: str = Field(foreign_key="item.id", index=True)
    region: str = Field(description="identity: a proposal's id, the id a person's region got, or `whole`")
    revision: int = Field(default=0)
    retracted: bool = False
    class_name: str
    kind: str | None = Field(default=None, description="exact kind, where a second queue named it")
    x_min: float = Field(nullable=True)
    y_min: float = Field(nullable=True)
    x_max: float = Field(nullable=True)
    y_max: float = Field(nullable=True)
    shape: dict[str, Any] | None = Field(default=None, sa_column=Column(SHAPE), description="None: a box, the bounds")
    track: str | None = Field(default=None, description="whose: the same object in several frames of a sequence")
    origin: str = Field(description="machine (accepted without a look), person, or import (given, and not checked)")
    batch_id: str = Field(foreign_key="batch.id", index=True)
    proposal_id: str | None = Field(default=None, foreign_key="proposal.id", index=True)
    answer_id: str | None = Field(default=None, foreign_key="answer.id", index=True)
    kind_answer_id: str | None = Field(default=None, foreign_key="answer.id")
    import_id: str | None = Field(default=None, index=True, description="LabelImport that brought it")
    import_file: str | None = Field(default=None, description="in which file of it, below what was given")
    import_line: int | None = Field(default=None, description="and in which line there, from 1")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class SequenceSplit(SQLModel, table=True):
    """To which split a sequence belongs, for good (natural key: collection, sequence)."""

    __tablename__ = "sequence_split"
    collection: str = Field(primary_key=True)
    sequence: str = Field(primary_key=True)
    split: str = Field(description="train, val or test")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Snapshot(SQLModel, table=True):
    """An immutable dataset version (natural key: id)."""

    id: str = Field(primary_key=True, description="SHA-256 of the manifest, hex")
    collection: str = Field(index=True)
    manifest_key: str
    classes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    items: int
    labels: int
    splits: dict[str, int] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Waiting(SQLModel, table=True):
    """A run that sleeps until a queue's rule is met (natural key: flow run)."""

    flow_run_id: str = Field(primary_key=True)
    queue: str
    batch_id: str
    round: int = 0
    until: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    since: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Bookmark(SQLModel, table=True):
    """How far a recurring reader has come (natural key: name)."""

    name: str = Field(primary_key=True)
    value: str
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
