"""Questions with all their seats and what people said there: what is weighed, learnt from and measured."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from blocks.database import upsert
from blocks.people_tables import Decision
from blocks.tables import Answer, AnswerState, Question, QuestionState
from tasks.review.regions import AnsweredBox, AnsweredKind, ShownBox
from tasks.review.same_boxes import Matched, PersonAnswer, match_boxes
from tasks.review.seats import is_for_referees, of_batch
from tasks.review.task_data import Payload

CONSENSUS = "consensus"
"""Stands as `heard_by` in an answer that nobody gave: what several people's answers come to."""

_IN_FORCE = (AnswerState.COUNTED, AnswerState.UNCOUNTED, AnswerState.SKIPPED, AnswerState.SET_ASIDE)
_OPEN = (QuestionState.WRITTEN.value, QuestionState.POSTED.value)


@dataclass(frozen=True, slots=True)
class Said:
    """What one person said last in one seat."""

    answer_id: str
    seat_id: str
    seat: str
    """The name of the seat's queue."""
    person: str
    annotation_id: int
    answered_at: datetime
    state: AnswerState
    raw: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Group:
    """One question, its seats, and what people said there."""

    id: str
    item_id: str
    subject: str
    payload: Payload
    priority: float
    state: QuestionState
    seats: dict[str, QuestionState]
    """By name of their queue; the question itself is among them where it was asked itself."""
    said: tuple[Said, ...]
    """In the order of time."""
    outcome_id: str | None
    """The consensus answer that counts now."""
    decided: Decision | None

    @property
    def counted(self) -> tuple[Said, ...]:
        """The answers that count, in the order of time."""
        return tuple(one for one in self.said if one.state is AnswerState.COUNTED)

    @property
    def open_seats(self) -> int:
        """How many seats somebody may still answer."""
        return sum(state.value in _OPEN for state in self.seats.values())

    @property
    def next_seat(self) -> int:
        """The number of the next seat."""
        return 1 + sum("~" in seat and not is_for_referees(seat) for seat in self.seats)

    @property
    def next_referee(self) -> int:
        """The number of the next seat for referees."""
        return 1 + sum(is_for_referees(seat) for seat in self.seats)

    @property
    def is_skipped_by_referees(self) -> bool:
        """Whether the referees cannot tell either."""
        return any(is_for_referees(seat) and state is QuestionState.REWORK for seat, state in self.seats.items())


def read_groups(session: Session, queue: str, batch_id: str, round_: int = 0) -> list[Group]:
    """Return a batch's questions of a queue with their seats, the one asked first at the front."""
    return _read(session, of_batch(queue, batch_id, round_))


def read_groups_of(session: Session, question_ids: Collection[str]) -> list[Group]:
    """Return some questions with their seats."""
    ids = list(question_ids)
    return _read(session, (col(Question.id).in_(ids) | col(Question.asked_id).in_(ids),))


def _read(session: Session, which: Sequence[ColumnElement[bool]]) -> list[Group]:
    questions = session.exec(select(Question).where(*which)).all()
    said: dict[str, list[Said]] = defaultdict(list)
    outcomes: dict[str, str] = {}
    answers = select(Answer, Question.queue, Question.asked_id).join(Question, col(Question.id) == Answer.question_id)
    wanted = col(Answer.state).in_([state.value for state in _IN_FORCE])
    for answer, seat, asked_id in session.exec(answers.where(*which, wanted).order_by(col(Answer.answered_at))):
        if answer.heard_by != CONSENSUS:
            said[asked_id or answer.question_id].append(_said(answer, seat))
        elif answer.state == AnswerState.COUNTED.value:
            outcomes[answer.question_id] = answer.id
    asked = [question for question in questions if question.asked_id is None]
    decided = _decisions(session, [question.id for question in asked])
    seats: dict[str, dict[str, QuestionState]] = defaultdict(dict)
    for question in questions:
        if question.asked_id is not None or question.project_id is not None or question.state in _OPEN:
            seats[question.asked_id or question.id][question.queue] = QuestionState(question.state)
    groups = [
        Group(
            id=question.id,
            item_id=question.item_id,
            subject=question.subject,
            payload=Payload.model_validate(question.payload),
            priority=question.priority,
            state=QuestionState(question.state),
            seats=seats[question.id],
            said=tuple(said[question.id]),
            outcome_id=outcomes.get(question.id),
            decided=decided.get(question.id),
        )
        for question in asked
    ]
    return sorted(groups, key=lambda group: (-group.priority, group.id))


def _said(answer: Answer, seat: str) -> Said:
    return Said(
        answer_id=answer.id,
        seat_id=answer.question_id,
        seat=seat,
        person=answer.person,
        annotation_id=answer.annotation_id,
        answered_at=answer.answered_at,
        state=AnswerState(answer.state),
        raw=answer.raw,
    )


def _decisions(session: Session, ids: Sequence[str]) -> dict[str, Decision]:
    rows = session.exec(select(Decision).where(col(Decision.question_id).in_(ids)))
    return {row.question_id: row for row in rows}


def write_decisions(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write what was decided of questions, over what was decided before."""
    changing = ["step", "expected_wrong", "people", "members", "reasons", "answer_id", "decided_at"]
    upsert(session, Decision, rows, update=changing)


def boxes_of(raw: Sequence[dict[str, Any]]) -> tuple[AnsweredBox, ...]:
    """Return the boxes of an answer to a boxes question."""
    return tuple(AnsweredBox.model_validate(entry) for entry in raw)


def kind_of(raw: Sequence[dict[str, Any]]) -> AnsweredKind:
    """Return the choice of an answer to a kind question."""
    (entry,) = raw
    return AnsweredKind.model_validate(entry)


def match_answers(question_id: str, said: Sequence[Said]) -> Matched:
    """Group the boxes of several people's answers to one question; of a person's two the last counts."""
    last = {one.person: PersonAnswer(one.person, boxes_of(one.raw)) for one in said}
    return match_boxes(question_id, list(last.values()))


def as_shown(boxes: Sequence[AnsweredBox], shown: Sequence[ShownBox], same_px: float) -> list[AnsweredBox]:
    """Return boxes that say rightly which of the boxes a question showed they left untouched."""
    by_id = {box.id: box for box in shown}
    return [box.model_copy(update={"untouched": _is_untouched(box, by_id.get(box.id), same_px)}) for box in boxes]


def _is_untouched(box: AnsweredBox, shown: ShownBox | None, same_px: float) -> bool:
    if shown is None or shown.class_name != box.class_name:
        return False
    return all(
        abs(getattr(box, edge) - getattr(shown, edge)) < same_px for edge in ("x_min", "y_min", "x_max", "y_max")
    )
