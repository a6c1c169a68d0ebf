"""Whose answers count, written down: the pure rule of `eligibility.py` applied to the answers of a batch.

An answer that does not count is kept with its reason. Its slot is closed, since Label Studio offers a task once, and
the question is asked in another slot.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import Session, col, select, update

from blocks.database.tables import Answer, AnswerState, Question, QuestionState
from blocks.naming.emails import normal_email
from tasks.review.consensus.answer_groups import CONSENSUS
from tasks.review.consensus.eligibility import AnswerInForce, Roster, Ruling, explain, rule_on_answers
from tasks.review.gold.annotator_status import standing_of_people
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import is_for_referees, of_batch
from tasks.review.receiving.record import settle_states

FOR_REFEREES = "this project shows what others said, and is the referees': only their answers count here"


def read_roster(engine: Engine, queue: Queue) -> Roster:
    """Return who may answer a queue now, from its configuration and how people do at its gold questions."""
    standings = standing_of_people(engine, queue)
    suspended = {person: one.since for person, one in standings.items() if one.since is not None}
    recalled = frozenset(id_ for one in standings.values() for id_ in one.ask_again)
    return Roster(queue.name, frozenset(queue.annotators), frozenset(queue.referees), suspended, recalled)


def apply_rulings(session: Session, queue: Queue, batch_id: str, round_: int, roster: Roster) -> int:
    """Mark which answers to a batch's questions count, and close the slots that are used up without one.

    Returns:
        How many answers do not count.
    """
    states = (AnswerState.COUNTED.value, AnswerState.UNCOUNTED.value)
    query = (
        select(Answer, Question.asked_id, Question.queue)
        .join(Question, col(Question.id) == Answer.question_id)
        .where(*of_batch(queue.name, batch_id, round_))
        .where(col(Answer.state).in_(states), Answer.heard_by != CONSENSUS)
    )
    rows = session.exec(query).all()
    reasons = _reasons([(answer, asked_id or answer.question_id, slot) for answer, asked_id, slot in rows], roster)
    touched = set()
    for answer, _, _ in rows:
        reason = reasons.get(answer.id)
        state = (AnswerState.UNCOUNTED if reason else AnswerState.COUNTED).value
        if (answer.state, answer.reason) != (state, reason):
            change = update(Answer).where(col(Answer.id) == answer.id)
            session.exec(change.values(state=state, reason=reason))
            touched.add(answer.question_id)
    settle_states(session, touched)
    _close_used_up(session, queue, batch_id, round_)
    return len(reasons)


def _reasons(rows: Sequence[tuple[Answer, str, str]], roster: Roster) -> dict[str, str]:
    """Return, for each answer that does not count, why."""
    by_id = {answer.id: answer for answer, _, _ in rows}
    given = [
        AnswerInForce(
            answer.id,
            asked_id,
            normal_email(answer.person),
            answer.annotation_id,
            answer.answered_at,
            not _is_number(answer.person),
        )
        for answer, asked_id, _ in rows
    ]
    rulings = rule_on_answers(given, roster)
    reasons = {
        id_: explain(ruling, normal_email(by_id[id_].person), roster)
        for id_, ruling in rulings.items()
        if not ruling.is_counted
    }
    for answer, _, name in rows:
        if is_for_referees(name) and rulings[answer.id] is Ruling.COUNTS:
            reasons[answer.id] = FOR_REFEREES
    return reasons


def _is_number(person: str) -> bool:
    return "@" not in person


def _close_used_up(session: Session, queue: Queue, batch_id: str, round_: int) -> None:
    """Close posted questions whose only answers do not count or cannot be used: Label Studio shows them to nobody."""
    dead = (AnswerState.UNCOUNTED.value, AnswerState.SET_ASIDE.value)
    posted = select(Question.id, Question.asked_id).where(
        *of_batch(queue.name, batch_id, round_), Question.state == QuestionState.POSTED.value
    )
    used = posted.join(Answer, col(Answer.question_id) == col(Question.id)).where(col(Answer.state).in_(dead))
    moved = defaultdict(list)
    for question_id, asked_id in session.exec(used.distinct()):
        moved[QuestionState.CLOSED if asked_id else QuestionState.SHARED].append(question_id)
    for state, ids in moved.items():
        session.exec(update(Question).where(col(Question.id).in_(ids)).values(state=state.value))
