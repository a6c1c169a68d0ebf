"""The outbox: questions are rows before they are tasks, so that a crash loses none and asks none twice.

A row goes WRITTEN → (sent: its project is noted) → POSTED. A row that was sent but not noted as posted may or may not
be in Label Studio: before anything else is sent, these, and only these, are looked up there by their question id. Only
then is it decided which of the others go into one task: what one holds that was sent is not decided again.

An import that Label Studio calls a success may have lost every proposal: so a row is POSTED only when its proposals
have been seen there, after they were posted again where that was needed (`prefills.py`).
"""

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Engine, bindparam, case, func
from sqlmodel import Session, col, select, update

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, Question, QuestionState, utc_now
from blocks.errors import LabelStudioRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import Twin, find_tasks, remove_twins
from tasks.review.posting.prefills import ensure_prefilled
from tasks.review.posting.projects import ensure_project
from tasks.review.questions.asked import queue_as_asked
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import first_slots, slot_queue
from tasks.review.questions.strips.standing import Together, asked_items, posted_at_once, stand_together
from tasks.review.questions.task import task_of

CHUNK_SIZE = 1000
"""Questions per import: large enough to be as fast as one big import, small enough to bound memory and lost work."""

GRACE_S = 20.0
"""How long after it was sent an import may still be running inside Label Studio although its sender has died."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """One question before it is written. Its payload is what the answer needs to be read later."""

    batch_id: str
    item_id: str
    payload: dict[str, Any]
    subject: str = ""
    round: int = 0
    priority: float = 0.0
    asked_id: str | None = None
    """Of a slot: the question that it asks."""
    gold_id: str | None = None
    """Of a hidden question with a known answer: which."""


@dataclass(frozen=True, slots=True)
class PostReport:
    """What one posting did: sent now, found already there after a crash, duplicates removed, proposals sent again."""

    project_id: int | None
    sent: int = 0
    found: int = 0
    removed: int = 0
    mended: int = 0


@dataclass(frozen=True, slots=True)
class _Sent:
    """Questions that stand in Label Studio with their proposals, and how many of them had lost those at first."""

    task_by_question: dict[str, int] = field(default_factory=dict)
    mended: int = 0


def question_id(queue: str, draft: Draft) -> str:
    """Return the id of a question: a hash of its natural key, 32 hex digits."""
    key = json.dumps([queue, draft.batch_id, draft.item_id, draft.subject, draft.round])
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def write_questions(engine: Engine, queue: Queue, drafts: Sequence[Draft]) -> int:
    """Write questions into the outbox, with the slots that the queue wants; those already there stay as they are.

    Args:
        engine: The catalogue.
        queue: Their queue.
        drafts: Any number, also none.

    Returns:
        How many were new, slots included.

    Raises:
        BadOption: The queue wants several people, or gold, for a kind of question that has neither.
    """
    with writing(engine) as session:
        return write_rows(session, queue, drafts)


def write_rows(session: Session, queue: Queue, drafts: Sequence[Draft]) -> int:
    """Write questions, as `write_questions` does, in a transaction of the caller's."""
    queue.refuse_sharing()
    state = QuestionState.SHARED if queue.is_shared else QuestionState.WRITTEN
    rows = [_row(queue.name, draft, state) for draft in drafts]
    for slot in range(1, first_slots(queue) + 1):
        beside = slot_queue(queue, slot)
        asked = [replace(draft, asked_id=row["id"]) for draft, row in zip(drafts, rows, strict=False)]
        rows.extend(_row(beside.name, draft, QuestionState.WRITTEN) for draft in asked)
    return upsert(session, Question, rows)


def write_slots(session: Session, slot: Queue, drafts: Sequence[Draft]) -> int:
    """Write questions into a slot of a queue: those it asks again, or gold."""
    return upsert(session, Question, [_row(slot.name, draft, QuestionState.WRITTEN) for draft in drafts])


