"""A task that is taken back takes nobody's work with it: no answer, no draft of anybody's, nothing that is open."""

from typing import Any

import httpx
import pytest

from blocks.errors import LabelStudioRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting import withdraw as taking
from tasks.review.posting.withdraw import take_back
from tests.review.posting.conftest import there

pytestmark = pytest.mark.label_studio


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


def test_a_deletion_that_was_only_said_to_be_done_is_not_believed(
    label_studio: AnnotationServer, project: int, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(self: AnnotationServer, method: str, path: str, **rest: Any) -> Any:
        # As a Label Studio whose database was locked at the wrong moment may do: 200, and nothing was done.
        return {"processed_items": 0} if path == "api/dm/actions" else real(self, method, path, **rest)

    real = AnnotationServer.call
    with monkeypatch.context() as patched:
        patched.setattr(AnnotationServer, "call", call)
        assert take_back(label_studio, project, tasks[:2]) == set()
    assert there(label_studio, tasks) == tasks


def test_a_server_that_lists_what_nobody_asked_for_is_not_let_delete_by_a_selection(
    label_studio: AnnotationServer, project: int, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "_only", lambda _: {})  # as if it did not know the word
    with pytest.raises(LabelStudioRefused, match="nothing is taken back"):
        take_back(label_studio, project, tasks[:2])
    assert there(label_studio, tasks) == tasks
