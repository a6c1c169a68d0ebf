"""Weigh what people said to a batch's questions: who counts, what they come to, and who is asked next.

Safe to call at any time, from the run that asks and from the sweep, twice at once: seats are written by natural key,
and a question whose answers have not changed since it was decided is left alone. An answer that is edited, deleted or
no longer counts makes its question undecided again.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select, update

from blocks.database import reading, upsert, writing
from blocks.tables import Answer, AnswerState, Question, QuestionState, utc_now
from tasks.review.answers import settle_states
from tasks.review.bookmarks import queues_by_project
from tasks.review.choices import ChoiceConsensus, agree_on_choices
from tasks.review.consensus import Consensus, agree_on_boxes
from tasks.review.groups import CONSENSUS, Group, match_answers, read_groups, write_decisions
from tasks.review.learning import choices_for, learn_box_crew, learn_kind_choosers, read_gold_matches, read_history
from tasks.review.outbox import Draft, write_seats
from tasks.review.queues import Queue
from tasks.review.regions import ShownBox
from tasks.review.rules import projects_of
from tasks.review.rulings import apply_rulings, read_roster
from tasks.review.seats import REFEREE, asked_queue, seat_queue
from tasks.review.verdicts import Course, Weight, agreed_boxes, weigh

SURE = 0.9
"""A referee is shown a box as sure from this probability on."""

_LIVE = (QuestionState.SHARED, QuestionState.ANSWERED, QuestionState.REWORK, QuestionState.CLOSED)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a weighing changed: questions by what was done about them, seats opened, answers that do not count."""

    courses: Counter[str]
    opened: int = 0
    uncounted: int = 0


def weigh_answers(engine: Engine, queue: Queue, batch_id: str, round_: int = 0, *, is_last: bool = False) -> Weighed:
    """Decide what can be decided of a batch's questions, and write seats for those that need one more person.

    Args:
        engine: The catalogue.
        queue: Their queue, not a seat of it.
        batch_id: Of which batch.
        round_: Of which round.
        is_last: Time has run out: nobody is asked any more, and what is known counts.

    Returns:
        What changed; the new seats wait to be posted.
    """
    if queue.is_plain:
        return Weighed(Counter())
    roster = read_roster(engine, queue)
    with writing(engine) as session:
        uncounted = apply_rulings(session, queue, batch_id, round_, roster)
    with reading(engine) as session:
        groups = [group for group in read_groups(session, queue.name, batch_id, round_) if _is_ours(group)]
        agreed = _agree(session, queue, batch_id, groups)
    weights = [
        weigh(group, agreed.get(group.id), queue, roster, is_last=is_last or group.state is QuestionState.CLOSED)
        for group in groups
    ]
    news = [weight for weight in weights if not weight.is_known]
    with writing(engine) as session:
        opened = sum(_write(session, queue, batch_id, round_, weight) for weight in news)
    courses = Counter(weight.course.value for weight in news)
    log.info("%s of %s: %s; %d seats opened, %d answers do not count", queue.name, batch_id, courses, opened, uncounted)
    return Weighed(courses, opened, uncounted)


def weigh_again(engine: Engine, batch_id: str) -> None:
    """Weigh a batch's answers once more: one was edited, deleted or came late since. Nobody is asked any more."""
    with reading(engine) as session:
        shared = col(Question.asked_id).is_not(None)
        asked = select(Question.queue, Question.round).where(Question.batch_id == batch_id, shared).distinct()
        rounds = {(asked_queue(name), round_) for name, round_ in session.exec(asked)}
    for name, round_ in sorted(rounds):
        queue = queue_asked(engine, name, batch_id, round_)
        if queue is not None:
            weigh_answers(engine, queue, batch_id, round_, is_last=True)


def queue_asked(engine: Engine, name: str, batch_id: str, round_: int) -> Queue | None:
    """Return the queue in which a batch was asked, as it was then; None where nothing was posted."""
    projects = projects_of(engine, name, batch_id, round_)
    with reading(engine) as session:
        queues = queues_by_project(session, projects)
    return next((queue.model_copy(update={"name": name}) for queue in queues.values()), None)


def _is_ours(group: Group) -> bool:
    """Say whether there is something to weigh: not where the question itself was asked, and answered by one person."""
    if group.state not in _LIVE:
        return False
    if group.state is QuestionState.CLOSED and not group.counted:
        return False
    return any(name.find("~") > 0 for name in group.seats) or group.state is QuestionState.SHARED