def _row(queue: str, draft: Draft, state: QuestionState) -> dict[str, Any]:
    return {
        "id": question_id(queue, draft),
        "queue": queue,
        "batch_id": draft.batch_id,
        "item_id": draft.item_id,
        "subject": draft.subject,
        "round": draft.round,
        "asked_id": draft.asked_id,
        "gold_id": draft.gold_id,
        "payload": draft.payload,
        "priority": draft.priority,
        "state": state.value,
        "created_at": utc_now(),
    }


def post_questions(
    engine: Engine,
    server: AnnotationServer,
    queue: Queue,
    batch_id: str,
    round_: int = 0,
    *,
    grace_s: float = GRACE_S,
    chunk_size: int = CHUNK_SIZE,
) -> PostReport:
    """Send the written questions of a batch to Label Studio, highest priority first; a second call sends nothing.

    People meet them by priority among all that are open in the project, whenever those were posted (`task.py`).

    Args:
        engine: The catalogue.
        server: Label Studio.
        queue: Whose questions.
        batch_id: Of which batch.
        round_: Of which round.
        grace_s: Seconds after which a dead sender's import is no longer waited for.
        chunk_size: Questions per import.

    Raises:
        LabelStudioUnavailable: It does not answer: run again, and it goes on where it stopped.
        LabelStudioRefused: It says no.
    """
    waiting = _waiting(engine, queue, batch_id, round_)
    if not waiting:
        return PostReport(project_id=None)
    stands = select(func.min(Question.project_id)).where(*posted_at_once(queue, batch_id, round_))
    with reading(engine) as session:
        batch, home = session.get_one(Batch, batch_id), session.exec(stands).one()
    queue = queue_as_asked(engine, queue, batch_id, round_)
    project_id = ensure_project(engine, server, queue, batch.collection, home)
    found, removed = _reconcile(engine, server, queue, project_id, waiting, grace_s)
    unsent = [entry.id for entry in waiting if entry.id not in found.task_by_question]
    with reading(engine) as session:
        together = stand_together(session, queue, unsent)
    mended = found.mended + _send(engine, server, queue, project_id, together, chunk_size)
    return PostReport(project_id, len(unsent), len(waiting) - len(unsent), removed, mended)


@dataclass(frozen=True, slots=True)
class _Waiting:
    id: str
    sent_to: int | None
    sent_s_ago: float = field(default=0.0)


def _waiting(engine: Engine, queue: Queue, batch_id: str, round_: int) -> list[_Waiting]:
    columns = select(Question.id, Question.project_id, Question.posted_at).where(
        *posted_at_once(queue, batch_id, round_), Question.state == QuestionState.WRITTEN.value
    )
    now = utc_now()
    with reading(engine) as session:
        rows = session.exec(columns.order_by(col(Question.priority).desc(), col(Question.id))).all()
    return [_Waiting(id_, project, (now - at).total_seconds() if at else 0.0) for id_, project, at in rows]


def _reconcile(
    engine: Engine, server: AnnotationServer, queue: Queue, project_id: int, waiting: Sequence[_Waiting], grace_s: float
) -> tuple[_Sent, int]:
    """Note what an earlier, interrupted posting did send; remove what it sent twice, send what it sent by half."""
    doubtful = {entry.id: entry.sent_s_ago for entry in waiting if entry.sent_to is not None}
    if not doubtful:
        return _Sent(), 0
    since = utc_now() - timedelta(seconds=max(doubtful.values()), days=1)  # a day for clocks that differ
    deadline = time.monotonic() + grace_s - min(doubtful.values())
    tasks = find_tasks(server, project_id, since)
    while not doubtful.keys() <= tasks.keys() and time.monotonic() < deadline:
        time.sleep(1.0)
        tasks = find_tasks(server, project_id, since)
    kept = remove_twins(server, project_id, [Twin(id_, tuple(tasks[id_])) for id_ in doubtful if id_ in tasks])
    left_s = deadline - time.monotonic()  # of the time in which a dead sender may still be mending
    mended = ensure_prefilled(engine, server, queue, project_id, kept.task_by_question, wait_s=left_s)
    note_posted(engine, project_id, kept.task_by_question)
    log.info("found %d of %d doubtful questions in project %d", len(kept.task_by_question), len(doubtful), project_id)
    return _Sent(kept.task_by_question, mended), kept.removed


