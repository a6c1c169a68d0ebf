"""Reading what changed in Label Studio since last time: the sweep's ears, and those of a run that polls.

A project's changes are read in the order of their time, each page from where the one before ended rather than by page
number: tasks that change while we read move to the end instead of pushing others past us.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.apart import Failure, Failures
from blocks.database.engine import reading, writing
from blocks.database.tables import Question, utc_now
from blocks.errors import LabelStudioLacks, LabelStudioRefused, LabelStudioUnavailable, TokenRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import Twin, find_tasks, list_tasks, remove_twins, where
from tasks.review.posting.gone import is_gone, note_gone
from tasks.review.posting.outbox import note_posted
from tasks.review.posting.prefills import ensure_prefilled, mend_project
from tasks.review.questions.bookmarks import (
    gone_projects,
    learn_people,
    queues_by_project,
    read_bookmarks,
    read_up_to,
    write_bookmarks,
)
from tasks.review.receiving.annotations import EARLIEST, HeardTask
from tasks.review.receiving.record import RecordReport, record_annotations, record_deletions

PAGE_SIZE = 500

OVERLAP = timedelta(seconds=60)
"""Changes younger than this are read again next time: a slow request inside Label Studio may yet commit a change with
an earlier time, and clocks differ. Reading a change twice changes nothing."""

FIELDS = (
    "id", "data", "updated_at", "annotations", "result", "lead_time", "was_cancelled", "completed_by",
    "created_username", "created_at", "updated_by", "parent_prediction",
    "parent_annotation", "import_id", "bulk_created",
)  # fmt: skip
"""Of tasks and, inside them, of annotations; without the predictions a page is five times faster."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep read: tasks that had changed, what was new in them, duplicates removed, projects not readable.

    `mended` counts open questions that stood without their proposals, and have them now.
    """

    projects: int = 0
    tasks: int = 0
    recorded: RecordReport = field(default_factory=RecordReport)
    twins_removed: int = 0
    unreadable: tuple[Failure, ...] = ()
    mended: int = 0
    gone: tuple[int, ...] = ()
    """Projects of which was found now that somebody deleted them; what was answered in them stays answered."""


def read_all_changes(engine: Engine, server: AnnotationServer, heard_by: str = "sweep") -> SweepReport:
    """Read what changed in every project that we have ever asked in; one that cannot be read does not stop the rest.

    Raises:
        LabelStudioUnavailable: It does not answer at all: the next sweep reads on from here.
        TokenRefused: It does not take the token, for any project.
    """
    with reading(engine) as session:
        posted = select(Question.project_id).where(col(Question.project_id).is_not(None)).distinct()
        asked_in = {project for project in session.exec(posted) if project is not None}
        projects = sorted(asked_in - gone_projects(session))
    failures, gone = Failures(), []
    total = SweepReport(projects=len(projects))
    for project_id in projects:
        try:
            read = read_changes(engine, server, project_id, heard_by)
            read = replace(read, mended=mend_project(engine, server, project_id))
        except TokenRefused:
            raise
        except LabelStudioUnavailable as error:
            if not server.answers():
                raise
            failures.note(f"project {project_id}", error)
        except LabelStudioRefused as error:
            if isinstance(error, LabelStudioLacks) and is_gone(server, project_id):
                log.warning("project %d is gone from Label Studio", project_id)
                note_gone(engine, project_id)
                gone.append(project_id)
            else:
                failures.note(f"project {project_id}", error)
        else:
            total = SweepReport(
                projects=len(projects),
                tasks=total.tasks + read.tasks,
                recorded=total.recorded + read.recorded,
                twins_removed=total.twins_removed + read.twins_removed,
                mended=total.mended + read.mended,
            )
    return replace(total, unreadable=tuple(failures.found), gone=tuple(gone))


def read_changes(engine: Engine, server: AnnotationServer, project_id: int, heard_by: str) -> SweepReport:
    """Read what changed in one project since last time, and write it down page by page.

    Raises:
        LabelStudioUnavailable: It does not answer.
        TokenRefused: The token is wrong.
        LabelStudioLacks: The project is gone.
    """
    name = read_up_to(project_id)
    with reading(engine) as session:
        value = read_bookmarks(session, [name]).get(name)
    cursor = datetime.fromisoformat(value) if value else EARLIEST
    safe = utc_now() - OVERLAP
    since, page_number = cursor, 1
    report = SweepReport(projects=1)
    while True:
        page = _page(server, project_id, since, page_number)
        recorded, removed = record_tasks(engine, server, project_id, page, heard_by)
        report = SweepReport(1, report.tasks + len(page), report.recorded + recorded, report.twins_removed + removed)
        if page:
            last = datetime.fromisoformat(page[-1]["updated_at"])
            cursor = max(cursor, min(last, safe))
            with writing(engine) as session:
                write_bookmarks(session, {name: cursor.isoformat()})
            before_last = last - timedelta(microseconds=1)  # others may have changed in the same microsecond
            since, page_number = (before_last, 1) if before_last > since else (since, page_number + 1)
        if len(page) < PAGE_SIZE:
            return report


def read_tasks(server: AnnotationServer, project_id: int, task_ids: Collection[int]) -> list[dict[str, Any]]:
    """Return those of some tasks that the project has, with all their annotations, in one request for each page.

    Raises:
        LabelStudioUnavailable: It does not answer.
        LabelStudioRefused: The token is wrong, or the project is gone.
    """
    found: list[dict[str, Any]] = []
    ids = sorted(task_ids)
    for start in range(0, len(ids), PAGE_SIZE):
        chunk = ids[start : start + PAGE_SIZE]
        query = {"selectedItems": {"all": False, "included": chunk}}
        page = list_tasks(server, project_id, query, FIELDS, page_size=PAGE_SIZE)
        found += [entry for entry in page if entry["id"] in set(chunk)]
    return found


def is_annotation_gone(server: AnnotationServer, annotation_id: int) -> bool:
    """Say whether Label Studio has no such annotation (any more).

    Raises:
        LabelStudioUnavailable: It does not answer.
    """
    return server.call("GET", f"api/annotations/{annotation_id}/", absent_ok=True) is None


def record_tasks(
    engine: Engine, server: AnnotationServer, project_id: int, page: Sequence[dict[str, Any]], heard_by: str
) -> tuple[RecordReport, int]:
    """Write down what Label Studio has just said of whole tasks; what is missing from them is confirmed first.

    Returns:
        What became of it, and how many twins were removed.
    """
    tasks = [task for task in (_heard(entry, project_id) for entry in page) if task is not None]
    notes = [note for task in tasks for note in task.annotations]
    learn_people(engine, {note.completed_by: note.email for note in notes if note.completed_by and note.email})
    recorded = record_annotations(engine, tasks, heard_by)
    # A list is a moment old: an annotation missing from it may have been made since. Only Label Studio knows.
    gone = [id_ for id_ in recorded.missing if is_annotation_gone(server, id_)]
    if gone:
        recorded += record_deletions(engine, gone)
    return recorded, _remove_twins(engine, server, project_id, recorded.twins) if recorded.twins else 0


def _remove_twins(engine: Engine, server: AnnotationServer, project_id: int, question_ids: Sequence[str]) -> int:
    found = find_tasks(server, project_id, EARLIEST)
    held = sorted({still for id_ in question_ids for task in found.get(id_, ()) for still in task.holds})
    mine = col(Question.id).in_(held), Question.project_id == project_id  # what a task's data names may be anybody's
    with reading(engine) as session:
        ours = sorted(session.exec(select(Question.id).where(*mine)))
    kept = remove_twins(server, project_id, [Twin(id_, tuple(found[id_])) for id_ in ours])
    with reading(engine) as session:
        queue = queues_by_project(session, [project_id])[project_id]  # we know the project: its answers were recorded
    ensure_prefilled(engine, server, queue, project_id, kept.task_by_question)
    note_posted(engine, project_id, kept.task_by_question)
    log.warning("removed %d unanswered twins of %d questions in project %d", kept.removed, len(ours), project_id)
    return kept.removed


def _heard(entry: dict[str, Any], project_id: int) -> HeardTask | None:
    """Read a task of a list; an annotation that cannot be read is left out alone, and the good ones beside it count."""
    task = {**entry, "project_id": project_id, "whole": True}
    try:
        return HeardTask.model_validate(task)
    except ValidationError as error:
        log.warning("task %s of project %d cannot be read whole: %s", entry.get("id"), project_id, error)
        places = [problem["loc"] for problem in error.errors(include_url=False)]
    if any(place[0] != "annotations" or len(place) == 1 for place in places):
        return None
    bad = {place[1] for place in places}
    good = [note for number, note in enumerate(entry["annotations"]) if number not in bad]
    # No longer whole: an annotation that is missing from it is not one that somebody deleted.
    return HeardTask.model_validate({**task, "annotations": good, "whole": False})


def _page(server: AnnotationServer, project_id: int, since: datetime, number: int) -> list[dict[str, Any]]:
    query = where(("updated_at", "greater", since), by="updated_at")
    return list_tasks(server, project_id, query, FIELDS, page=number, page_size=PAGE_SIZE)
