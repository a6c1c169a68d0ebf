"""When a queue is done with a batch: how far people are, the rule that says enough, and what becomes of the rest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, ValidationError
from sqlalchemy import ColumnElement, Engine, func
from sqlalchemy import select as select_columns
from sqlmodel import col, select, update

from blocks.apart import Failures
from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, AnswerState, BatchItem, Question, QuestionState, Waiting, utc_now
from blocks.frozen import Frozen
from tasks.review.consensus.answer_groups import CONSENSUS
from tasks.review.decide.time_left import RECENT, TimeLeft, time_left
from tasks.review.questions.kinds.boxes.part import is_part
from tasks.review.questions.slots import gold_of_batch, is_open, of_batch

Rest = Literal["pass_on", "drop", "ask_again"]


class Until(Frozen):
    """How long a line waits for people: a share of the answers or a time, whatever comes first."""

    share: float = Field(default=1.0, gt=0, le=1, description="Go on when this share of the questions is answered")
    hours: float | None = Field(default=None, gt=0, description="Go on after so many hours; empty: wait for the share")
    rest: Rest = Field(
        default="pass_on",
        description="What becomes of items nobody answered for: pass_on lets them settle with what the machine is "
        "sure of, drop sets them aside from this batch, ask_again asks the rest once more and then passes it on "
        "(what is asked of several people is not taken back, and stays open for as long)",
    )
    times: int = Field(default=1, ge=1, le=10, description="With ask_again: how often the rest is asked again")

    def periods(self, so_far: "Progress") -> int:
        """Return how often a round's time and share are granted.

        A question in one project is taken back and asked anew in the next round. One in several slots has some answers
        and not others: taken back, it would lose them or ask somebody twice. So it stays open, in its own round, for
        all the periods that it would have had in the next ones.
        """
        is_kept = self.rest == "ask_again" and so_far.in_slots
        return 1 + max(0, self.times - so_far.round) if is_kept else 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far people are with one queue of one batch."""

    asked: int
    answered: int
    passed: int
    """Questions that were skipped for good, or only got answers that cannot be used."""
    closed: int
    people: int
    seconds: float
    first_posted_at: datetime | None
    is_stuck: bool = False
    """Nobody is asked any more, and yet not all is decided: the answers wait to be weighed (`aggregate.py`)."""
    gold_open: int = 0
    """Hidden questions with a known answer that nobody has answered: they tell which of the other answers count."""
    round: int = 0
    in_slots: bool = False
    """Whether questions are asked in slots: of several people, or again since an answer did not count."""
    left: TimeLeft | None = None
    """How long the rest will take; None while that cannot be said."""

    @property
    def done(self) -> int:
        """Questions for which nobody is waited for any more."""
        return self.answered + self.passed + self.closed

    @property
    def share(self) -> float:
        """Share of the questions that are done, 0 to 1; 1 where nothing was asked."""
        return self.done / self.asked if self.asked else 1.0

    def __str__(self) -> str:
        """Say it in a line, for logs and artifacts."""
        pace = f", {self.seconds / self.answered:.1f} s each" if self.answered and self.seconds else ""
        passed = f", {self.passed} skipped or unusable" if self.passed else ""
        left = f"; {self.left}" if self.left else ""
        return f"{self.answered} of {self.asked} answered by {self.people} people{pace}{passed}{left}"


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A run that sleeps until its queue's rule is met."""

    flow_run_id: str
    queue: str
    batch_id: str
    round: int
    until: Until


def progress(engine: Engine, queue: str, batch_id: str, round_: int = 0) -> Progress:
    """Return how far people are with one queue of one batch; all zero where nothing was asked."""
    ours = _ours(queue, batch_id, round_)
    all_slots = of_batch(queue, batch_id, round_)
    in_slots = col(Question.asked_id).is_not(None)
    with reading(engine) as session:
        connection = session.connection()
        states = select_columns(col(Question.state), func.count(), func.min(Question.posted_at)).where(*ours)
        by_state = {row[0]: row for row in connection.execute(states.group_by(col(Question.state)))}
        answers = select_columns(
            func.count(func.lower(col(Answer.person)).distinct()), func.coalesce(func.sum(Answer.seconds), 0.0)
        ).join(Question, col(Question.id) == col(Answer.question_id))
        by_people = col(Answer.heard_by) != CONSENSUS
        people, seconds = connection.execute(answers.where(*all_slots, by_people)).one()
        number = func.count(col(Question.id))
        posted_at, slots, slots_open = connection.execute(
            select_columns(func.min(Question.posted_at), number, number.filter(is_open())).where(*all_slots, in_slots)
        ).one()
        gold_open = connection.execute(
            select_columns(func.count(col(Question.id))).where(*gold_of_batch(queue, batch_id, round_), is_open())
        ).scalar_one()
        still_open = col(Question.state) == QuestionState.POSTED.value
        passing = select_columns(func.count(col(Question.id).distinct())).join(
            Answer, col(Question.id) == col(Answer.question_id)
        )
        unusable = col(Answer.state) == AnswerState.SET_ASIDE.value
        passed = connection.execute(passing.where(*ours, still_open, unusable)).scalar_one()
        times = select(Answer.answered_at).join(Question, col(Question.id) == col(Answer.question_id)).where(*ours)
        counted = times.where(Answer.state == AnswerState.COUNTED.value).order_by(col(Answer.answered_at).desc())
        answered_at = session.exec(counted.limit(RECENT + 1)).all()
    counts = {state: int(row[1]) for state, row in by_state.items()}
    posted = [at for at in (posted_at, *(row[2] for row in by_state.values())) if at is not None]
    so_far = Progress(
        asked=sum(counts.values()),
        answered=counts.get(QuestionState.ANSWERED.value, 0),
        passed=int(passed) + counts.get(QuestionState.REWORK.value, 0),
        closed=counts.get(QuestionState.CLOSED.value, 0),
        people=int(people),
        seconds=float(seconds),
        first_posted_at=min(posted, default=None),
        is_stuck=bool(counts.get(QuestionState.SHARED.value)) and not (slots_open or gold_open),
        gold_open=int(gold_open),
        round=round_,
        in_slots=slots > 0,
    )
    return replace(so_far, left=time_left(answered_at, so_far.asked - so_far.done, utc_now()))


