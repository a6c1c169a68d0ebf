"""What stands in Label Studio is renewed: links to pictures and webhooks carry secrets, and secrets are changed.

Everything is compared first and written only where it differs, so an interrupted renewal is simply run again.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.apart import Failure, Failures
from blocks.database.engine import reading
from blocks.database.tables import Question
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import list_tasks, where
from tasks.review.posting.projects import ensure_webhook
from tasks.review.questions.bookmarks import queues_by_project
from tasks.review.questions.kinds.boxes.strip import stills_in
from tasks.review.questions.queue import Queue
from tasks.review.questions.strips.standing import asked_items
from tasks.review.questions.task import task_of

PAGE_SIZE = 500

AT_ONCE = 4
"""Tasks that are changed side by side: Label Studio takes them one by one (18 a second alone)."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """What was renewed: projects looked at, tasks whose data changed, projects that are gone, and what failed."""

    projects: int = 0
    tasks: int = 0
    gone: int = 0
    failed: tuple[Failure, ...] = ()


def renew_posted(engine: Engine, server: AnnotationServer, on_progress: Callable[[str], None] | None = None) -> Renewed:
    """Give every project its webhook, and every task its links, as the server's secrets and addresses are now.

    Args:
        engine: The catalogue, which knows what was asked.
        server: Label Studio, and the gateway whose links are written.
        on_progress: Told of each project that is done.

    Returns:
        What was done. A project that somebody deleted, or that fails, does not stop the others: run again for those.
    """
    with reading(engine) as session:
        posted = select(Question.project_id).where(col(Question.project_id).is_not(None)).distinct()
        projects = sorted(project for project in session.exec(posted) if project is not None)
        queues = queues_by_project(session, projects)
    tasks, gone, failures = 0, 0, Failures()
    for project_id in projects:
        with failures.apart(f"project {project_id}"):
            if server.call("GET", f"api/projects/{project_id}/", absent_ok=True) is None:
                gone += 1  # the sweep sees to its questions
                continue
            ensure_webhook(server, project_id)
            changed = _renew_tasks(engine, server, project_id, queues.get(project_id))
            tasks += changed
            if on_progress is not None:
                on_progress(f"project {project_id}: {changed} tasks have new links")
    return Renewed(len(projects), tasks, gone, tuple(failures.found))


def _renew_tasks(engine: Engine, server: AnnotationServer, project_id: int, queue: Queue | None) -> int:
    if queue is None:
        return 0
    changed = 0
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="renew") as pool:
        for page in _pages(server, project_id):
            wanted = _wanted_data(engine, server, queue, page)
            stale = [
                (task["id"], wanted[task["id"]])
                for task in page
                if task["data"] != wanted.get(task["id"], task["data"])
            ]
            done = [
                # A task that is deleted meanwhile needs no link.
                pool.submit(server.call, "PATCH", f"api/tasks/{task_id}/", body={"data": data}, absent_ok=True)
                for task_id, data in stale
            ]
            changed += sum(future.result() is not None for future in done)
    return changed


def _pages(server: AnnotationServer, project_id: int) -> Iterator[list[dict[str, Any]]]:
    last_id = 0
    page: list[dict[str, Any]] = [{}]
    while page:
        page = list_tasks(server, project_id, where(("id", "greater", last_id)), ("id", "data"), page_size=PAGE_SIZE)
        if page:
            yield page
            last_id = page[-1]["id"]


def _wanted_data(
    engine: Engine, server: AnnotationServer, queue: Queue, page: Sequence[dict[str, Any]]
) -> dict[int, dict[str, Any]]:
    """Return by task what its data should be; tasks that are none of ours are left out, as are others' own fields."""
    task_by_question = {
        task["data"]["question_id"]: task
        for task in page
        if isinstance(task["data"], dict) and isinstance(task["data"].get("question_id"), str)
    }
    stills = {id_: stills_in(task["data"]) or (id_,) for id_, task in task_by_question.items()}
    asked = asked_items(engine, stills)
    return {
        task_by_question[id_]["id"]: {**task_by_question[id_]["data"], **task_of(server, queue, some)["data"]}
        for id_, some in asked.items()
    }
