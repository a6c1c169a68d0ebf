"""Tasks and projects that somebody deleted in Label Studio while a question of ours stood open in them.

Label Studio says nothing of it: no webhook rings for a deleted task, and a list of what has changed does not show it.
So the open questions of a round are looked for by their task's number, a thousand at a time (0.14 s; measured on
Label Studio 1.23.2, two cores). One whose task is gone goes back into the outbox as if it had been sent and lost: the
next posting looks for its id, and sends it again only where it is really not there. What was answered stays answered,
whatever became of its task.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine
from sqlmodel import col, select, update

from blocks.database.engine import reading, writing
from blocks.database.tables import Question, QuestionState
from blocks.errors import LabelStudioLacks
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import list_tasks
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.asked import queue_asked
from tasks.review.questions.bookmarks import (
    forget_bookmarks,
    gone_project,
    looked_for_up_to,
    read_bookmarks,
    write_bookmarks,
)
from tasks.review.questions.slots import beside, unsent_queues

CHUNK_SIZE = 1000
"""Tasks looked for in one request: their numbers are in its address, which may have some 64,000 characters."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gone:
    """What a look for the open questions of a round found.

    Attributes:
        looked_for: Open questions that stand in a task.
        questions: Those of them whose task is gone; they are back in the outbox.
        projects: Projects that are gone as a whole.
    """

    looked_for: int = 0
    questions: int = 0
    projects: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Say it in a line."""
        whole = f" (with {len(self.projects)} whole projects)" if self.projects else ""
        return f"{self.questions} of {self.looked_for} open questions stood in tasks that somebody deleted{whole}"


def reopen_gone(
    engine: Engine, server: AnnotationServer, queue: str, batch_id: str, round_: int, *, most: int | None = None
) -> Gone:
    """Put the questions of a round back into the outbox whose tasks are gone; those in its slots, and gold, as well.

    Args:
        engine: The catalogue.
        server: Label Studio.
        queue: The queue's name, not a slot's.
        batch_id: Of which batch.
        round_: Of which round.
        most: So many are looked for at once, and the next call goes on from there; None: all.

    Raises:
        LabelStudioUnavailable: It does not answer.
        LabelStudioRefused: It says no, such as to the token.
    """
    places = _open_tasks(engine, queue, batch_id, round_, most)
    by_project: dict[int, list[int]] = defaultdict(list)
    for project_id, task_id in places:
        by_project[project_id].append(task_id)
    gone: set[int] = set()
    lost = []
    for project_id, task_ids in by_project.items():
        try:
            gone |= set(task_ids) - _present(server, project_id, task_ids)
        except LabelStudioLacks:
            if not is_gone(server, project_id):
                raise
            lost.append(project_id)
            gone.update(task_ids)
    with writing(engine) as session:
        write_bookmarks(session, {gone_project(project_id): "yes" for project_id in lost})
        numbers = sorted(gone)
        for start in range(0, len(numbers), CHUNK_SIZE):
            part = col(Question.task_id).in_(numbers[start : start + CHUNK_SIZE])
            # Whatever stood in such a task: of a film that may be questions of other batches as well.
            standing = col(Question.project_id).in_(by_project), col(Question.state) == QuestionState.POSTED.value
            mine = part, beside(queue), col(Question.round) == round_, *standing
            session.exec(
                update(Question).where(*mine).values(state=QuestionState.WRITTEN.value, task_id=None, prefilled_at=None)
            )
    found = Gone(len(places), sum(task_id in gone for _, task_id in places), tuple(lost))
    if gone:
        log.warning("%s of %s: %s; they are asked again", queue, batch_id, found)
    return found


def ask_gone_again(
    engine: Engine, server: AnnotationServer, queue: str, batch_id: str, round_: int, *, most: int | None = None
) -> Gone:
    """Look for the open questions of a round, and post those again whose tasks are gone; see `reopen_gone`."""
    queue_then = queue_asked(engine, queue, batch_id, round_)
    found = reopen_gone(engine, server, queue, batch_id, round_, most=most)
    if queue_then is not None:
        for part in unsent_queues(engine, queue_then, batch_id, round_):
            post_questions(engine, server, part, batch_id, round_)
    return found


def is_gone(server: AnnotationServer, project_id: int) -> bool:
    """Say whether Label Studio has no such project (any more)."""
    return server.call("GET", f"api/projects/{project_id}/", absent_ok=True) is None


def note_gone(engine: Engine, project_id: int) -> None:
    """Remember that a project is gone: there is nothing to be read in it any more."""
    with writing(engine) as session:
        write_bookmarks(session, {gone_project(project_id): "yes"})


def _present(server: AnnotationServer, project_id: int, task_ids: Sequence[int]) -> set[int]:
    """Return those of some tasks that a project has."""
    found: set[int] = set()
    for start in range(0, len(task_ids), CHUNK_SIZE):
        part = task_ids[start : start + CHUNK_SIZE]
        query = {"selectedItems": {"all": False, "included": list(part)}}
        found.update(task["id"] for task in list_tasks(server, project_id, query, ("id",), page_size=len(part)))
    return found


def _open_tasks(engine: Engine, queue: str, batch_id: str, round_: int, most: int | None) -> list[tuple[int, int]]:
    """Return project and task of the open questions of a round, the next ones in turn where only so many are wanted."""
    name = looked_for_up_to(queue, batch_id, round_)
    standing = (
        select(Question.project_id, Question.task_id)
        .where(
            *_of_round(queue, batch_id, round_),
            Question.state == QuestionState.POSTED.value,
            col(Question.task_id).is_not(None),
            col(Question.project_id).is_not(None),
        )
        .order_by(col(Question.task_id))
    )
    with reading(engine) as session:
        if most is None:
            return _as_places(session.exec(standing).all())
        since = int(read_bookmarks(session, [name]).get(name, "0"))
        places = _as_places(session.exec(standing.where(col(Question.task_id) > since).limit(most)).all())
    with writing(engine) as session:
        if len(places) == most:
            write_bookmarks(session, {name: str(places[-1][1])})
        elif since:
            forget_bookmarks(session, [name])
    return places


def _as_places(rows: Collection[tuple[int | None, int | None]]) -> list[tuple[int, int]]:
    return [(project_id, task_id) for project_id, task_id in rows if project_id is not None and task_id is not None]


def _of_round(queue: str, batch_id: str, round_: int) -> tuple[ColumnElement[bool], ...]:
    return beside(queue), col(Question.batch_id) == batch_id, col(Question.round) == round_
