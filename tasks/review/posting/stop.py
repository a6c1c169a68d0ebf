"""A collection is asked about no more, until its line goes on: open questions go back into the outbox.

Nobody loses work: what somebody has answered, begun or open stays where it is (`withdraw.py`), and an answer to it
counts whenever it comes. The next run of the line posts the others again. A crash between Label Studio and the
catalogue leaves a question whose task is gone: the next call takes it for taken back.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, delete, select, update

from blocks.database.engine import reading, writing
from blocks.database.tables import Batch, Question, QuestionState, Waiting
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import find_tasks
from tasks.review.posting.gone import is_gone
from tasks.review.posting.outbox import note_posted
from tasks.review.posting.withdraw import take_back
from tasks.review.questions.bookmarks import projects_of_only

CHUNK_SIZE = 100
"""Questions that are noted as taken back at once: so many at most are looked for anew after a crash."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of the open questions: back in the outbox, or left since somebody has begun them or has them open."""

    taken_back: int
    kept: int


def stop_asking(
    engine: Engine, server: AnnotationServer, collection: str, on_progress: Callable[[int, int], None] | None = None
) -> Stopped:
    """Take the open questions of a collection out of Label Studio, and let no run wait for them.

    Its runs must have ended, or they would post them again.

    Args:
        engine: The catalogue.
        server: Label Studio.
        collection: Whose questions.
        on_progress: Told how many of how many have been looked at.

    Raises:
        LabelStudioUnavailable: It does not answer: run again, what is taken back stays so.
        LabelStudioRefused: It says no.
    """
    mine = select(Batch.id).where(Batch.collection == collection)
    with writing(engine) as session:
        session.exec(delete(Waiting).where(col(Waiting.batch_id).in_(mine)))
    _note_sent(engine, server, mine)
    places = _open(engine, mine)
    taken = 0
    for start in range(0, len(places), CHUNK_SIZE):
        taken += _take_back(engine, server, places[start : start + CHUNK_SIZE])
        if on_progress is not None:
            on_progress(min(len(places), start + CHUNK_SIZE), len(places))
    return Stopped(taken, len(places) - taken)


def _note_sent(engine: Engine, server: AnnotationServer, mine: Any) -> None:
    """Find what an interrupted posting sent: people see it, and no row says so."""
    doubtful = select(Question.id, Question.project_id, Question.posted_at).where(
        col(Question.batch_id).in_(mine),
        Question.state == QuestionState.WRITTEN.value,
        col(Question.project_id).is_not(None),
        col(Question.posted_at).is_not(None),
    )
    by_project: dict[int, dict[str, datetime]] = defaultdict(dict)
    with reading(engine) as session:
        for id_, project_id, posted_at in session.exec(doubtful):
            if project_id is not None and posted_at is not None:
                by_project[project_id][id_] = posted_at
    for project_id, posted in by_project.items():
        tasks = find_tasks(server, project_id, min(posted.values()) - timedelta(days=1))
        found = {id_: min(tasks[id_]).task_id for id_ in posted if id_ in tasks}
        note_posted(engine, project_id, found)


def _open(engine: Engine, mine: Any) -> Sequence[tuple[str, int, int]]:
    """Return the open questions that stand in a task: id, project, task."""
    query = (
        select(Question.id, Question.project_id, Question.task_id)
        .where(
            col(Question.batch_id).in_(mine),
            Question.state == QuestionState.POSTED.value,
            col(Question.project_id).is_not(None),
            col(Question.task_id).is_not(None),
        )
        .order_by(col(Question.project_id), col(Question.task_id))
    )
    with reading(engine) as session:
        return [(id_, project, task) for id_, project, task in session.exec(query) if project and task]


def _take_back(engine: Engine, server: AnnotationServer, places: Sequence[tuple[str, int, int]]) -> int:
    by_project: dict[int, list[int]] = defaultdict(list)
    for _, project_id, task_id in places:
        by_project[project_id].append(task_id)
    gone = {task for project_id, tasks in by_project.items() for task in take_back(server, project_id, tasks)}
    freed = [id_ for id_, _, task_id in places if task_id in gone]
    nowhere = {"project_id": None, "task_id": None, "posted_at": None, "prefilled_at": None}
    still_open = (col(Question.id).in_(freed), col(Question.state) == QuestionState.POSTED.value)
    with writing(engine) as session:
        session.exec(update(Question).where(*still_open).values(state=QuestionState.WRITTEN.value, **nowhere))
    return len(freed)


def remove_projects(engine: Engine, server: AnnotationServer, collection: str) -> int:
    """Delete the Label Studio projects in which only this collection was asked about; a second call finds them gone.

    All that people did there goes with them: read it first.

    Returns:
        How many were there.
    """
    with reading(engine) as session:
        ours = projects_of_only(session, collection)
    there = [id_ for id_ in sorted(ours) if not is_gone(server, id_)]
    for project_id in there:
        server.call("DELETE", f"api/projects/{project_id}/", absent_ok=True)
    return len(there)
