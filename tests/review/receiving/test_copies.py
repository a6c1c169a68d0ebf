"""What Label Studio makes in bulk is nobody's answer; a person who submits what is shown, untouched, has answered.

The first half presses the real buttons of a real Label Studio; the second tells the evidence apart without one.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from blocks.database.tables import AnswerState, Outcome, QuestionState, Route
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.posting.outbox import post_questions, write_questions
from tasks.review.questions.queue import confirm_page_queue
from tasks.review.receiving.copies import is_nobodys
from tasks.review.receiving.poll import read_changes
from tests.review.builders import (
    QUEUE,
    answers,
    hear,
    make_batch,
    pretend_posted,
    questions,
    webhook,
    write_missed,
)

BOX = ("car", 0.4, Outcome.ASK, (96.0, 64.0, 192.0, 128.0))
Press = Callable[[str, dict[str, Any]], Any]


class Posted:
    """Two questions with a box each and a blind one, in a project of their own."""

    def __init__(self, engine: Engine, server: AnnotationServer) -> None:
        self.engine, self.server = engine, server
        make_batch(engine, 3, (BOX,), routes={2: Route.AUDIT}, collection=f"copies-{uuid4().hex[:8]}")
        write_missed(engine)
        self.project = post_questions(engine, server, QUEUE, "b1").project_id or 0

    def press(self, action: str, **more: Any) -> None:
        """Press a button of the data manager for all tasks."""
        body = {"selectedItems": {"all": True, "excluded": []}, **more}
        self.server.call("POST", "api/dm/actions", params={"id": action, "project": self.project}, body=body)

    def read(self) -> list[tuple[str, str]]:
        """Read what changed, as the sweep does; returns state and reason of every answer."""
        read_changes(self.engine, self.server, self.project, "sweep")
        return [(one.state, one.reason or "") for one in answers(self.engine)]

    def submit(self, task: int, result: list[dict[str, Any]], **more: Any) -> int:
        """Submit an answer as a browser does."""
        body = {"result": result, "lead_time": 2.0, **more}
        return int(self.server.call("POST", f"api/tasks/{task}/annotations/", body=body)["id"])


@pytest.fixture
def posted(engine: Engine, label_studio: AnnotationServer) -> Posted:
    return Posted(engine, label_studio)


@pytest.mark.label_studio
def test_proposals_made_into_annotations_are_nobodys_and_all_is_asked_again(posted: Posted) -> None:
    posted.press("predictions_to_annotations", model_version="labelline")
    read = posted.read()
    assert [state for state, _ in read] == [AnswerState.SET_ASIDE] * 3
    assert all("a copy of what a model proposed" in reason for _, reason in read)
    assert {one.state for one in questions(posted.engine)} == {QuestionState.POSTED}
    assert weigh_answers(posted.engine, QUEUE, "b1").opened == 3
    asked = [one for one in questions(posted.engine) if one.asked_id is None]
    assert {one.state for one in asked} == {QuestionState.SHARED}


@pytest.mark.label_studio
def test_copies_of_another_models_predictions_are_nobodys(posted: Posted) -> None:
    for question in questions(posted.engine):
        body = {"task": question.task_id, "model_version": "their-model", "result": [], "score": 0.5}
        posted.server.call("POST", "api/predictions/", body=body)
    posted.press("predictions_to_annotations", model_version="their-model")
    assert [state for state, _ in posted.read()] == [AnswerState.SET_ASIDE] * 3


@pytest.mark.label_studio
def test_copies_whose_predictions_were_deleted_before_we_looked_are_nobodys(posted: Posted) -> None:
    posted.press("predictions_to_annotations", model_version="labelline")
    posted.press("delete_tasks_predictions")
    read = posted.read()
    assert [state for state, _ in read] == [AnswerState.SET_ASIDE] * 3
    assert all("what the question shows" in reason for _, reason in read)


@pytest.mark.label_studio
def test_an_answer_propagated_to_other_pictures_is_nobodys_there(posted: Posted) -> None:
    first, *_ = questions(posted.engine)
    source = posted.submit(first.task_id or 0, [])
    posted.press("propagate_annotations", source_annotation_id=source)
    read = posted.read()
    assert sorted(state for state, _ in read) == ["counted", "set_aside", "set_aside"]
    assert sum("a copy of an answer to another question" in reason for _, reason in read) == 2


@pytest.mark.label_studio
def test_what_was_imported_with_a_task_is_nobodys(posted: Posted) -> None:
    first, *_ = questions(posted.engine)
    note = {"id": 77, "result": [], "lead_time": 3.0}
    task = {"data": {"image": "x", "why": "", "question_id": first.id}, "annotations": [note]}
    posted.server.call("POST", f"api/projects/{posted.project}/import", body=[task])
    assert posted.read() == [("set_aside", "nobody gave this answer: it was imported with its task")]


@pytest.mark.label_studio
def test_a_star_changes_nothing_about_a_copy_or_an_answer(posted: Posted) -> None:
    first, second, _ = questions(posted.engine)
    posted.submit(first.task_id or 0, [])
    posted.press("predictions_to_annotations", model_version="labelline")
    for question in (first, second):
        for note in posted.server.call("GET", f"api/tasks/{question.task_id}/annotations/"):
            posted.server.call("PATCH", f"api/annotations/{note['id']}/", body={"ground_truth": True})
    posted.read()
    states = {(one.question_id, one.state) for one in answers(posted.engine)}
    assert (first.id, "counted") in states
    assert (second.id, "counted") not in states


@pytest.mark.label_studio
def test_a_person_who_submits_what_is_shown_untouched_has_answered(posted: Posted) -> None:
    for question in questions(posted.engine):
        prediction = posted.server.call("GET", f"api/tasks/{question.task_id}/")["predictions"][0]
        untouched = [{**region, "origin": "prediction"} for region in prediction["result"]]
        posted.submit(question.task_id or 0, untouched, parent_prediction=prediction["id"])
    assert posted.read() == [("counted", "")] * 3


@pytest.mark.label_studio
def test_a_copy_that_is_deleted_again_leaves_its_question_to_people(posted: Posted) -> None:
    posted.press("predictions_to_annotations", model_version="labelline")
    posted.read()
    posted.press("delete_tasks_annotations")
    posted.read()
    first, *_ = questions(posted.engine)
    posted.submit(first.task_id or 0, [])
    assert ("counted", "") in posted.read()
    assert {one.state for one in answers(posted.engine)} == {AnswerState.COUNTED, AnswerState.DELETED}


COPY = {"lead_time": None, "parent_prediction": 5}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        (COPY, "set_aside"),
        ({**COPY, "lead_time": 0}, "set_aside"),
        ({"lead_time": None, "parent_annotation": 5}, "set_aside"),
        ({"lead_time": None, "bulk_created": True}, "set_aside"),
        ({"lead_time": 2.0, "parent_prediction": 5}, "counted"),
        ({"lead_time": 0.3, "parent_prediction": 5, "parent_annotation": 6}, "counted"),
        ({"lead_time": 2.0, "import_id": 9}, "set_aside"),
        ({"lead_time": 2.0, "import_id": 9, "updated_by": 4}, "counted"),
        ({**COPY, "was_cancelled": True}, "skipped"),
        ({"lead_time": None, "bulk_created": False}, "counted"),
        ({"lead_time": None, "result": []}, "set_aside"),
    ],
    ids=str,
)
def test_who_gave_an_answer_is_told_by_evidence(engine: Engine, changes: dict[str, Any], state: str) -> None:
    make_batch(engine, 1)
    write_missed(engine)
    pretend_posted(engine)
    hear(engine, webhook(questions(engine)[0], **changes))
    (answer,) = answers(engine)
    assert (answer.state, is_nobodys(answer.reason)) == (state, state == "set_aside")


def test_a_page_that_nobody_looked_at_confirms_nothing_and_is_asked_again(engine: Engine) -> None:
    from tasks.review.posting.outbox import Draft
    from tasks.review.questions.kinds.page import PageCrop, PagePayload

    make_batch(engine, 1)
    item = "i" * 64
    crop = PageCrop(proposal_id="p", item_id=item, crop=(0, 0, 9, 9), box=(1, 1, 5, 5))
    page = PagePayload(class_name="car", crops=[crop])
    queue = confirm_page_queue(["car"])
    from tests.review.builders import item_id

    write_questions(engine, queue, [Draft("b1", item_id(0), page.model_dump(mode="json"), "page from p")])
    pretend_posted(engine, queue=queue)
    hear(engine, webhook(questions(engine)[0], result=[], **COPY))
    assert [one.state for one in answers(engine)] == [AnswerState.SET_ASIDE]
    assert weigh_answers(engine, queue, "b1").opened == 1
