"""Human seconds: what people really spent on a batch, and what labelling it by hand would have cost."""

from collections import Counter, defaultdict

from pydantic import BaseModel, ConfigDict, Field, computed_field
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database import reading
from blocks.published_times import CHECK_COVERAGE, DRAW_BOX, DRAW_BOX_FAST, PublishedTime
from blocks.tables import Answer, BatchItem, Proposal, Question, QuestionState, Scan
from tasks.detect.options import SHOW_SCORE
from tasks.review.groups import CONSENSUS
from tasks.review.seats import asked_queue
from tasks.settle.in_force import count_in_force
from tasks.triage.boxes import Scope


class QueueTime(BaseModel):
    """What one person spent in one queue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    labels: int = Field(description="boxes in force on them")
    boxes_whole_frame: int = Field(description="boxes that one pass over each whole image finds")
    boxes_tiled: int = Field(description="boxes that tiles and whole images together find, at the same score")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def human_seconds(self) -> float:
        """What people spent, skipped and deleted answers included."""
        return round(sum(time.seconds for time in self.times), 1)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def human_seconds_manual(self) -> float:
        """What drawing all of it by hand would take: `manual_seconds`."""
        return round(manual_seconds(self.labels, self.images), 1)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def human_seconds_manual_fastest(self) -> float:
        """The same, for people who draw boxes in the fastest published way."""
        return round(manual_seconds(self.labels, self.images, DRAW_BOX_FAST), 1)

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


def manual_seconds(
    boxes: int, images: int, draw: PublishedTime = DRAW_BOX, look: PublishedTime = CHECK_COVERAGE
) -> float:
    """Estimate how long people would take to label by hand: draw every box, and look over every image once.

    Args:
        boxes: Boxes that are there in the end.
        images: Images, those without boxes included.
        draw: The time to draw one box.
        look: The time that an image costs by itself.

    Source:
        The constants above name theirs.
    """
    return boxes * draw.seconds + images * look.seconds


def effort_of(engine: Engine, batch_id: str, detector: str, recipe: str) -> Effort:
    """Count what people spent on a batch, what came out, and what tiles found that whole images did not."""
    scope = Scope(batch_id, detector, recipe)
    with reading(engine) as session:
        times = _times(session, batch_id)
        asked, answered = _count_questions(session, batch_id)
        images, labels = _count_settled(session, batch_id), count_in_force(session, batch_id)
        whole_frame, tiled = _count_found(session, scope)
    return Effort(
        batch_id=batch_id,
        times=times,
        questions_asked=asked,
        questions_answered=answered,
        images=images,
        labels=labels,
        boxes_whole_frame=whole_frame,
        boxes_tiled=tiled,
    )


def _times(session: Session, batch_id: str) -> tuple[QueueTime, ...]:
    # Label Studio's lead time of an edited annotation includes what it was before the edit: its largest version counts.
    versions = (
        select(Question.queue, Answer.person, Answer.question_id, func.max(Answer.seconds).label("seconds"))
        .join(Question, col(Question.id) == Answer.question_id)
        .where(Question.batch_id == batch_id, Answer.heard_by != CONSENSUS)
        .group_by(col(Question.queue), col(Answer.person), col(Answer.question_id), col(Answer.annotation_id))
        .subquery()
    )
    query = select(versions.c.queue, versions.c.person, func.count(), func.sum(versions.c.seconds)).group_by(
        versions.c.queue, versions.c.person
    )
    answers: Counter[tuple[str, str]] = Counter()
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for queue, person, count, spent in session.exec(query).all():
        answers[asked_queue(queue), person] += count  # a queue's seats are one queue to whoever pays for the time
        seconds[asked_queue(queue), person] += float(spent)
    times = [
        QueueTime(queue=queue, person=person, answers=count, seconds=round(seconds[queue, person], 1))
        for (queue, person), count in answers.items()
    ]
    return tuple(sorted(times, key=lambda time: (-time.seconds, time.queue, time.person)))


def _count_questions(session: Session, batch_id: str) -> tuple[int, int]:
    no_seats = col(Question.asked_id).is_(None), col(Question.gold_id).is_(None)
    query = select(Question.state, func.count()).where(Question.batch_id == batch_id, *no_seats)
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
