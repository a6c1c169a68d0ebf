"""Human seconds: what people really spent on a batch, and what labelling it by hand would have cost."""

from collections import Counter, defaultdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, computed_field
from sqlalchemy import Engine, case, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, Batch, BatchItem, Item, Proposal, Question, QuestionState, Scan
from blocks.frozen import Frozen
from blocks.naming.emails import normal_email
from blocks.published_times import reading_seconds
from tasks.detect.options import SHOW_SCORE
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import noted_kind
from tasks.kinds.by_hand import ByHand
from tasks.kinds.registry import label_kind
from tasks.review.consensus.answer_groups import CONSENSUS
from tasks.review.questions.slots import asked_queue
from tasks.settle.in_force import count_in_force, count_wholes


class QueueTime(Frozen):
    """What one person spent in one queue."""

    queue: str
    person: str
    answers: int
    seconds: float


class Effort(BaseModel):
    """Human seconds of a batch, against labelling it by hand."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # ignore: computed fields come along when read back

    batch_id: str
    times: tuple[QueueTime, ...] = Field(description="by queue and person, most seconds first")
    questions_asked: int = Field(description="sent or waiting to be sent, in all queues")
    questions_answered: int = Field(description="with an answer that counts")
    images: int = Field(description="settled items")
    labels: int = Field(description="labels in force on them")
    wholes: int = Field(default=0, description="items with labels of the whole of them")
    classes: int = Field(default=0, description="classes that occur among these")
    label_kind: str = Field(default="boxes", description="which says what a label takes by hand")
    characters: int = Field(default=0, description="of the settled items that are texts")
    unprompted_answers: int = Field(
        default=0, description="answers to questions that should have shown proposals and did not: work by hand"
    )
    unprompted_seconds: float = Field(default=0.0, description="what these took, which the seconds include")
    boxes_whole_frame: int = Field(description="boxes that one pass over each whole image finds")
    boxes_tiled: int = Field(description="boxes that tiles and whole images together find, at the same score")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def human_seconds(self) -> float:
        """What people spent, skipped and deleted answers included."""
        return round(sum(time.seconds for time in self.times), 1)

    @property
    def by_hand(self) -> ByHand:
        """What labels of this kind take by hand."""
        return label_kind(self.label_kind).by_hand

    @computed_field  # type: ignore[prop-decorator]
    @property
    def human_seconds_manual(self) -> float:
        """What all of it by hand would take in the usual way, texts read; 0 where nobody has published any."""
        return self._by_hand()[0]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def human_seconds_manual_fastest(self) -> float:
        """The same, for people who draw in the fastest published way."""
        return self._by_hand()[1]

    def _by_hand(self) -> tuple[float, float]:
        read = reading_seconds(self.characters) if self.by_hand.ways else 0.0
        usual, fastest = self.by_hand.seconds(self.labels, self.images, self.classes)
        return round(usual + read, 1), round(fastest + read, 1)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def seconds_per_label(self) -> float | None:
        """Human seconds over labels in force; None without labels."""
        return round(self.human_seconds / self.labels, 2) if self.labels else None

    def by_queue(self) -> dict[str, float]:
        """Return seconds by queue."""
        seconds: Counter[str] = Counter()
        for time in self.times:
            seconds[time.queue] += time.seconds  # type: ignore[assignment]
        return dict(seconds)


def effort_of(engine: Engine, batch_id: str, detector: str, recipe: str) -> Effort:
    """Count what people spent on a batch, what came out, and what tiles found that whole images did not."""
    scope = Scope(batch_id, detector, recipe)
    with reading(engine) as session:
        times = _times(session, batch_id)
        unprompted = unprompted_of(session, batch_id)
        asked, answered = _count_questions(session, batch_id)
        images, labels = _count_settled(session, batch_id), count_in_force(session, batch_id)
        wholes, classes = count_wholes(session, batch_id)
        whole_frame, tiled = _count_found(session, scope)
        characters = _count_characters(session, batch_id)
        batch = session.get(Batch, batch_id)
    kind = noted_kind(engine, batch.collection) if batch else None
    return Effort(
        batch_id=batch_id,
        times=times,
        questions_asked=asked,
        questions_answered=answered,
        images=images,
        labels=labels,
        wholes=wholes,
        classes=classes,
        label_kind=kind.name if kind else "boxes",
        characters=characters,
        unprompted_answers=unprompted[0],
        unprompted_seconds=unprompted[1],
        boxes_whole_frame=whole_frame,
        boxes_tiled=tiled,
    )


def _times(session: Session, batch_id: str) -> tuple[QueueTime, ...]:
    versions = _annotations(batch_id).subquery()
    query = select(versions.c.queue, versions.c.person, func.count(), func.sum(versions.c.seconds)).group_by(
        versions.c.queue, versions.c.person
    )
    answers: Counter[tuple[str, str]] = Counter()
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for queue, named, count, spent in session.exec(query).all():
        person = normal_email(named)
        answers[asked_queue(queue), person] += count  # a queue's slots are one queue to whoever pays for the time
        seconds[asked_queue(queue), person] += float(spent)
    times = [
        QueueTime(queue=queue, person=person, answers=count, seconds=round(seconds[queue, person], 1))
        for (queue, person), count in answers.items()
    ]
    return tuple(sorted(times, key=lambda time: (-time.seconds, time.queue, time.person)))


def unprompted_of(session: Session, batch_id: str) -> tuple[int, float]:
    """Return how many annotations were made without the proposals that they should have shown, and their seconds."""
    blind = _annotations(batch_id).having(func.max(case((col(Answer.saw_proposals).is_(False), 0), else_=1)) == 0)
    versions = blind.subquery()
    count, seconds = session.exec(
        select(func.count(), func.coalesce(func.sum(versions.c.seconds), 0.0)).select_from(versions)
    ).one()
    return int(count), round(float(seconds), 1)


def _annotations(batch_id: str) -> Any:
    # Label Studio's lead time of an edited annotation includes what it was before the edit: its largest version counts.
    return (
        select(Question.queue, Answer.person, Answer.question_id, func.max(Answer.seconds).label("seconds"))
        .join(Question, col(Question.id) == Answer.question_id)
        .where(Question.batch_id == batch_id, Answer.heard_by != CONSENSUS)
        .group_by(col(Question.queue), col(Answer.person), col(Answer.question_id), col(Answer.annotation_id))
    )


def _count_questions(session: Session, batch_id: str) -> tuple[int, int]:
    no_slots = col(Question.asked_id).is_(None), col(Question.gold_id).is_(None)
    query = select(Question.state, func.count()).where(Question.batch_id == batch_id, *no_slots)
    query = query.group_by(Question.state)
    by_state = dict(session.exec(query).all())
    return sum(by_state.values()), by_state.get(QuestionState.ANSWERED.value, 0)


def _count_settled(session: Session, batch_id: str) -> int:
    query = (
        select(func.count())
        .select_from(BatchItem)
        .where(BatchItem.batch_id == batch_id)
        .where(col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None))
    )
    return int(session.exec(query).one())


def _count_characters(session: Session, batch_id: str) -> int:
    length = select(func.coalesce(func.sum(Item.length), 0)).join(BatchItem, col(BatchItem.item_id) == Item.id)
    settled = col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None)
    return int(session.exec(length.where(BatchItem.batch_id == batch_id, *settled)).one() or 0)


def _count_found(session: Session, scope: Scope) -> tuple[int, int]:
    in_batch = (BatchItem.batch_id == scope.batch_id, col(BatchItem.set_aside).is_(None))
    whole_frame = (
        select(func.coalesce(func.sum(Scan.whole_frame), 0))
        .join(BatchItem, col(BatchItem.item_id) == Scan.item_id)
        .where(*in_batch, Scan.detector == scope.detector, Scan.recipe == scope.recipe)
    )
    tiled = (
        select(func.count(col(Proposal.id)))
        .join(BatchItem, col(BatchItem.item_id) == Proposal.item_id)
        .where(*in_batch, Proposal.detector == scope.detector, Proposal.recipe == scope.recipe)
        .where(Proposal.score >= SHOW_SCORE)
    )
    return int(session.exec(whole_frame).one()), int(session.exec(tiled).one())
