"""Tasks are taken back from Label Studio only where nobody loses work: unanswered, without a draft, in nobody's hands.

Label Studio shows a draft to nobody but its owner, and what somebody has open to nobody at all. But it says whether
there is any draft, and it locks what it serves and serves that to nobody else. So a task is asked for by ourselves
before it is deleted: what we do not get, somebody has. Ours are locked as well then, so nobody gets them meanwhile. A
task that was opened from the list of tasks, without the stream of questions, has no lock: its draft protects it, which
Label Studio saves while somebody works.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

from blocks.errors import LabelStudioRefused
from blocks.servers.annotation_server import AnnotationServer

CHUNK_SIZE = 10
"""Tasks held at once, for a second or two. Somebody who answers questions under our own account might be served one."""

HELD_BEFORE = "Task lock"
"""What Label Studio says of a task that it serves to somebody who has it open already."""


def take_back(server: AnnotationServer, project_id: int, task_ids: Iterable[int]) -> set[int]:
    """Delete those of a project's tasks that nobody has worked on, or has open.

    Args:
        server: Label Studio.
        project_id: Where the tasks are.
        task_ids: Which; may be empty.

    Returns:
        Which of them are gone, now or before.

    Raises:
        LabelStudioUnavailable: It does not answer: run again, what is gone is found gone.
        LabelStudioRefused: It says no, or does not keep to a selection of tasks.
    """
    ids = sorted(set(task_ids))
    gone: set[int] = set()
    for start in range(0, len(ids), CHUNK_SIZE):
        chunk = ids[start : start + CHUNK_SIZE]
        held = {id_ for id_ in _untouched(server, project_id, chunk) if _hold(server, project_id, id_)}
        free = _untouched(server, project_id, held)  # once more: nobody can begin them from now on
        if free:  # Label Studio takes no selection for all tasks
            params = {"id": "delete_tasks", "project": project_id}
            server.call("POST", "api/dm/actions", params=params, body=_only(free))
        left = {task["id"] for task in _listed(server, project_id, free)}  # what it says is deleted is looked for
        gone.update(set(free) - left)
        gone.update(id_ for id_ in chunk if id_ not in held and is_absent(server, id_))
    return gone


def is_absent(server: AnnotationServer, task_id: int) -> bool:
    """Say whether Label Studio has no such task (any more)."""
    return server.call("GET", f"api/tasks/{task_id}/", absent_ok=True) is None


def _untouched(server: AnnotationServer, project_id: int, task_ids: Collection[int]) -> list[int]:
    """Return those of some tasks that are there, with neither answer, skip nor anybody's draft."""
    worked_on = ("draft_exists", "total_annotations", "cancelled_annotations")
    tasks = _listed(server, project_id, task_ids)
    return [task["id"] for task in tasks if not any(task[name] for name in worked_on)]


def _listed(server: AnnotationServer, project_id: int, task_ids: Collection[int]) -> list[dict[str, Any]]:
    """Return those of some tasks that are there, with what tells whether anybody has worked on them.

    Raises:
        LabelStudioRefused: It does not keep to a selection, so nothing may be deleted by one.
    """
    if not task_ids:
        return []
    params = {
        "project": project_id,
        "page_size": CHUNK_SIZE,
        "fields": "all",
        "include": "id,draft_exists,total_annotations,cancelled_annotations",
        "query": json.dumps(_only(task_ids)),
    }
    answer = server.call("GET", "api/tasks/", params=params, absent_ok=True)
    tasks: list[dict[str, Any]] = answer["tasks"] if answer else []
    strange = {task["id"] for task in tasks} - set(task_ids)
    if strange or (answer and answer["total"] > len(task_ids)):
        raise LabelStudioRefused(
            f"Label Studio at {server.url} lists other tasks of project {project_id} than the {len(task_ids)} asked "
            f"for ({sorted(strange)[:3]} are among them): nothing is taken back. Use 1.23.2, which keeps to it."
        )
    return tasks


def _hold(server: AnnotationServer, project_id: int, task_id: int) -> bool:
    """Have a task served to us and thereby locked; False where somebody else has it, or we ourselves had it open.

    Label Studio looks at locks where the one task is named in the address; where a body names it, it does not.
    """
    params = {"query": json.dumps(_only([task_id]))}
    served = server.call("GET", f"api/projects/{project_id}/next/", params=params, absent_ok=True)
    return served is not None and served["id"] == task_id and HELD_BEFORE not in served["queue"]


def _only(task_ids: Collection[int]) -> dict[str, object]:
    return {"selectedItems": {"all": False, "included": sorted(task_ids)}}