def _agree(
    session: Session, queue: Queue, batch_id: str, groups: Sequence[Group]
) -> dict[str, Consensus | ChoiceConsensus]:
    """Return the consensus of each question of several people, by id."""
    if queue.overlap is None:
        return {}
    answered = [group for group in groups if group.counted]
    history = read_history(session, queue.name, batch_id)
    boxes = [group for group in answered if group.payload.type == "boxes"]
    kinds = [group for group in answered if group.payload.type == "kind"]
    agreed: dict[str, Consensus | ChoiceConsensus] = {}
    if boxes:
        crew = learn_box_crew(queue, [*boxes, *history], read_gold_matches(session, queue.name))
        matched = [match_answers(group.id, group.counted) for group in boxes]
        agreed.update({one.question_id: one for one in agree_on_boxes(matched, crew)})
    if kinds:
        for class_name, choosers in learn_kind_choosers([*kinds, *history]).items():
            chosen = [one for group in kinds if group.payload.class_name == class_name for one in choices_for(group)]
            agreed.update(agree_on_choices(chosen, choosers))
    return agreed


def _write(session: Session, queue: Queue, batch_id: str, round_: int, weight: Weight) -> int:
    """Write what was decided of one question; returns how many seats were opened."""
    group, answer_id, opened = weight.group, None, 0
    if weight.course.has_outcome:
        answer_id = _write_outcome(session, weight)
    elif group.outcome_id:
        taken_back = update(Answer).where(col(Answer.id) == group.outcome_id)
        reason = "what it was made of has changed, and is weighed anew"
        session.exec(taken_back.values(state=AnswerState.UNCOUNTED.value, reason=reason))
    if weight.course is Course.ASK_MORE:
        for seat in range(group.next_seat, group.next_seat + weight.more):
            opened += write_seats(session, seat_queue(queue, seat), [_draft(group, batch_id, round_)])
    elif weight.course is Course.REFEREE:
        opened = write_seats(
            session, seat_queue(queue, f"{REFEREE}{group.next_referee}"), [_draft(group, batch_id, round_, weight)]
        )
    _move(session, weight)
    write_decisions(session, [_decision(queue, batch_id, weight, answer_id)])
    return opened


def _write_outcome(session: Session, weight: Weight) -> str:
    key = json.dumps([weight.group.id, weight.members, weight.raw], sort_keys=True)
    answer_id = hashlib.sha256(key.encode()).hexdigest()[:32]
    row = {
        "id": answer_id,
        "question_id": weight.group.id,
        "annotation_id": 0,
        "person": ", ".join(weight.people),
        "seconds": 0.0,
        "state": AnswerState.COUNTED.value,
        "reason": None,
        "raw": list(weight.raw),
        "answered_at": utc_now(),
        "received_at": utc_now(),
        "heard_by": CONSENSUS,
    }
    upsert(session, Answer, [row], update=["state", "reason", "answered_at"])
    settle_states(session, [weight.group.id])
    return answer_id


def _move(session: Session, weight: Weight) -> None:
    states = {Course.REWORK: QuestionState.REWORK, Course.UNANSWERED: weight.group.state}
    after = QuestionState.ANSWERED if weight.course.has_outcome else states.get(weight.course, QuestionState.SHARED)
    session.exec(update(Question).where(col(Question.id) == weight.group.id).values(state=after.value))


def _draft(group: Group, batch_id: str, round_: int, weight: Weight | None = None) -> Draft:
    payload = group.payload
    if weight is not None and weight.candidates:
        exists = {one.region: one.exists for one in weight.candidates}
        boxes = [
            ShownBox(
                score=exists.get(box.id, 0.0),
                sure=exists.get(box.id, 0.0) >= SURE,
                **box.model_dump(exclude={"untouched"}),
            )
            for box in agreed_boxes(weight.candidates, group)
        ]
        payload = payload.model_copy(update={"boxes": boxes, "prefill": [box.id for box in boxes]})
    return Draft(
        batch_id=batch_id,
        item_id=group.item_id,
        payload=payload.model_dump(mode="json"),
        subject=group.subject,
        round=round_,
        priority=group.priority,
        asked_id=group.id,
    )


def _decision(queue: Queue, batch_id: str, weight: Weight, answer_id: str | None) -> dict[str, Any]:
    return {
        "question_id": weight.group.id,
        "queue": queue.name,
        "batch_id": batch_id,
        "step": weight.course.value,
        "expected_wrong": weight.wrong,
        "people": list(weight.people),
        "members": list(weight.members),
        "reasons": list(weight.reasons),
        "answer_id": answer_id,
        "decided_at": utc_now(),
    }
