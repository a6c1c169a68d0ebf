"""Weigh what people said to a batch's questions: who counts, what they come to, and who is asked next.

Safe to call at any time, from the run that asks and from the sweep, twice at once: slots are written by natural key,
and a question whose answers have not changed since it was decided is left alone. An answer that is edited, deleted or
no longer counts makes its question undecided again.
"""

import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select, update

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, AnswerState, Question, QuestionState, utc_now
from tasks.review.consensus.answer_groups import CONSENSUS, Group, read_groups, write_decisions
from tasks.review.consensus.comparers.protocol import HasPeople
from tasks.review.consensus.comparers.registry import COMPARERS, by_comparer, comparer_of
from tasks.review.consensus.outcome import Course, Weight, weigh
from tasks.review.decide.apply_eligibility import apply_rulings, read_roster
from tasks.review.decide.skill_history import read_gold_said, read_history
from tasks.review.posting.outbox import Draft, write_slots
from tasks.review.questions.asked import queue_as_asked, queue_asked
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import REFEREE, asked_queue, of_batch, slot_queue
from tasks.review.receiving.answer_versions import OF_NOBODY
from tasks.review.receiving.copies import is_nobodys
from tasks.review.receiving.record import settle_states

CHUNK_SIZE = 100
"""Questions written in one transaction: the doorbell must not wait long for its turn."""

_LIVE = (QuestionState.SHARED, QuestionState.ANSWERED, QuestionState.REWORK, QuestionState.CLOSED)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a weighing changed: questions by what was done about them, slots opened, answers that do not count."""

    courses: Counter[str]
    opened: int = 0
    uncounted: int = 0


def weigh_answers(engine: Engine, queue: Queue, batch_id: str, round_: int = 0, *, is_last: bool = False) -> Weighed:
    """Decide what can be decided of a batch's questions, and write slots for those that need one more person.

    Args:
        engine: The catalogue.
        queue: Their queue, not a slot of it.
        batch_id: Of which batch.
        round_: Of which round.
        is_last: Time has run out: nobody is asked any more, and what is known counts.

    Returns:
        What changed; the new slots wait to be posted.
    """
    queue = queue_as_asked(engine, queue, batch_id, round_)
    if queue.is_plain and not _has_something_to_weigh(engine, queue, batch_id, round_):
        return Weighed(Counter())
    roster = read_roster(engine, queue)
    with writing(engine) as session:
        uncounted = apply_rulings(session, queue, batch_id, round_, roster)
    with reading(engine) as session:
        groups = [group for group in read_groups(session, queue.name, batch_id, round_) if _is_ours(group)]
        fresh = [group for group in groups if not _is_old(group, is_last)]
        agreed = _agree(session, queue, batch_id, groups) if fresh else {}
    weights = [
        weigh(group, agreed.get(group.id), queue, roster, is_last=is_last or group.state is QuestionState.CLOSED)
        for group in fresh
    ]
    news = [weight for weight in weights if not weight.is_known]
    opened = 0
    for start in range(0, len(news), CHUNK_SIZE):
        with writing(engine) as session:
            opened += _write(session, queue, batch_id, round_, news[start : start + CHUNK_SIZE])
    courses = Counter(weight.course.value for weight in news)
    log.info("%s of %s: %s; %d slots opened, %d answers do not count", queue.name, batch_id, courses, opened, uncounted)
    return Weighed(courses, opened, uncounted)


def weigh_again(engine: Engine, batch_id: str) -> None:
    """Weigh a batch's answers once more: one was edited, deleted or came late since. Nobody is asked any more."""
    with reading(engine) as session:
        shared = col(Question.asked_id).is_not(None)
        asked = select(Question.queue, Question.round).where(Question.batch_id == batch_id, shared).distinct()
        rounds = set(session.exec(asked))
    weigh_edited(engine, batch_id, rounds)


def weigh_edited(engine: Engine, batch_id: str, heard: Collection[tuple[str, int]]) -> None:
    """Weigh once more what was said in some rounds of a batch that are over. Nobody is asked any more.

    Args:
        engine: The catalogue.
        batch_id: The batch.
        heard: Queues, slots as they are named, and rounds. Where one person is asked and everybody may answer there is
            nothing to weigh.
    """
    in_slots = {(asked_queue(name), round_) for name, round_ in heard if name != asked_queue(name)}
    for name, round_ in sorted({(asked_queue(name), round_) for name, round_ in heard}):
        queue = queue_asked(engine, name, batch_id, round_)
        if queue is not None and (not queue.is_plain or (name, round_) in in_slots):
            weigh_answers(engine, queue, batch_id, round_, is_last=True)