def progress_of_rounds(rounds: Sequence[Progress]) -> Progress:
    """Return how a queue of a batch ended over all its rounds, the first first: a later round asks what one left."""
    first, last = rounds[0], rounds[-1]
    return Progress(
        asked=first.asked,
        answered=sum(one.answered for one in rounds),
        passed=sum(one.passed for one in rounds),
        closed=last.closed,
        people=max(one.people for one in rounds),
        seconds=sum(one.seconds for one in rounds),
        first_posted_at=first.first_posted_at,
    )


def is_met(so_far: Progress, until: Until) -> bool:
    """Say whether a line may go on, if only to weigh the answers. Unposted questions are waited for as well."""
    if so_far.is_stuck:
        return True
    if so_far.done >= _enough(so_far, until) and not (so_far.gold_open and until.share == 1):
        return True
    return is_late(so_far, until)


def is_late(so_far: Progress, until: Until) -> bool:
    """Say whether the queue's time is up."""
    if until.hours is None or so_far.first_posted_at is None:
        return False
    return utc_now() >= so_far.first_posted_at + timedelta(hours=until.hours * until.periods(so_far))


def _enough(so_far: Progress, until: Until) -> int:
    """Return how many questions must be done: the share of all, and in each further period that of what is left."""
    left = so_far.asked
    for _ in range(until.periods(so_far)):
        left -= math.ceil(until.share * left - 1e-9)
    return so_far.asked - left


def close_rest(engine: Engine, queue: str, batch_id: str, round_: int, rest: Rest) -> int:
    """End the questions nobody answered, by the queue's rule; an answer that comes later still counts.

    Returns:
        How many questions were closed.
    """
    undecided = (QuestionState.WRITTEN.value, QuestionState.POSTED.value, QuestionState.SHARED.value)
    still_open = col(Question.state).in_(undecided)
    ours = _ours(queue, batch_id, round_)
    with writing(engine) as session:
        mine = select(Question.item_id, Question.subject, Question.payload).where(*ours, still_open)
        rows = session.exec(mine).all()
        for part in (ours, of_batch(queue, batch_id, round_), gold_of_batch(queue, batch_id, round_)):
            session.exec(update(Question).where(*part, still_open).values(state=QuestionState.CLOSED.value))
        whole_items = {item_id for item_id, subject, _ in rows if not subject or is_part(subject)}
        on_pages = {crop["item_id"] for _, _, payload in rows for crop in payload.get("crops", ())}
        if rest == "drop" and whole_items | on_pages:
            members = update(BatchItem).where(col(BatchItem.batch_id) == batch_id)
            session.exec(
                members.where(col(BatchItem.item_id).in_(whole_items | on_pages)).values(
                    set_aside=f"nobody answered in queue {queue} before its rule was met"
                )
            )
    return len(rows)


def projects_of(engine: Engine, queue: str, batch_id: str, round_: int) -> list[int]:
    """Return the Label Studio projects in which a queue's batch is asked: more than one where it has slots."""
    posted = select(Question.project_id).where(
        *of_batch(queue, batch_id, round_), col(Question.project_id).is_not(None)
    )
    with reading(engine) as session:
        return sorted(project for project in session.exec(posted.distinct()) if project is not None)


def note_sleeper(engine: Engine, sleeper: Sleeper) -> None:
    """Write down that a run is about to sleep, before it does."""
    with writing(engine) as session:
        session.merge(
            Waiting(
                flow_run_id=sleeper.flow_run_id,
                queue=sleeper.queue,
                batch_id=sleeper.batch_id,
                round=sleeper.round,
                until=sleeper.until.model_dump(),
            )
        )


def forget_sleeper(engine: Engine, flow_run_id: str) -> None:
    """Write down that a run sleeps no more."""
    with writing(engine) as session:
        row = session.get(Waiting, flow_run_id)
        if row is not None:
            session.delete(row)


def sleepers(engine: Engine, failures: Failures | None = None) -> list[Sleeper]:
    """Return the runs that sleep, the longest first.

    Args:
        engine: The catalogue.
        failures: Takes the notes that cannot be read, such as those of a later version; they are left alone.
    """
    failures = failures if failures is not None else Failures()
    with reading(engine) as session:
        rows = session.exec(select(Waiting).order_by(col(Waiting.since))).all()
    found = []
    for row in rows:
        try:
            until = Until.model_validate(row.until)
        except ValidationError as error:
            why = f"until when it sleeps cannot be read: {error.errors(include_url=False)[0]['msg']}; resume it by hand"
            failures.note(f"run {row.flow_run_id}, asleep for {row.queue} of {row.batch_id}", why)
        else:
            found.append(Sleeper(row.flow_run_id, row.queue, row.batch_id, row.round, until))
    return found


def due(engine: Engine) -> list[Sleeper]:
    """Return the sleeping runs whose rule is met."""
    return [
        sleeper
        for sleeper in sleepers(engine)
        if is_met(progress(engine, sleeper.queue, sleeper.batch_id, sleeper.round), sleeper.until)
    ]


def _ours(queue: str, batch_id: str, round_: int) -> tuple[ColumnElement[bool], ...]:
    return col(Question.queue) == queue, col(Question.batch_id) == batch_id, col(Question.round) == round_
