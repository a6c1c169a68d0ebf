"""Of tasks that stand twice one stays: the one that somebody has answered, begun or open."""

import httpx
import pytest

from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import FoundTask, Twin, remove_twins
from tests.review.posting.conftest import there

pytestmark = pytest.mark.label_studio


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


def test_a_strip_is_removed_only_where_one_that_stays_holds_all_its_stills(
    label_studio: AnnotationServer, project: int, tasks: list[int]
) -> None:
    alone, wider = FoundTask(tasks[0], 0, ("a",)), FoundTask(tasks[1], 0, ("a", "b"))
    kept = remove_twins(label_studio, project, [Twin("a", (alone, wider)), Twin("b", (wider,))])
    assert (kept.task_by_question, kept.removed) == ({"a": tasks[1], "b": tasks[1]}, 1)
    one, other = FoundTask(tasks[2], 0, ("c", "d")), FoundTask(tasks[3], 0, ("d", "e"))
    kept = remove_twins(label_studio, project, [Twin("c", (one,)), Twin("d", (one, other)), Twin("e", (other,))])
    assert (kept.task_by_question, kept.removed) == ({"c": tasks[2], "d": tasks[2], "e": tasks[3]}, 0)
    answered = FoundTask(tasks[2], 1, ("f",))
    kept = remove_twins(label_studio, project, [Twin("f", (answered, FoundTask(tasks[3], 0, ("f", "g"))))])
    assert (kept.task_by_question, kept.removed) == ({"f": tasks[2]}, 0)
    assert there(label_studio, tasks) == tasks[1:]
