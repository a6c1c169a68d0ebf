"""Tasks are taken back from Label Studio only where nobody loses work: unanswered, without a draft, in nobody's hands.

Label Studio shows a draft to nobody but its owner, and what somebody has open to nobody at all. But it says whether
there is any draft, and it locks what it serves and serves that to nobody else. So a task is asked for by ourselves
before it is deleted: what we do not get, somebody has. Ours are locked as well then, so nobody gets them meanwhile. A
task that was opened from the list of tasks, without the stream of questions, has no lock: its draft protects it, which
Label Studio saves while somebody works.
"""

import json
from collections.abc import Collection, Iterable

from blocks.annotation_server import AnnotationServer

CHUNK_SIZE = 100

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
        LabelStudioRefused: It says no.
    """
    ids = sorted(set(task_ids))
    gone: set[int] = set()
    for start in range(0, len(ids), CHUNK_SIZE):
        chunk = ids[start : start + CHUNK_SIZE]
        held = {id_ for id_ in _untouched(server, project_id, chunk) if _hold(server, project_id, id_)}
        for id_ in _untouched(server, project_id, held):  # once more: nobody can begin it from now on
            server.call("DELETE", f"api/tasks/{id_}/", absent_ok=True)
            gone.add(id_)
        gone.update(id_ for id_ in chunk if id_ not in held and is_absent(server, id_))
    return gone


def is_absent(server: AnnotationServer, task_id: int) -> bool:
    """Say whether Label Studio has no such task (any more)."""
    return server.call("GET", f"api/tasks/{task_id}/", absent_ok=True) is None


def _untouched(server: AnnotationServer, project_id: int, task_ids: Collection[int]) -> list[int]:
    """Return those of some tasks that are there, with neither answer, skip nor anybody's draft."""
    if not task_ids:  # Label Studio takes no selection for all tasks
        return []
    only = {"selectedItems": {"all": False, "included": sorted(task_ids)}}
    params = {
        "project": project_id,
        "page_size": CHUNK_SIZE,
        "fields": "all",
        "include": "id,draft_exists,total_annotations,cancelled_annotations",
        "query": json.dumps(only),
    }
    answer = server.call("GET", "api/tasks/", params=params, absent_ok=True)
    worked_on = ("draft_exists", "total_annotations", "cancelled_annotations")
    tasks = answer["tasks"] if answer else []
    return [task["id"] for task in tasks if task["id"] in task_ids and not any(task[name] for name in worked_on)]


def _hold(server: AnnotationServer, project_id: int, task_id: int) -> bool:
    """Have a task served to us and thereby locked; False where somebody else has it, or we ourselves had it open.

    Label Studio looks at locks where the one task is named in the address; where a body names it, it does not.
    """
    only = json.dumps({"selectedItems": {"all": False, "included": [task_id]}})
    served = server.call("GET", f"api/projects/{project_id}/next/", params={"query": only}, absent_ok=True)
    return served is not None and served["id"] == task_id and HELD_BEFORE not in served["queue"]
