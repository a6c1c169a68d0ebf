"""The pool of gold: questions whose answer is known, where they come from, and where they are hidden.

Two sources. What two or more people agreed on, in a settled batch, with next to no doubt left; and what a data engineer
marked (`marks.py`). Gold is hidden in the slots of a queue, with a priority between those of its neighbours, so
that nothing tells it from the others. It is no question of the batch: nothing waits for it, and it never becomes a
label.
"""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.engine import upsert, writing
from blocks.database.people_tables import Decision, Gold
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Question
from tasks.review.consensus.outcome import Course
from tasks.review.gold.screening import GoldQuestion, Placed, place_gold
from tasks.review.posting.outbox import Draft, write_slots
from tasks.review.questions.asked import queues_of_questions
from tasks.review.questions.kinds.classes.decided import says_missing
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import first_slots, slot_queue
from tasks.review.questions.staffing import GoldRule

NO_DOUBT = 0.03
"""Expected share of wrong boxes, at most, of gold of the people's own making: two strangers who agree come to 0.028."""

POOL = 2000
"""So many of a collection are enough."""

log = logging.getLogger(__name__)


def hide_gold(engine: Engine, queue: Queue, batch_id: str, round_: int = 0) -> int:
    """Hide gold among the questions of a batch that are in the outbox, once; returns how many are hidden."""
    if queue.gold is None:
        return 0
    with writing(engine) as session:
        collection = session.get_one(Batch, batch_id).collection
        _collect(session, queue.name, collection)
        hidden = 0
        for number in range(1, first_slots(queue) + 1):
            slot = slot_queue(queue, number)
            hidden += _hide_in(session, slot, batch_id, round_, collection, queue.gold)
    log.info("%s of %s: %d gold questions hidden", queue.name, batch_id, hidden)
    return hidden


def _collect(session: Session, queue: str, collection: str) -> None:
    """Take into the pool what people agreed on in settled batches."""
    agreed = (
        select(Question, Decision, Answer)
        .join(Decision, col(Decision.question_id) == col(Question.id))
        .join(Answer, col(Answer.id) == Decision.answer_id)
        .join(Batch, col(Batch.id) == Question.batch_id)
        .where(Decision.queue == queue, Batch.collection == collection, col(Batch.settled_at).is_not(None))
        .where(Decision.step == Course.SETTLED.value, Decision.expected_wrong <= NO_DOUBT)
        .where(Answer.state == AnswerState.COUNTED.value)
        .where(col(Question.id).not_in(select(Gold.id)))
        .order_by(col(Decision.decided_at).desc(), col(Question.id))
        .limit(POOL)
    )
    rows = [
        gold_row(question, answer.raw, collection, f"agreed on by {answer.person}")
        for question, decision, answer in session.exec(agreed)
        if len(decision.members) > 1 and not says_missing(answer.raw)
    ]
    upsert(session, Gold, rows)


def gold_row(question: Question, truth: list[dict[str, Any]], collection: str, why: str) -> dict[str, Any]:
    """Return a question with a known answer as a row of the pool."""
    return {
        "id": question.id,
        "queue": question.queue,
        "collection": collection,
        "item_id": question.item_id,
        "subject": question.subject,
        "payload": question.payload,
        "truth": truth,
        "why": why,
        "retired_at": None,
    }


def _hide_in(session: Session, slot: Queue, batch_id: str, round_: int, collection: str, rule: GoldRule) -> int:
    mine = (Question.queue == slot.name, Question.batch_id == batch_id, Question.round == round_)
    present = session.exec(select(Question.priority, Question.gold_id).where(*mine)).all()
    hidden = sum(gold_id is not None for _, gold_id in present)
    if hidden:  # an earlier, interrupted call has hidden them
        return hidden
    pool = _pool(session, slot, batch_id, collection)
    seen = set(session.exec(select(Question.gold_id).where(Question.queue == slot.name, *_of(collection))))
    asked = times_asked(session)
    known = [GoldQuestion(gold.id, asked.get(gold.id, 0)) for gold in pool.values()]
    placed = place_gold(len(present), known, rule, f"{slot.name}|{batch_id}|{round_}", [id_ for id_ in seen if id_])
    priorities = sorted((priority for priority, _ in present), reverse=True)
    drafts = [
        _draft(pool[one.gold_id], batch_id, round_, _priority_at(one, index, priorities))
        for index, one in enumerate(placed)
    ]
    write_slots(session, slot, drafts)
    return len(drafts)


def _pool(session: Session, slot: Queue, batch_id: str, collection: str) -> dict[str, Gold]:
    """Return the gold that may be hidden in a slot of a batch; an item of the batch itself would be met twice."""
    name = slot.name.partition("~")[0]
    in_batch = select(BatchItem.item_id).where(BatchItem.batch_id == batch_id)
    rows = session.exec(
        select(Gold, Question)
        .join(Question, col(Question.id) == col(Gold.id))
        .where(Gold.queue == name, Gold.collection == collection, col(Gold.retired_at).is_(None))
        .where(col(Gold.item_id).not_in(in_batch))
        .order_by(col(Gold.id))
    ).all()
    asked = queues_of_questions(session, [question.id for _, question in rows])
    return {gold.id: gold for gold, _ in rows if _asks_the_same(gold, asked.get(gold.id), slot)}


def _asks_the_same(gold: Gold, asked: Queue | None, slot: Queue) -> bool:
    """Say whether a known answer is one to what a queue asks: of other classes it would fail whoever answers well."""
    wanted = kind_named(slot.kind).asks_for(slot)
    if not wanted:
        return True  # a question about one box brings its own choices
    if asked is None:
        return {box["class_name"] for box in gold.truth} <= wanted
    return kind_named(asked.kind).asks_for(asked) == wanted


def _of(collection: str) -> tuple[Any, ...]:
    batches = select(Batch.id).where(Batch.collection == collection)
    return col(Question.gold_id).is_not(None), col(Question.batch_id).in_(batches)


def times_asked(session: Session) -> dict[str, int]:
    """Return how often each gold question was hidden, by its id; those that never were are not in it."""
    counts = select(Question.gold_id, func.count()).where(col(Question.gold_id).is_not(None))
    return {gold_id or "": count for gold_id, count in session.exec(counts.group_by(col(Question.gold_id)))}


def _priority_at(placed: Placed, gold_before: int, priorities: Sequence[float]) -> float:
    """Return a priority that puts a question at its place: questions are posted by falling priority."""
    if not priorities:
        return 0.0
    before = min(placed.position - gold_before, len(priorities))
    above = priorities[before - 1] if before else priorities[0]
    below = priorities[before] if before < len(priorities) else priorities[-1]
    return (above + below) / 2


def _draft(gold: Gold, batch_id: str, round_: int, priority: float) -> Draft:
    return Draft(batch_id, gold.item_id, gold.payload, gold.subject, round_, priority, gold_id=gold.id)
