"""Questions with all their slots and what people said there: what is weighed, learnt from and measured."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from blocks.database.engine import upsert
from blocks.database.people_tables import Decision
from blocks.database.tables import Answer, AnswerState, Question, QuestionState
from blocks.naming.emails import normal_email
from tasks.review.questions.kinds.classes.decided import Meanings, as_decided, meanings_of_batch, says_missing
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.payload import Payload
from tasks.review.questions.slots import is_for_referees, of_batch

CONSENSUS = "consensus"
"""Stands as `heard_by` in an answer that nobody gave: what several people's answers come to."""

_IN_FORCE = (AnswerState.COUNTED, AnswerState.UNCOUNTED, AnswerState.SKIPPED, AnswerState.SET_ASIDE)
_OPEN = (QuestionState.WRITTEN.value, QuestionState.POSTED.value)


@dataclass(frozen=True, slots=True)
class SlotAnswer:
    """What one person said last in one slot."""

    answer_id: str
    slot: str
    """The name of the slot's queue."""
    person: str
    annotation_id: int
    answered_at: datetime
    state: AnswerState
    raw: list[dict[str, Any]]
    saw_proposals: bool | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One question, its slots, and what people said there."""

    id: str
    item_id: str
    subject: str
    payload: Payload
    priority: float
    state: QuestionState
    slots: dict[str, QuestionState]
    """By name of their queue; the question itself is among them where it was asked itself."""
    said: tuple[SlotAnswer, ...]
    """In the order of time."""
    outcome_id: str | None
    """The consensus answer that counts now."""
    decided: Decision | None

    @property
    def counted(self) -> tuple[SlotAnswer, ...]:
        """The answers that count, in the order of time."""
        return tuple(one for one in self.said if one.state is AnswerState.COUNTED)

    @property
    def saw_proposals(self) -> bool | None:
        """Whether those whose answers count were shown the proposals; None where some were, or nobody knows."""
        saw = {one.saw_proposals for one in self.counted}
        return saw.pop() if len(saw) == 1 else None

    @property
    def open_slots(self) -> int:
        """How many slots somebody may still answer."""
        return sum(state.value in _OPEN for state in self.slots.values())

    @property
    def next_slot(self) -> int:
        """The number of the next slot."""
        return 1 + sum("~" in slot and not is_for_referees(slot) for slot in self.slots)

    @property
    def next_referee(self) -> int:
        """The number of the next slot for referees."""
        return 1 + sum(is_for_referees(slot) for slot in self.slots)

    @property
    def is_skipped_by_referees(self) -> bool:
        """Whether the referees cannot tell either."""
        return any(is_for_referees(slot) and state is QuestionState.REWORK for slot, state in self.slots.items())


def read_groups(session: Session, queue: str, batch_id: str, round_: int = 0) -> list[Group]:
    """Return a batch's questions of a queue with their slots, the one asked first at the front."""
    return _read(session, of_batch(queue, batch_id, round_))


def read_groups_of(session: Session, question_ids: Collection[str]) -> list[Group]:
    """Return some questions with their slots."""
    ids = list(question_ids)
    return _read(session, (col(Question.id).in_(ids) | col(Question.asked_id).in_(ids),))


def _read(session: Session, which: Sequence[ColumnElement[bool]]) -> list[Group]:
    questions = session.exec(select(Question).where(*which)).all()
    said: dict[str, list[SlotAnswer]] = defaultdict(list)
    outcomes: dict[str, str] = {}
    answers = select(Answer, Question.queue, Question.asked_id).join(Question, col(Question.id) == Answer.question_id)
    wanted = col(Answer.state).in_([state.value for state in _IN_FORCE])
    rows = session.exec(answers.where(*which, wanted).order_by(col(Answer.answered_at))).all()
    batches = {question.batch_id for question in questions} if any(says_missing(row[0].raw) for row in rows) else set()
    meanings = {key: name for batch_id in sorted(batches) for key, name in meanings_of_batch(session, batch_id).items()}
    for answer, slot, asked_id in rows:
        if answer.heard_by != CONSENSUS:
            said[asked_id or answer.question_id].append(_said(answer, slot, meanings))
        elif answer.state == AnswerState.COUNTED.value:
            outcomes[answer.question_id] = answer.id
    asked = [question for question in questions if question.asked_id is None]
    decided = _decisions(session, [question.id for question in asked])
    slots: dict[str, dict[str, QuestionState]] = defaultdict(dict)
    for question in questions:
        if question.asked_id is not None or question.project_id is not None or question.state in _OPEN:
            slots[question.asked_id or question.id][question.queue] = QuestionState(question.state)
    groups = [
        Group(
            id=question.id,
            item_id=question.item_id,
            subject=question.subject,
            payload=read_payload(question.payload),
            priority=question.priority,
            state=QuestionState(question.state),
            slots=slots[question.id],
            said=tuple(said[question.id]),
            outcome_id=outcomes.get(question.id),
            decided=decided.get(question.id),
        )
        for question in asked
    ]
    return sorted(groups, key=lambda group: (-group.priority, group.id))


def _said(answer: Answer, slot: str, meanings: Meanings) -> SlotAnswer:
    return SlotAnswer(
        answer_id=answer.id,
        slot=slot,
        person=normal_email(answer.person),
        annotation_id=answer.annotation_id,
        answered_at=answer.answered_at,
        state=AnswerState(answer.state),
        raw=as_decided(answer.raw, meanings),
        saw_proposals=answer.saw_proposals,
    )


def _decisions(session: Session, ids: Sequence[str]) -> dict[str, Decision]:
    rows = session.exec(select(Decision).where(col(Decision.question_id).in_(ids)))
    return {row.question_id: row for row in rows}


def write_decisions(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write what was decided of questions, over what was decided before."""
    changing = ["step", "expected_wrong", "people", "members", "reasons", "answer_id", "decided_at"]
    upsert(session, Decision, rows, update=changing)
