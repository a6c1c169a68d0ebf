"""With every webhook lost, the sweep still hears every answer, edit and deletion: late, never wrong."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from blocks.database.tables import AnswerState, Outcome, QuestionState
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.until import progress
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.queue import MARK_MISSED, name_kind_queue
from tasks.review.receiving import poll
from tasks.review.receiving.poll import read_all_changes, read_changes
from tests.review.builders import (
    QUEUE,
    answers,
    hear,
    make_batch,
    proposal_id,
    questions,
    region,
    write_missed,
)
from tests.review.builders import webhook as webhook_of

pytestmark = pytest.mark.label_studio

EDGES = (100.25, 200.5, 155.125, 244.75)
BOXES = [("car", 0.4, Outcome.ASK, EDGES), ("truck", 0.9, Outcome.ACCEPT, (300.0, 200.0, 400.0, 260.0))]

Answerer = Callable[..., dict[str, Any]]


@pytest.fixture
def project_id(engine: Engine, label_studio: AnnotationServer) -> int:
    """A project with four posted questions of two boxes each."""
    make_batch(engine, items=4, boxes=BOXES, collection=f"poll-{uuid4().hex[:8]}")
    write_missed(engine)
    posted = post_questions(engine, label_studio, QUEUE, "b1").project_id
    assert posted is not None
    return posted


@pytest.fixture
def answer(engine: Engine, label_studio: AnnotationServer) -> Answerer:
    """Submits an annotation to the n-th question, as a person's browser would."""

    def submit(number: int, result: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
        task_id = questions(engine)[number].task_id
        task = label_studio.call("GET", f"api/tasks/{task_id}/")
        body = {"result": task["predictions"][0]["result"] if result is None else result, "lead_time": 7.5, **more}
        created: dict[str, Any] = label_studio.call("POST", f"api/tasks/{task_id}/annotations/", body=body)
        return created

    return submit


def test_an_answer_left_as_prefilled_comes_back_to_the_last_bit(
    engine: Engine, label_studio: AnnotationServer, project_id: int, answer: Answerer
) -> None:
    answer(0)
    report = read_changes(engine, label_studio, project_id, "sweep")
    (heard,) = answers(engine)
    item = questions(engine)[0].item_id
    doubtful = next(box for box in heard.raw if box["id"] == proposal_id(item, 0))
    assert (doubtful["x_min"], doubtful["y_min"], doubtful["x_max"], doubtful["y_max"]) == EDGES
    assert [box["untouched"] for box in heard.raw] == [True, True]
    assert (heard.person, heard.seconds, heard.heard_by) == ("admin@example.com", 7.5, "sweep")
    assert (report.recorded.new, questions(engine)[0].state) == (1, QuestionState.ANSWERED)


def test_an_edit_a_deletion_and_a_skip_are_heard(
    engine: Engine, label_studio: AnnotationServer, project_id: int, answer: Answerer
) -> None:
    edited, deleted = answer(0), answer(1)
    email = f"{uuid4().hex[:8]}@example.org"
    other = label_studio.call("POST", "api/users/", body={"email": email, "username": email})["id"]
    answer(2, result=[], was_cancelled=True)
    answer(2, result=[], was_cancelled=True, completed_by=other)
    read_changes(engine, label_studio, project_id, "sweep")
    label_studio.call("PATCH", f"api/annotations/{edited['id']}/", body={"result": [region("new")]})
    label_studio.call("DELETE", f"api/annotations/{deleted['id']}/")
    report = read_changes(engine, label_studio, project_id, "sweep")
    assert (report.recorded.new, report.recorded.deleted) == (1, 1)
    states = {state: [a for a in answers(engine) if a.state == state] for state in AnswerState}
    assert {state: len(found) for state, found in states.items() if found} == {
        AnswerState.SUPERSEDED: 1,
        AnswerState.COUNTED: 1,
        AnswerState.DELETED: 1,
        AnswerState.SKIPPED: 2,
    }
    assert [box["id"] for box in states[AnswerState.COUNTED][0].raw] == ["new"]
    so_far = progress(engine, MARK_MISSED, "b1")
    assert (so_far.asked, so_far.answered, so_far.passed, so_far.done) == (4, 1, 1, 2)


def test_a_draft_is_no_answer(
    engine: Engine, label_studio: AnnotationServer, project_id: int, answer: Answerer
) -> None:
    task_id = questions(engine)[0].task_id
    label_studio.call("POST", f"api/tasks/{task_id}/drafts", body={"result": [region()], "lead_time": 3})
    read_changes(engine, label_studio, project_id, "sweep")
    assert answers(engine) == []


def test_what_the_doorbell_has_heard_is_not_heard_again(
    engine: Engine, label_studio: AnnotationServer, project_id: int, answer: Answerer
) -> None:

    created = answer(0)
    hear(engine, webhook_of(questions(engine)[0], **{**created, "minute": 0, "annotation_id": created["id"]}))
    report = read_changes(engine, label_studio, project_id, "sweep")
    assert (report.recorded.new, report.recorded.repeated, len(answers(engine))) == (0, 1, 1)


def test_an_answer_is_never_taken_for_deleted_because_a_list_is_old(
    engine: Engine, label_studio: AnnotationServer, project_id: int, answer: Answerer
) -> None:

    old_page = poll._page(label_studio, project_id, poll.EARLIEST, 1)
    created = answer(0)
    hear(engine, webhook_of(questions(engine)[0], **{**created, "minute": 0, "annotation_id": created["id"]}))
    recorded, _ = poll.record_tasks(engine, label_studio, project_id, old_page, "sweep")
    assert recorded.missing == (created["id"],)
    assert (recorded.deleted, answers(engine)[0].state) == (0, AnswerState.COUNTED)


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_small_pages_miss_nothing(
    engine: Engine,
    label_studio: AnnotationServer,
    project_id: int,
    answer: Answerer,
    monkeypatch: pytest.MonkeyPatch,
    page_size: int,
) -> None:
    monkeypatch.setattr(poll, "PAGE_SIZE", page_size)
    for number in (3, 0, 2):
        answer(number)
    read_changes(engine, label_studio, project_id, "sweep")
    assert len(answers(engine)) == 3


def test_a_quiet_project_is_read_from_where_the_last_sweep_ended(
    engine: Engine, label_studio: AnnotationServer, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "OVERLAP", poll.timedelta(0))
    time.sleep(0.05)
    assert read_changes(engine, label_studio, project_id, "sweep").tasks == 4
    assert read_changes(engine, label_studio, project_id, "sweep").tasks == 0


def test_a_project_that_is_gone_does_not_stop_the_others(
    engine: Engine, label_studio: AnnotationServer, project_id: int, answer: Answerer
) -> None:
    other = f"gone-{uuid4().hex[:8]}"
    make_batch(engine, items=1, batch_id="b2", collection=other)
    write_missed(engine, "b2")
    gone = post_questions(engine, label_studio, QUEUE, "b2").project_id
    label_studio.call("DELETE", f"api/projects/{gone}/")
    answer(next(n for n, question in enumerate(questions(engine)) if question.batch_id == "b1"))
    report = read_all_changes(engine, label_studio)
    assert (report.recorded.new, report.projects, report.unreadable, report.gone) == (1, 2, (), (gone,))
    again = read_all_changes(engine, label_studio)
    assert (again.projects, again.gone) == (1, ()), "what is gone is not read for ever"


def test_kinds_are_asked_and_answered(engine: Engine, label_studio: AnnotationServer) -> None:
    from blocks.database.tables import Route
    from tasks.review.drafts.items_and_kinds import draft_kinds, write_once

    queue = name_kind_queue({"car": ["hatchback", "sedan"]})
    make_batch(
        engine,
        items=2,
        boxes=[("car", 0.9, Outcome.ACCEPT, EDGES)],
        routes={0: Route.SURE, 1: Route.SURE},
        collection=f"kinds-{uuid4().hex[:8]}",
    )
    write_once(engine, queue, "b1", 0, draft_kinds(engine, "b1", queue.kinds))
    project_id = post_questions(engine, label_studio, queue, "b1").project_id
    assert project_id is not None
    first, second = questions(engine)
    task = label_studio.call("GET", f"api/tasks/{first.task_id}/")
    assert [entry["value"] for entry in task["data"]["choices"]] == ["hatchback", "sedan", "not a car", "cannot tell"]
    assert "crop=" in task["data"]["image"]
    for question, chosen in ((first, "sedan"), (second, "not a car")):
        result = [
            {"type": "choices", "from_name": "kind", "to_name": "image", "value": {"choices": [chosen]}, "id": "c"}
        ]
        body = {"result": result, "lead_time": 2}
        label_studio.call("POST", f"api/tasks/{question.task_id}/annotations/", body=body)
    read_changes(engine, label_studio, project_id, "poll")
    raw = {heard.question_id: heard.raw for heard in answers(engine)}
    assert raw[first.id] == [{"kind": "sedan", "verdict": "kind"}]
    assert raw[second.id] == [{"kind": None, "verdict": "not_an_object"}]
