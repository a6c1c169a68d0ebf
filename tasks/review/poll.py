"""Reading what changed in Label Studio since last time: the sweep's ears, and those of a run that polls.

A project's changes are read in the order of their time, each page from where the one before ended rather than by page
number: tasks that change while we read move to the end instead of pushing others past us.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.annotation_server import AnnotationServer
from blocks.database import reading, writing
from blocks.errors import LabelStudioRefused
from blocks.tables import Question, utc_now
from tasks.review.answers import RecordReport, record_annotations, record_deletions
from tasks.review.bookmarks import learn_people, read_bookmarks, read_up_to, write_bookmarks
from tasks.review.heard import EARLIEST, HeardTask
from tasks.review.outbox import note_posted
from tasks.review.twins import Twin, find_tasks, list_tasks, remove_twins

PAGE_SIZE = 500

OVERLAP = timedelta(seconds=60)
"""Changes younger than this are read again next time: a slow request inside Label Studio may yet commit a change with
an earlier time, and clocks differ. Reading a change twice changes nothing."""

FIELDS = (
    "id", "data", "updated_at", "annotations", "result", "lead_time", "was_cancelled", "completed_by",
    "created_username",
)  # fmt: skip
"""Of tasks and, inside them, of annotations; without the predictions a page is five times faster."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep read: tasks that had changed, what was new in them, duplicates removed, projects not readable."""

    projects: int = 0
    tasks: int = 0
    recorded: RecordReport = field(default_factory=RecordReport)
    twins_removed: int = 0
    unreadable: tuple[str, ...] = ()


def read_all_changes(engine: Engine, server: AnnotationServer, heard_by: str = "sweep") -> SweepReport:
    """Read what changed in every project that we have ever asked in; one that cannot be read does not stop the rest.

    Raises:
        LabelStudioUnavailable: It does not answer: the next sweep reads on from here.
    """
    with reading(engine) as session:
        posted = select(Question.project_id).where(col(Question.project_id).is_not(None)).distinct()
        projects = sorted(project for project in session.exec(posted) if project is not None)
    total = SweepReport(projects=len(projects))
    for project_id in projects:
        try:
            read = read_changes(engine, server, project_id, heard_by)
        except LabelStudioRefused as error:
            if len(projects) == 1:
                raise
            log.warning("project %d cannot be read: %s", project_id, error)
            read = SweepReport(unreadable=(f"project {project_id}: {error}",))
        total = SweepReport(
            projects=len(projects),
            tasks=total.tasks + read.tasks,
            recorded=total.recorded + read.recorded,
            twins_removed=total.twins_removed + read.twins_removed,
            unreadable=total.unreadable + read.unreadable,
        )
    return total


def read_changes(engine: Engine, server: AnnotationServer, project_id: int, heard_by: str) -> SweepReport:
    """Read what changed in one project since last time, and write it down page by page.

    Raises:
        LabelStudioUnavailable: It does not answer.
        LabelStudioRefused: The token is wrong, or the project is gone.
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
        recorded, removed = _record(engine, server, project_id, page, heard_by)
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


def _record(
    engine: Engine, server: AnnotationServer, project_id: int, page: Sequence[dict[str, Any]], heard_by: str
) -> tuple[RecordReport, int]:
    tasks = [task for task in (_heard(entry, project_id) for entry in page) if task is not None]
    notes = [note for task in tasks for note in task.annotations]
    learn_people(engine, {note.completed_by: note.email for note in notes if note.completed_by and note.email})
    recorded = record_annotations(engine, tasks, heard_by)
    # A list is a moment old: an annotation missing from it may have been made since. Only Label Studio knows.
    gone = [id_ for id_ in recorded.missing if server.call("GET", f"api/annotations/{id_}/", absent_ok=True) is None]
    if gone:
        recorded += record_deletions(engine, gone)
    return recorded, _remove_twins(engine, server, project_id, recorded.twins) if recorded.twins else 0


def _remove_twins(engine: Engine, server: AnnotationServer, project_id: int, question_ids: Sequence[str]) -> int:
    found = find_tasks(server, project_id, EARLIEST)
    kept = remove_twins(server, project_id, [Twin(id_, tuple(found[id_])) for id_ in question_ids if id_ in found])
    note_posted(engine, project_id, kept.task_by_question)
    log.warning("removed %d unanswered twins of %d questions in project %d", kept.removed, len(found), project_id)
    return kept.removed


def _heard(entry: dict[str, Any], project_id: int) -> HeardTask | None:
    try:
        return HeardTask.model_validate({**entry, "project_id": project_id, "whole": True})
    except ValidationError as error:
        log.warning("task %s of project %d cannot be read: %s", entry.get("id"), project_id, error)
        return None


def _page(server: AnnotationServer, project_id: int, since: datetime, number: int) -> list[dict[str, Any]]:
    query = {
        "filters": {
            "conjunction": "and",
            "items": [
                {
                    "filter": "filter:tasks:updated_at",
                    "operator": "greater",
                    "type": "Datetime",
                    "value": since.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                }
            ],
        },
        "ordering": ["tasks:updated_at"],
    }
    return list_tasks(server, project_id, query, FIELDS, page=number, page_size=PAGE_SIZE)