def _send(
    engine: Engine, server: AnnotationServer, queue: Queue, project_id: int, together: Together, chunk_size: int
) -> int:
    """Import in chunks; while Label Studio works on one, the one before is noted and the next is encoded.

    Returns:
        How many had lost their proposals on the way, and have got them.
    """
    in_flight: Future[_Sent] | None = None
    mended, ids = 0, list(together)
    with ThreadPoolExecutor(max_workers=1) as sender:
        for start in range(0, len(ids), chunk_size):
            chunk = {id_: together[id_] for id_ in ids[start : start + chunk_size]}
            body = _encode(engine, server, queue, project_id, chunk)
            sent = in_flight.result() if in_flight is not None else _Sent()
            in_flight = sender.submit(_import, engine, server, queue, project_id, chunk, body)
            note_posted(engine, project_id, sent.task_by_question)
            mended += sent.mended
        if in_flight is not None:
            sent = in_flight.result()
            note_posted(engine, project_id, sent.task_by_question)
            mended += sent.mended
    return mended


def _encode(engine: Engine, server: AnnotationServer, queue: Queue, project_id: int, together: Together) -> bytes:
    """Mark questions as sent, and return them as the body of an import."""
    with writing(engine) as session:
        mine = col(Question.id).in_([id_ for some in together.values() for id_ in some])
        session.exec(update(Question).where(mine).values(project_id=project_id, posted_at=utc_now()))
    asked = asked_items(engine, together)
    return bytes(to_json([task_of(server, queue, asked[id_]) for id_ in together]))


def _import(
    engine: Engine, server: AnnotationServer, queue: Queue, project_id: int, together: Together, body: bytes
) -> _Sent:
    """Import questions, and see to it at once, before the next ones, that none stands there without its proposals."""
    answer = server.call("POST", f"api/projects/{project_id}/import", params={"return_task_ids": True}, body=body)
    task_ids = answer.get("task_ids") or []
    if len(task_ids) != len(together):
        raise LabelStudioRefused(
            f"Label Studio took {len(task_ids)} of {len(together)} tasks into project {project_id} without a reason. "
            "Run again: what is there is found by its id, the rest is sent."
        )
    if answer.get("prediction_count") != len(together):
        log.warning("an import of %d tasks brought %s proposals", len(together), answer.get("prediction_count"))
    task_by_question = {id_: task for some, task in zip(together.values(), task_ids, strict=True) for id_ in some}
    return _Sent(task_by_question, ensure_prefilled(engine, server, queue, project_id, task_by_question))


def note_posted(engine: Engine, project_id: int, task_by_question: Mapping[str, int]) -> None:
    """Note under which task each question stands in Label Studio, with its proposals, which the caller has seen.

    Each still of a strip is named: that a task holds it, only who sent or has read that task knows.
    """
    written, posted = QuestionState.WRITTEN.value, QuestionState.POSTED.value
    statement = (
        update(Question)
        .where(col(Question.id) == bindparam("question"))
        .values(
            # Somebody may have answered between the import and this note: their question stays answered.
            state=case((col(Question.state) == written, posted), else_=col(Question.state)),
            task_id=bindparam("task"),
            project_id=project_id,
            posted_at=utc_now(),
            prefilled_at=func.coalesce(Question.prefilled_at, utc_now()),
        )
    )
    if rows := [{"question": question, "task": task} for question, task in task_by_question.items()]:
        with writing(engine) as session:
            session.connection().execute(statement, rows)
