"""Slots: how one question is asked of several people on a Label Studio that asks every task once.

A slot is a question of its own, in a queue beside the queue: `mark-missed~1`, `mark-missed~2`, and so a project of its
own, in which nobody sees what was said in another. The question itself is then in no project. It is answered by what
its slots come to (see `aggregate.py`). The outbox, the doorbell and the sweep know nothing of this.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Engine, exists, or_
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Question, QuestionState
from tasks.review.questions.queue import Queue

REFEREE = "referee"
"""Begins the name of a slot in which a referee sees what the others said, and decides: `mark-missed~referee1`."""

MOST_SLOTS = 12
"""A question that so many slots have not answered is one for rework."""


def slot_queue(queue: Queue, slot: int | str) -> Queue:
    """Return the queue of a slot; a queue that is one already is taken for the queue it is beside."""
    return queue.model_copy(update={"name": f"{asked_queue(queue.name)}~{slot}"})


def asked_queue(name: str) -> str:
    """Return the name of the queue beside which a slot is; of any other queue its own."""
    return name.partition("~")[0]


def is_for_referees(name: str) -> bool:
    """Say whether a queue's name is that of a slot for referees."""
    return f"~{REFEREE}" in name


def first_slots(queue: Queue) -> int:
    """Return how many slots a question of a queue has from the start; 0 where it is asked itself, or is a slot."""
    if not queue.is_shared or queue.name != asked_queue(queue.name):
        return 0
    return queue.overlap.least if queue.overlap else 1


def beside(queue: str) -> ColumnElement[bool]:
    """Say, in SQL, that a question is of a queue or of one of its slots."""
    return or_(col(Question.queue) == queue, col(Question.queue).like(f"{queue}~%"))


def of_batch(queue: str, batch_id: str, round_: int) -> tuple[ColumnElement[bool], ...]:
    """Say, in SQL, that a question is of a batch's round in a queue or its slots, and no gold."""
    mine = col(Question.batch_id) == batch_id, col(Question.round) == round_
    return beside(queue), *mine, col(Question.gold_id).is_(None)


def gold_of_batch(queue: str, batch_id: str, round_: int) -> tuple[ColumnElement[bool], ...]:
    """Say, in SQL, that a question is gold hidden in a batch's round of a queue."""
    mine = col(Question.batch_id) == batch_id, col(Question.round) == round_
    return beside(queue), *mine, col(Question.gold_id).is_not(None)


def of_kinds(names: Sequence[str]) -> ColumnElement[bool]:
    """Say, in SQL, that a question is of one of some kinds, and neither a slot nor gold."""
    kind: ColumnElement[str] = col(Question.payload)["type"].as_string()
    return kind.in_(names) & col(Question.asked_id).is_(None) & col(Question.gold_id).is_(None)


def is_open() -> ColumnElement[bool]:
    """Say, in SQL, that somebody may still answer a question: it is not answered, and not unusably so."""
    unusable = exists().where(
        col(Answer.question_id) == col(Question.id), col(Answer.state) == AnswerState.SET_ASIDE.value
    )
    return col(Question.state).in_((QuestionState.WRITTEN.value, QuestionState.POSTED.value)) & ~unusable


def unsent_queues(engine: Engine, queue: Queue, batch_id: str, round_: int) -> Sequence[Queue]:
    """Return the queue and those of its slots in which questions of a batch wait to be posted."""
    unsent = select(Question.queue).where(
        beside(queue.name),
        Question.batch_id == batch_id,
        Question.round == round_,
        Question.state == QuestionState.WRITTEN.value,
    )
    with reading(engine) as session:
        names = sorted(session.exec(unsent.distinct()))
    return [queue.model_copy(update={"name": name}) for name in names]