def _has_something_to_weigh(engine: Engine, queue: Queue, batch_id: str, round_: int) -> bool:
    """Say whether a plain queue has something for others: slots, or an answer that cannot be used.

    It has slots where somebody made its queue a plain one after it was asked. Label Studio asks nobody else after an
    unusable answer, so that needs a slot too. Pages and single boxes have a second question of their own instead,
    unless nobody has answered them at all (`copies.py`).
    """
    mine = of_batch(queue.name, batch_id, round_)
    slots = select(Question.id).where(*mine, col(Question.asked_id).is_not(None))
    unusable = (
        select(Question.id, Answer.reason)
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .where(*mine, Question.state == QuestionState.POSTED.value, Answer.state == AnswerState.SET_ASIDE.value)
    )
    with reading(engine) as session:
        if session.exec(slots.limit(1)).first() is not None:
            return True
        if kind_named(queue.kind).is_weighed:
            return session.exec(unusable.limit(1)).first() is not None
        return any(is_nobodys(reason) for _, reason in session.exec(unusable))


def _is_old(group: Group, is_last: bool) -> bool:
    """Say whether nothing has been heard about a question since it was weighed, so that it need not be again."""
    before = group.decided
    if before is None or before.members != sorted(one.answer_id for one in group.counted):
        return False
    if group.outcome_id is not None and before.answer_id == group.outcome_id:
        return True  # decided, also if we have learnt more about the people since
    if group.state is QuestionState.REWORK and before.step == Course.REWORK.value:
        return True
    return not is_last and group.open_slots > 0 and before.step != Course.SETTLED.value


def _is_ours(group: Group) -> bool:
    """Say whether there is something to weigh: not where the question itself was asked, and answered by one person."""
    if group.state not in _LIVE:
        return False
    if group.state is QuestionState.CLOSED and not group.counted:
        return False
    return any(name.find("~") > 0 for name in group.slots) or group.state is QuestionState.SHARED


def _agree(session: Session, queue: Queue, batch_id: str, groups: Sequence[Group]) -> dict[str, HasPeople]:
    """Return the consensus of each question of several people, by id."""
    if queue.overlap is None:
        return {}
    history = by_comparer(read_history(session, queue.name, batch_id))
    gold = read_gold_said(session, queue.name)
    agreed: dict[str, HasPeople] = {}
    for name, answered in by_comparer([group for group in groups if group.counted]).items():
        agreed.update(COMPARERS[name].agree(queue, answered, history.get(name, []), gold))
    return agreed


def _write(session: Session, queue: Queue, batch_id: str, round_: int, weights: Sequence[Weight]) -> int:
    """Write what was decided of some questions; returns how many slots were opened."""
    outcomes = {weight.group.id: _outcome(weight) for weight in weights if weight.course.has_outcome}
    upsert(session, Answer, list(outcomes.values()), update=["state", "reason", "answered_at"])
    settle_states(session, outcomes)
    gone = [weight.group.outcome_id for weight in weights if weight.group.id not in outcomes]
    taken_back = update(Answer).where(col(Answer.id).in_([id_ for id_ in gone if id_]))
    reason = "what it was made of has changed, and is weighed anew"
    session.exec(taken_back.values(state=AnswerState.UNCOUNTED.value, reason=reason))
    drafts: dict[str, list[Draft]] = defaultdict(list)
    for weight in weights:
        for slot in _slots_to_open(weight):
            drafts[slot].append(_draft(weight, batch_id, round_))
    opened = sum(write_slots(session, slot_queue(queue, slot), some) for slot, some in drafts.items())
    _move(session, weights)
    answer_ids = {id_: str(row["id"]) for id_, row in outcomes.items()}
    write_decisions(
        session, [_decision(queue, batch_id, weight, answer_ids.get(weight.group.id)) for weight in weights]
    )
    return opened


def _slots_to_open(weight: Weight) -> list[str]:
    if weight.course is Course.REFEREE:
        return [f"{REFEREE}{weight.group.next_referee}"]
    more = weight.more if weight.course is Course.ASK_MORE else 0
    return [str(weight.group.next_slot + number) for number in range(more)]


def _outcome(weight: Weight) -> dict[str, Any]:
    key = json.dumps([weight.group.id, weight.members, weight.raw], sort_keys=True)
    return {
        "id": hashlib.sha256(key.encode()).hexdigest()[:32],
        "question_id": weight.group.id,
        "annotation_id": OF_NOBODY,
        "person": ", ".join(weight.people),
        "seconds": 0.0,
        "state": AnswerState.COUNTED.value,
        "reason": None,
        "raw": list(weight.raw),
        "answered_at": utc_now(),
        "received_at": utc_now(),
        "heard_by": CONSENSUS,
        "saw_proposals": weight.group.saw_proposals,
    }


def _move(session: Session, weights: Sequence[Weight]) -> None:
    states = {Course.REWORK: QuestionState.REWORK}
    moved: dict[QuestionState, list[str]] = defaultdict(list)
    for weight in weights:
        if weight.course is not Course.UNANSWERED:
            after = states.get(weight.course, QuestionState.SHARED)
            moved[QuestionState.ANSWERED if weight.course.has_outcome else after].append(weight.group.id)
    for state, ids in moved.items():
        session.exec(update(Question).where(col(Question.id).in_(ids)).values(state=state.value))


def _draft(weight: Weight, batch_id: str, round_: int) -> Draft:
    group, payload = weight.group, weight.group.payload
    comparer = comparer_of(payload.type)
    if weight.course is Course.REFEREE and weight.opinion is not None and comparer is not None:
        payload = comparer.for_referee(group, weight.opinion)
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
