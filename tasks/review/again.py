"""Asking again what nobody answered: the rest of a queue's round becomes the next round, at most so many times.

Label Studio must not show a question twice, so its task of the earlier round is taken back first. A task on which
somebody has worked, be it a skip or a draft, is never taken back: its question stays open in its own round, and an
answer to it counts whenever it comes. A crash between the two is mended by the next call: a task that is gone already
counts as taken back.

A round in which questions are asked in seats (of several people, with gold, or again since an answer did not count) is
not moved at all: it has stood open for the further periods already (`Until.periods`), with the same tasks.
"""

import logging
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select, update

from blocks.annotation_server import AnnotationServer
from blocks.database import reading, upsert, writing
from blocks.tables import Question, QuestionState, utc_now
from tasks.review.outbox import Draft, question_id
from tasks.review.rules import Until, progress

UNANSWERED = (QuestionState.WRITTEN.value, QuestionState.POSTED.value)

log = logging.getLogger(__name__)


def ask_rest_again(
    engine: Engine, server: AnnotationServer, queue: str, batch_id: str, round_: int, until: Until
) -> int:
    """Move what nobody answered in a round into the next one; a second call moves nothing more than the first left.

    Args:
        engine: The catalogue.
        server: Label Studio, from which unanswered tasks are taken back.
        queue: The queue's name.
        batch_id: Of which batch.
        round_: The round that is over.
        until: The rule: with another `rest` than ask_again, or after the last time, nothing is asked again.

    Returns:
        How many questions the next round has, moved now or before.
    """
    if until.rest != "ask_again" or round_ >= until.times:
        return 0
    mine = (Question.queue == queue, Question.batch_id == batch_id)
    unanswered = select(Question.id, Question.task_id).where(*mine, Question.round == round_)
    stays = progress(engine, queue, batch_id, round_).in_seats
    with reading(engine) as session:
        rows = session.exec(unanswered.where(col(Question.state).in_(UNANSWERED))).all()
    if stays:  # but what a call before this one took back, and died, stands nowhere any more
        free = [id_ for id_, task_id in rows if task_id is not None and _task(server, task_id) is None]
    else:
        free = [id_ for id_, task_id in rows if task_id is None or _take_back(server, task_id)]
    with writing(engine) as session:
        _move(session, free)
        count = session.exec(select(func.count()).where(*mine, Question.round == round_ + 1)).one()
    log.info("%s: %d of %d unanswered questions are asked again", queue, len(free), len(rows))
    return count


def _task(server: AnnotationServer, task_id: int) -> dict[str, Any] | None:
    task: dict[str, Any] | None = server.call("GET", f"api/tasks/{task_id}/", absent_ok=True)
    return task


def _take_back(server: AnnotationServer, task_id: int) -> bool:
    """Delete a task nobody has worked on; say whether it is gone."""
    task = _task(server, task_id)
    if task is None:
        return True
    if any(task.get(name) for name in ("annotations", "drafts", "total_annotations", "cancelled_annotations")):
        return False
    server.call("DELETE", f"api/tasks/{task_id}/", absent_ok=True)
    return True


def _move(session: Session, ids: list[str]) -> None:
    still_open = (col(Question.id).in_(ids), col(Question.state).in_(UNANSWERED))
    rows = []
    for old in session.exec(select(Question).where(*still_open)).all():
        draft = Draft(old.batch_id, old.item_id, old.payload, old.subject, old.round + 1, old.priority)
        row = old.model_dump() | {"id": question_id(old.queue, draft), "round": draft.round, "created_at": utc_now()}
        fresh = {"state": QuestionState.WRITTEN.value, "project_id": None, "task_id": None, "posted_at": None}
        rows.append(row | fresh)
    upsert(session, Question, rows)
    session.exec(update(Question).where(*still_open).values(state=QuestionState.CLOSED.value))
