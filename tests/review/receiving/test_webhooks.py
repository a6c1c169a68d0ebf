"""A webhook is believed for numbers only: what it rings for is looked at in Label Studio, and nothing else counts."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.database.engine import reading, writing
from blocks.database.tables import AnswerState, QuestionState
from blocks.errors import BadInput, LabelStudioUnavailable
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.bookmarks import deleted_annotation, queue_of_project, read_bookmarks, write_bookmarks
from tasks.review.receiving import webhooks as doorbell
from tasks.review.receiving.webhooks import Ring, answer_rings, read_ring
from tests.review.builders import (
    QUEUE,
    answers,
    deletion,
    make_batch,
    pretend_posted,
    questions,
    region,
    webhook,
    write_missed,
)

AWAY = AnnotationServer("http://127.0.0.1:9", "f" * 40, "http://127.0.0.1:9", "x", "y")

Submit = Callable[..., dict[str, Any]]


class Counted:
    """The real Label Studio, and what it was asked."""

    def __init__(self, server: AnnotationServer) -> None:
        self._server = server
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def call(self, method: str, path: str, **more: Any) -> Any:
        """Ask."""
        self.asked.append(f"{method} {path}")
        return self._server.call(method, path, **more)


@pytest.fixture
def counted(label_studio: AnnotationServer) -> Any:
    return Counted(label_studio)


@pytest.fixture
def asked(engine: Engine, label_studio: AnnotationServer) -> Engine:
    """A catalogue with four questions that are posted for real."""
    make_batch(engine, items=4, collection=f"bell-{uuid4().hex[:8]}")
    write_missed(engine)
    assert post_questions(engine, label_studio, QUEUE, "b1").project_id is not None
    return engine


@pytest.fixture
def submit(asked: Engine, label_studio: AnnotationServer) -> Submit:
    """Submits an answer to the n-th question; returns the webhook that Label Studio would send."""

    def one(number: int = 0, **more: Any) -> dict[str, Any]:
        question = questions(asked)[number]
        body = {"result": [region()], "lead_time": 4.5, **more}
        made = label_studio.call("POST", f"api/tasks/{question.task_id}/annotations/", body=body)
        return webhook(question, made["id"])

    return one


def ring(engine: Engine, server: AnnotationServer, *bodies: dict[str, Any]) -> Any:
    return answer_rings(engine, server, [read_ring(body) for body in bodies])


def states(engine: Engine) -> list[str]:
    return [str(answer.state) for answer in answers(engine)]


def test_an_answer_is_written_as_label_studio_has_it_whatever_the_webhook_says(
    asked: Engine, label_studio: AnnotationServer, submit: Submit
) -> None:
    body = submit()
    body["annotation"] |= {"result": [], "lead_time": 99.0, "completed_by": 12345, "updated_at": "2031-01-01T00:00:00Z"}
    body["task"]["data"]["question_id"] = questions(asked)[1].id
    assert ring(asked, label_studio, body).new == 1
    (answer,) = answers(asked)
    assert (answer.person, answer.seconds, answer.heard_by) == ("admin@example.com", 4.5, "doorbell")
    assert answer.question_id == questions(asked)[0].id
    assert [box["id"] for box in answer.raw] == ["r1"]


def test_an_annotation_that_is_not_there_is_not_heard(asked: Engine, label_studio: AnnotationServer) -> None:
    forged = webhook(questions(asked)[0], 10**9)
    assert ring(asked, label_studio, forged).new == 0
    assert (answers(asked), questions(asked)[0].state) == ([], QuestionState.POSTED)


def test_a_deletion_is_noted_when_label_studio_confirms_it(
    asked: Engine, label_studio: AnnotationServer, submit: Submit
) -> None:
    kept, gone = submit(0), submit(1)
    ring(asked, label_studio, kept, gone)
    label_studio.call("DELETE", f"api/annotations/{gone['annotation']['id']}/")
    both = deletion(kept["annotation"]["id"], gone["annotation"]["id"])
    assert ring(asked, label_studio, both).deleted == 1
    assert sorted(states(asked)) == ["counted", "deleted"]
    assert ring(asked, label_studio, both).deleted == 0


def test_numbers_to_come_are_not_deleted_beforehand(
    asked: Engine, label_studio: AnnotationServer, submit: Submit
) -> None:
    last = submit(0)["annotation"]["id"]
    to_come = list(range(last + 1, last + 50))
    assert ring(asked, label_studio, deletion(*to_come)).deleted == 0
    with reading(asked) as session:
        assert read_bookmarks(session, map(deleted_annotation, to_come)) == {}
    body = submit(1)
    assert body["annotation"]["id"] in to_come
    ring(asked, label_studio, body)
    assert states(asked) == ["counted"]


def test_a_deletion_is_confirmed_where_the_whole_task_is_gone(
    asked: Engine, label_studio: AnnotationServer, submit: Submit
) -> None:
    body = submit()
    ring(asked, label_studio, body)
    label_studio.call("DELETE", f"api/tasks/{questions(asked)[0].task_id}/")
    assert ring(asked, label_studio, deletion(body["annotation"]["id"])).deleted == 1
    assert states(asked) == ["deleted"]


def test_an_edit_and_a_skip_are_read_back(asked: Engine, label_studio: AnnotationServer, submit: Submit) -> None:
    body = submit(0)
    submit(1, result=[], was_cancelled=True)
    ring(asked, label_studio, body, webhook(questions(asked)[1], 1))
    label_studio.call("PATCH", f"api/annotations/{body['annotation']['id']}/", body={"result": [region("new")]})
    ring(asked, label_studio, body | {"action": "ANNOTATION_UPDATED"})
    assert sorted(states(asked)) == ["counted", "skipped", "superseded"]
    (counted,) = [answer for answer in answers(asked) if answer.state == AnswerState.COUNTED]
    assert [box["id"] for box in counted.raw] == ["new"]


def test_a_burst_of_rings_is_one_look(asked: Engine, counted: Any, submit: Submit) -> None:
    bodies = [submit(number) for number in range(4)]
    many = {"action": "ANNOTATIONS_CREATED", "annotation": [body["annotation"] for body in bodies], "task": []}
    assert ring(asked, counted, *bodies, many, *bodies).new == 4
    assert counted.asked == ["GET api/tasks/"]


def test_projects_and_annotations_that_are_not_ours_are_not_asked_about(asked: Engine, counted: Any) -> None:
    strange = [webhook(questions(asked)[0], n, project=10**6 + n) for n in range(1, 50)]
    assert ring(asked, counted, *strange, deletion(*range(1, 5000))) == doorbell.RecordReport()
    assert ring(asked, counted, {"action": "TASKS_CREATED", "tasks": []}) == doorbell.RecordReport()
    assert counted.asked == []


def test_who_rings_for_a_great_many_tasks_causes_bounded_work(
    asked: Engine, counted: Any, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "LOOK_AT_MOST", 100)
    project_id = questions(asked)[0].project_id
    real = submit()
    forged = [webhook(questions(asked)[0], n, task=10**6 + n) for n in range(1, 300)]
    assert ring(asked, counted, real, *forged).new == 1
    assert (project_id is not None) and counted.asked == ["GET api/tasks/"]


def test_a_project_that_is_gone_keeps_no_other_waiting(
    asked: Engine, label_studio: AnnotationServer, submit: Submit
) -> None:
    with writing(asked) as session:
        write_bookmarks(session, {queue_of_project(1_000_000): QUEUE.model_dump_json()})
    lost = webhook(questions(asked)[0], 5, project=1_000_000)
    assert ring(asked, label_studio, lost, submit()).new == 1


def test_a_label_studio_that_is_away_is_said_so_and_nothing_is_noted(engine: Engine) -> None:
    make_batch(engine, items=1)
    write_missed(engine)
    pretend_posted(engine)
    with pytest.raises(LabelStudioUnavailable):
        ring(engine, AWAY, webhook(questions(engine)[0]))
    assert answers(engine) == []


def test_what_a_webhook_rings_for_is_read_from_it() -> None:
    one = {"id": 3, "task": 5, "project": 7}
    assert read_ring({"action": "ANNOTATION_CREATED", "annotation": one}) == Ring(
        "ANNOTATION_CREATED", tasks=frozenset({(7, 5)})
    )
    assert read_ring(deletion(1, 2, 2)).deleted == {1, 2}
    assert read_ring({"action": "PROJECT_UPDATED", "project": {"id": 1}}) == Ring("PROJECT_UPDATED")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("annotation.id", "1"),
        ("annotation.id", -1),
        ("annotation.id", True),
        ("annotation.id", 2**70),
        ("annotation.task", None),
        ("annotation.project", 7.5),
        ("annotation", []),
        ("action", 5),
        ("action", "x" * 1000),
    ],
)
def test_a_malformed_webhook_is_refused_with_its_reason(field: str, value: Any) -> None:
    body: dict[str, Any] = {"action": "ANNOTATION_CREATED", "annotation": {"id": 3, "task": 5, "project": 7}}
    *path, name = field.split(".")
    target: Any = body
    for part in path:
        target = target[part]
    target[name] = value
    with pytest.raises(BadInput, match="no Label Studio webhook"):
        read_ring(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_a_webhook_or_is_refused(body: Any) -> None:
    try:
        read_ring(body)
    except BadInput as error:
        assert "no Label Studio webhook" in str(error)
