"""Which of our questions are in Label Studio, and what to do where one is there twice.

What a task holds is what its data says, also of a strip: which questions were to go into it is only what we meant.

Twins arise when a sender dies while Label Studio is still importing, or when two senders race. The one that somebody
has answered stays; a twin that holds work, or that somebody has open, is never removed, nor one with a still that the
task that stays lacks.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.withdraw import take_back
from tasks.review.questions.kinds.boxes.strip import stills_in

PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True, order=True)
class FoundTask:
    """A task in Label Studio that carries one of our question ids.

    Attributes:
        task_id: Its number.
        answers: How many it has, skips included.
        holds: All questions that stand in it: of a strip its stills, in order.
    """

    task_id: int
    answers: int
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Twin:
    """A question and the tasks that carry its id, one or more."""

    question_id: str
    tasks: tuple[FoundTask, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """Which task stands for each question now, and how many twins were removed."""

    task_by_question: dict[str, int]
    removed: int


def find_tasks(server: AnnotationServer, project_id: int, since: datetime) -> dict[str, list[FoundTask]]:
    """Return the tasks of a project that were made since a time, by each question that stands in them.

    Those of one question rise by their number. Tasks of others are left out, as is a strip whose name is none of its
    stills: no answer to it is read.
    """
    found: dict[str, list[FoundTask]] = defaultdict(list)
    last_id = 0
    while True:
        query = where(("created_at", "greater", since), ("id", "greater", last_id))
        page = list_tasks(
            server, project_id, query, include=("id", "data", "total_annotations", "cancelled_annotations")
        )
        for task in page:
            answers = task["total_annotations"] + task["cancelled_annotations"]
            holds = _held(task["data"])
            for question_id in holds:
                found[question_id].append(FoundTask(task["id"], answers, holds))
        if len(page) < PAGE_SIZE:
            return dict(found)
        last_id = page[-1]["id"]


def _held(data: dict[str, Any]) -> tuple[str, ...]:
    named = data.get("question_id")
    if not isinstance(named, str):
        return ()
    holds = stills_in(data) or (named,)
    return tuple(id_ for id_ in dict.fromkeys(holds) if id_) if named in holds else ()


def where(*conditions: tuple[str, str, object], by: str = "id") -> dict[str, Any]:
    """Return a query of Label Studio's lists: the tasks for which all conditions hold, rising by one of their fields.

    Args:
        conditions: Field, operator and value each; times are of UTC.
        by: The field to order by.
    """
    items = []
    for name, operator, value in conditions:
        kind = "Datetime" if isinstance(value, datetime) else "List" if isinstance(value, list) else "Number"
        said = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
        items.append({"filter": f"filter:tasks:{name}", "operator": operator, "type": kind, "value": said})
    return {"filters": {"conjunction": "and", "items": items}, "ordering": [f"tasks:{by}"]}


def list_tasks(
    server: AnnotationServer,
    project_id: int,
    query: dict[str, Any],
    include: Sequence[str],
    *,
    page: int = 1,
    page_size: int = PAGE_SIZE,
) -> list[dict[str, Any]]:
    """Return one page of a project's tasks with only the named fields (4,000 tasks a second; all fields: 400)."""
    params = {
        "project": project_id,
        "page": page,
        "page_size": page_size,
        "fields": "all" if "annotations" in include else "task_only",
        "include": ",".join(include),
        "query": json.dumps(query),
    }
    answer = server.call("GET", "api/tasks/", params=params, absent_ok=page > 1)  # absent: the page after the last
    tasks: list[dict[str, Any]] = answer["tasks"] if answer else []
    return tasks


def remove_twins(server: AnnotationServer, project_id: int, twins: Sequence[Twin]) -> Kept:
    """Keep one task per question: an answered one, one that somebody has begun or has open, else the longest, oldest.

    Where people are at work on two at once both stay: the answer that comes last counts. So do two strips of which
    neither holds all stills of the other.
    """
    ranked = [sorted(twin.tasks, key=_rank) for twin in twins]
    surplus = [task.task_id for first, *others in ranked for task in others if _is_spare(task, [first])]
    gone = take_back(server, project_id, surplus)
    for first, *others in ranked:
        left = [task for task in others if task.task_id not in gone]
        if first.task_id not in gone and _is_spare(first, left):
            gone |= take_back(server, project_id, [first.task_id])  # somebody has another one: that stays instead
    kept = [next((task for task in tasks if task.task_id not in gone), tasks[0]) for tasks in ranked]
    return Kept({twin.question_id: task.task_id for twin, task in zip(twins, kept, strict=True)}, len(gone))


def _rank(task: FoundTask) -> tuple[bool, int, int]:
    return task.answers == 0, -len(task.holds), task.task_id


def _is_spare(task: FoundTask, others: Sequence[FoundTask]) -> bool:
    """Say whether nobody has answered a task, and one of some others holds all that it holds."""
    return task.answers == 0 and any(set(task.holds) <= set(other.holds) for other in others)
