"""What becomes of tasks that nobody answered when a round is over: asked again in the next, or taken out of the way.

Label Studio must not show a question twice, so its task of the earlier round is taken back first. What is closed is
taken back too: people would go on with what no line waits for any more, beside what one does wait for.

A task on which somebody has worked, be it a skip or a draft, or that somebody has open, is never taken back (see
`withdraw.py`): its question stays in its own round, and an answer to it counts whenever it comes. A crash between the
two is mended by the next call: a task that is gone already counts as taken back.

A round in which questions are asked in slots (of several people, with gold, or again since an answer did not count) is
not moved at all: it has stood open for the further periods already (`Until.periods`), with the same tasks.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Engine, exists
from sqlmodel import Session, col, func, select, update

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Question, QuestionState, utc_now
from blocks.errors import LabelStudioRefused, LabelStudioUnavailable
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.until import Until, progress
from tasks.review.posting.outbox import Draft, question_id
from tasks.review.posting.withdraw import is_absent, take_back
from tasks.review.questions.slots import beside

Place = tuple[int | None, int | None]
"""Project and task in which a question stands; None: in none."""

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
    unanswered = select(Question).where(*mine, Question.round == round_)
    stays = progress(engine, queue, batch_id, round_).in_slots
    with reading(engine) as session:
        rows = session.exec(unanswered.where(col(Question.state).in_(UNANSWERED))).all()
    if stays:  # but what a call before this one took back, and died, stands nowhere any more
        free = [row.id for row in rows if row.task_id is not None and is_absent(server, row.task_id)]
    else:
        gone = _take_back_all(server, [(row.project_id, row.task_id) for row in rows])
        free = [row.id for row in rows if row.task_id is None or row.task_id in gone]
    with writing(engine) as session:
        _move(session, free)
        count = session.exec(select(func.count()).where(*mine, Question.round == round_ + 1)).one()
    log.info("%s: %d of %d unanswered questions are asked again", queue, len(free), len(rows))
    return count


def closed_tasks(engine: Engine, queue: str, batch_id: str, rounds: Sequence[int]) -> list[Place]:
    """Return the tasks of what a line has closed and nobody has answered, those in slots and gold as well.

    Args:
        engine: The catalogue.
        queue: The queue's name.
        batch_id: Of which batch.
        rounds: Those that are over.
    """
    has_answer = exists().where(col(Answer.question_id) == col(Question.id))
    closed = select(Question.project_id, Question.task_id).where(
        beside(queue),
        Question.batch_id == batch_id,
        col(Question.round).in_(rounds),
        Question.state == QuestionState.CLOSED.value,
        col(Question.task_id).is_not(None),
        ~has_answer,
    )
    with reading(engine) as session:
        rows = session.exec(closed.order_by(col(Question.task_id))).all()
    return list(rows)


def take_back_closed(server: AnnotationServer, places: Sequence[Place]) -> int:
    """Take closed tasks that nobody has begun out of Label Studio; a second call finds them gone.

    It saves people time, and nothing depends on it: where Label Studio does not answer they stay.

    Returns:
        How many are gone.
    """
    try:
        return len(_take_back_all(server, places))
    except (LabelStudioUnavailable, LabelStudioRefused) as error:
        log.warning("closed questions stay in Label Studio, for people to answer in vain: %s", error)
        return 0


def _take_back_all(server: AnnotationServer, places: Sequence[Place]) -> set[int]:
    by_project: dict[int, list[int]] = defaultdict(list)
    for project_id, task_id in places:
        if project_id is not None and task_id is not None:
            by_project[project_id].append(task_id)
    return {gone for project_id, ids in by_project.items() for gone in take_back(server, project_id, ids)}


def _move(session: Session, ids: list[str]) -> None:
    still_open = (col(Question.id).in_(ids), col(Question.state).in_(UNANSWERED))
    rows = []
    for old in session.exec(select(Question).where(*still_open)).all():
        draft = Draft(old.batch_id, old.item_id, old.payload, old.subject, old.round + 1, old.priority)
        row = old.model_dump() | {"id": question_id(old.queue, draft), "round": draft.round, "created_at": utc_now()}
        fresh = {"state": QuestionState.WRITTEN.value, "project_id": None, "task_id": None}
        rows.append(row | fresh | {"posted_at": None, "prefilled_at": None})
    upsert(session, Question, rows)
    session.exec(update(Question).where(*still_open).values(state=QuestionState.CLOSED.value))
