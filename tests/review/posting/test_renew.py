"""After a change of secrets nothing that stands in Label Studio may carry the old ones, and no answer may suffer."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from blocks.storage.links import is_signed
from tasks.review.posting.outbox import post_questions
from tasks.review.posting.renew import Renewed, renew_posted
from tests.review.builders import QUEUE, make_batch, questions, region, write_missed

pytestmark = pytest.mark.label_studio

NEW_LINKS, NEW_BELL = "links-after-the-change", "bell-after-the-change"


@pytest.fixture
def renewed_server(engine: Engine, label_studio: AnnotationServer) -> AnnotationServer:
    """The same server after its secrets were changed; four questions were posted before."""
    make_batch(engine, items=4, collection=f"renew-{uuid4().hex[:8]}")
    write_missed(engine)
    post_questions(engine, label_studio, QUEUE, "b1")
    return replace(label_studio, link_secret=NEW_LINKS, doorbell_secret=NEW_BELL)


def test_links_and_webhooks_carry_the_new_secrets(engine: Engine, renewed_server: AnnotationServer) -> None:
    server = renewed_server
    project = questions(engine)[0].project_id
    before = {
        question.id: server.call("GET", f"api/tasks/{question.task_id}/")["data"] for question in questions(engine)
    }
    done = renew_posted(engine, server)
    assert done == Renewed(projects=1, tasks=4)
    for question in questions(engine):
        task = server.call("GET", f"api/tasks/{question.task_id}/")
        assert task["data"]["question_id"] == question.id
        others = {"image": task["data"]["image"]}
        assert task["data"] == before[question.id] | others, "something else than the link changed"
        signature = task["data"]["image"].rpartition("signature=")[2]
        assert is_signed(NEW_LINKS, question.item_id, None, signature)
        assert len(task["predictions"]) == 1, "the boxes that people are shown were lost"
    (webhook,) = server.call("GET", "api/webhooks/", params={"project": project})
    assert webhook["headers"][DOORBELL_HEADER] == NEW_BELL


def test_a_second_renewal_changes_nothing(engine: Engine, renewed_server: AnnotationServer) -> None:
    renew_posted(engine, renewed_server)
    assert renew_posted(engine, renewed_server).tasks == 0


def test_an_answer_given_before_stays(engine: Engine, renewed_server: AnnotationServer) -> None:
    question = questions(engine)[0]
    given = {"result": [region()], "lead_time": 3.0}
    renewed_server.call("POST", f"api/tasks/{question.task_id}/annotations/", body=given)
    renew_posted(engine, renewed_server)
    task = renewed_server.call("GET", f"api/tasks/{question.task_id}/")
    assert [len(note["result"]) for note in task["annotations"]] == [1]
    assert NEW_LINKS not in str(task)


def test_a_deleted_project_and_a_deleted_task_stop_nothing(engine: Engine, renewed_server: AnnotationServer) -> None:
    gone, *_ = questions(engine)
    renewed_server.call("DELETE", f"api/tasks/{gone.task_id}/")
    assert renew_posted(engine, renewed_server) == Renewed(1, 3)
    renewed_server.call("DELETE", f"api/projects/{gone.project_id}/")
    assert renew_posted(engine, renewed_server) == Renewed(1, gone=1)


def test_a_server_that_does_not_answer_is_told_and_tried_again(
    engine: Engine, renewed_server: AnnotationServer
) -> None:
    away = replace(renewed_server, url="http://127.0.0.1:9")
    (failure,) = renew_posted(engine, away).failed
    assert failure.what == f"project {questions(engine)[0].project_id}"
    assert "does not answer" in failure.reason
    assert renew_posted(engine, renewed_server).tasks == 4
