"""A task that is taken back takes nobody's work with it: no answer, no draft of anybody's, nothing that is open."""

from uuid import uuid4

import httpx
import pytest

from blocks.annotation_server import AnnotationServer
from blocks.errors import LabelStudioRefused
from tasks.review import take_back as taking
from tasks.review.configs import label_config
from tasks.review.take_back import is_absent, take_back
from tasks.review.twins import FoundTask, Twin, remove_twins
from tests.review.builders import QUEUE

pytestmark = pytest.mark.label_studio
TASKS = 5


@pytest.fixture
def project(label_studio: AnnotationServer) -> int:
    settings = {
        "title": f"back {uuid4().hex[:8]}",
        "label_config": label_config(QUEUE),
        "skip_queue": "REQUEUE_FOR_OTHERS",
    }
    return int(label_studio.call("POST", "api/projects/", body=settings)["id"])


@pytest.fixture
def tasks(label_studio: AnnotationServer, project: int) -> list[int]:
    """Five tasks, the first asked first."""
    body = [{"data": {"image": "x", "question_id": str(number)}} for number in range(TASKS)]
    path, params = f"api/projects/{project}/import", {"return_task_ids": True}
    return list(label_studio.call("POST", path, params=params, body=body)["task_ids"])


def there(server: AnnotationServer, tasks: list[int]) -> list[int]:
    return [id_ for id_ in tasks if not is_absent(server, id_)]


def test_nothing_named_takes_nothing_back(label_studio: AnnotationServer, project: int, tasks: list[int]) -> None:
    assert take_back(label_studio, project, []) == set()
    assert there(label_studio, tasks) == tasks


@pytest.mark.parametrize("chunk_size", [2, 100])
def test_what_nobody_has_begun_is_taken_back_and_a_second_call_finds_it_gone(
    label_studio: AnnotationServer, project: int, tasks: list[int], chunk_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "CHUNK_SIZE", chunk_size)
    assert [take_back(label_studio, project, tasks[1:]) for _ in range(2)] == [set(tasks[1:])] * 2
    assert there(label_studio, tasks) == tasks[:1]


def test_what_somebody_has_begun_or_has_open_stays(
    label_studio: AnnotationServer, project: int, tasks: list[int], colleague: httpx.Client
) -> None:
    opened = colleague.get(f"/api/projects/{project}/next/").json()["id"]
    assert opened == tasks[0]
    answer = {"result": [], "lead_time": 1.0}
    colleague.post(f"/api/tasks/{tasks[1]}/drafts", json=answer).raise_for_status()
    colleague.post(f"/api/tasks/{tasks[2]}/annotations/", json=answer).raise_for_status()
    colleague.post(f"/api/tasks/{tasks[3]}/annotations/", json=answer | {"was_cancelled": True}).raise_for_status()
    assert take_back(label_studio, project, tasks) == {tasks[4]}
    colleague.post(f"/api/tasks/{opened}/annotations/", json=answer).raise_for_status()


def test_a_project_that_is_gone_has_no_tasks(label_studio: AnnotationServer, project: int, tasks: list[int]) -> None:
    label_studio.call("DELETE", f"api/projects/{project}/")
    assert take_back(label_studio, project, tasks) == set(tasks)


def test_of_two_tasks_with_one_question_the_one_that_somebody_has_open_stays(
    label_studio: AnnotationServer, project: int, tasks: list[int], colleague: httpx.Client
) -> None:
    answer = {"result": [], "lead_time": 1.0}
    colleague.post(f"/api/tasks/{tasks[0]}/annotations/", json=answer).raise_for_status()
    opened = colleague.get(f"/api/projects/{project}/next/").json()["id"]
    colleague.post(f"/api/tasks/{tasks[4]}/drafts", json=answer).raise_for_status()
    assert opened == tasks[1]
    answered = Twin("answered", (FoundTask(tasks[0], 1), FoundTask(tasks[2], 0)))
    begun = Twin("begun", (FoundTask(tasks[3], 0), FoundTask(tasks[4], 0)))
    kept = remove_twins(label_studio, project, [answered, begun])
    assert (kept.task_by_question, kept.removed) == ({"answered": tasks[0], "begun": tasks[4]}, 2)
    assert there(label_studio, tasks) == [tasks[0], tasks[1], tasks[4]]
    both = Twin("both", (FoundTask(tasks[1], 0), FoundTask(tasks[4], 0)))
    kept = remove_twins(label_studio, project, [both])
    assert (kept.task_by_question, kept.removed) == ({"both": tasks[1]}, 0), "people are at work on both"


def test_a_server_that_lists_what_nobody_asked_for_is_not_let_delete_by_a_selection(
    label_studio: AnnotationServer, project: int, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "_only", lambda _: {})  # as if it did not know the word
    with pytest.raises(LabelStudioRefused, match="nothing is taken back"):
        take_back(label_studio, project, tasks[:2])
    assert there(label_studio, tasks) == tasks
