"""What people said of the proposals that were drawn: answers become judgements, judgements become evidence.

The order is that of the lots, never that of clocks: late answers, and clocks that run backwards, change nothing.
Whatever is no plain "right" counts as wrong once nobody is waited for any more, so that silence proves nothing.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine, bindparam, update
from sqlmodel import Session, col, select

from blocks.database.audit_tables import Judgement, Said
from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, AnswerState, Proposal, Question, QuestionState
from blocks.naming.emails import normal_email
from tasks.audit.bounds.evidence import JudgedSample, SampleUnit
from tasks.detect.refs import Scope
from tasks.review.drafts.box_checks import CONFIRM_BOX, CONFIRM_QUEUES
from tasks.review.questions.kinds.verify import AnsweredCheck

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of one drawn proposal."""

    said: str | None = None
    person: str | None = None
    answer_id: str | None = None
    judged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JudgedClass:
    """The draws of one class of a batch."""

    evidence: JudgedSample
    frame: str
    """Hash of the proposals that they were drawn from."""
    floor: float
    open: int
    """Draws that nobody has judged yet."""


def collect_judgements(engine: Engine, scope: Scope) -> int:
    """Write down what people have said of a batch's draws by now; a second call changes nothing.

    Returns:
        How many judgements changed.
    """
    with reading(engine) as session:
        rows = session.exec(select(Judgement).where(*_ours(scope))).all()
        heard = _read_heard(session, scope)
    changed = [
        {"proposal": row.proposal_id, **asdict(now)}
        for row in rows
        for now in [heard.get(row.proposal_id, Heard())]
        if (row.said, row.answer_id) != (now.said, now.answer_id)
    ]
    if changed:
        mine = update(Judgement).where(col(Judgement.proposal_id) == bindparam("proposal"), *_ours(scope))
        names = ("said", "person", "answer_id", "judged_at")
        with writing(engine) as session:
            session.connection().execute(mine.values({name: bindparam(name) for name in names}), changed)
    return len(changed)


def read_judged(engine: Engine, scope: Scope) -> dict[str, JudgedClass]:
    """Return the draws of a batch as evidence, by class, in drawing order; empty where nothing was drawn."""
    query = (
        select(Judgement, Proposal.score)
        .join(Proposal, col(Proposal.id) == Judgement.proposal_id)
        .where(*_ours(scope))
        .order_by(col(Judgement.class_name), col(Judgement.rank))
    )
    by_class: dict[str, list[tuple[Judgement, float]]] = defaultdict(list)
    with reading(engine) as session:
        for judgement, score in session.exec(query).all():
            by_class[judgement.class_name].append((judgement, score))
    return {
        name: JudgedClass(
            evidence=JudgedSample.of(
                [row.item_id for row, _ in rows],
                [score for _, score in rows],
                [None if row.said is None else row.said != Said.RIGHT for row, _ in rows],
                SampleUnit.BOXES,
            ),
            frame=rows[0][0].frame,
            floor=rows[0][0].floor,
            open=sum(row.said is None for row, _ in rows),
        )
        for name, rows in by_class.items()
    }


def _ours(scope: Scope) -> tuple[Any, ...]:
    return (
        col(Judgement.batch_id) == scope.batch_id,
        col(Judgement.detector) == scope.detector,
        col(Judgement.recipe) == scope.recipe,
    )


def _read_heard(session: Session, scope: Scope) -> dict[str, Heard]:
    """Return what was said, by proposal: the second look counts where there was one, and the last answer in force."""
    asked = select(  # type: ignore[call-overload]
        Question.id, Question.subject, Question.state, Question.queue, Question.round
    ).where(col(Question.queue).in_(CONFIRM_QUEUES), Question.batch_id == scope.batch_id)
    rows = session.exec(asked).all()
    questions = [row[:3] for row in sorted(rows, key=lambda row: (row[3] != CONFIRM_BOX, row[4]))]
    answers = _read_answers(session, scope)
    heard: dict[str, Heard] = {}
    for question_id, proposal_id, state in questions:
        in_force = answers.get(question_id, [])
        counted = [answer for answer in in_force if answer.state == AnswerState.COUNTED]
        if counted:
            last = counted[-1]
            heard[proposal_id] = Heard(_said_in(last), normal_email(last.person), last.id, last.answered_at)
        elif in_force or state == QuestionState.CLOSED:
            heard.setdefault(proposal_id, Heard(Said.UNANSWERED.value))
    return heard


def _read_answers(session: Session, scope: Scope) -> Mapping[str, list[Answer]]:
    over = (AnswerState.COUNTED.value, AnswerState.SKIPPED.value, AnswerState.SET_ASIDE.value)
    query = (
        select(Answer)
        .join(Question, col(Question.id) == Answer.question_id)
        .where(col(Question.queue).in_(CONFIRM_QUEUES), Question.batch_id == scope.batch_id)
        .where(col(Answer.state).in_(over))
        .order_by(col(Answer.answered_at), col(Answer.id))
    )
    found: dict[str, list[Answer]] = defaultdict(list)
    for answer in session.exec(query).all():
        found[answer.question_id].append(answer)
    return found


def _said_in(answer: Answer) -> str:
    try:
        (entry,) = answer.raw
        return AnsweredCheck.model_validate(entry).said.value
    except (ValueError, ValidationError) as error:
        log.warning("answer %s cannot be read and counts as wrong: %s", answer.id, error)
        return Said.UNANSWERED.value
