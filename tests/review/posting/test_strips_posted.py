"""Strips in a real Label Studio: one task for all stills, whatever dies, is deleted, stopped or renewed on the way."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import update

from blocks.database.engine import writing
from blocks.database.tables import AnswerState, Outcome, Question, QuestionState, utc_now
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.until import Until
from tasks.review.posting.duplicates import list_tasks
from tasks.review.posting.gone import ask_gone_again
from tasks.review.posting.outbox import PostReport, post_questions
from tasks.review.posting.prefills import mend_project
from tasks.review.posting.renew import renew_posted
from tasks.review.posting.stop import Stopped, stop_asking
from tasks.review.questions.kinds.boxes.strip import STILLS, onto_place, stills_in
from tasks.review.questions.queues.strips import on_strips
from tasks.review.reask import ask_rest_again
from tasks.review.receiving.poll import read_all_changes
from tests.review.builders import QUEUE, ProposedBox, answers, item_id, make_batch, questions, region, write_missed
from tests.review.posting.conftest import there

pytestmark = pytest.mark.label_studio

BOXES: Sequence[ProposedBox] = [("car", 0.4, Outcome.ASK, (100.0, 200.0, 155.0, 244.0))]
STRIPS = on_strips(QUEUE, 4)
ROUND = (QUEUE.name, "b1", 0)


class Posted:
    """Six questions on two strips in a project of their own."""

    def __init__(self, engine: Engine, server: AnnotationServer) -> None:
        self.engine, self.server, self.collection = engine, server, f"strips-{uuid4().hex[:8]}"
        make_batch(engine, items=6, boxes=BOXES, collection=self.collection)
        write_missed(engine, queue=STRIPS)
        self.report = self.post()

    def post(self) -> PostReport:
        return post_questions(self.engine, self.server, STRIPS, "b1", grace_s=0)

    @property
    def project_id(self) -> int:
        (project_id,) = {one.project_id for one in questions(self.engine)} - {None}
        return int(project_id or 0)

    def tasks(self) -> list[dict[str, Any]]:
        """Our tasks, the longer strip first."""
        include = ("id", "data", "predictions", "annotations", "total_annotations")
        found = list_tasks(self.server, self.project_id, {}, include)
        return sorted(found, key=lambda task: -len(task["data"][STILLS]))

    def answer(self, task_id: int, result: list[dict[str, Any]], **said: Any) -> int:
        body = {"result": result, "lead_time": 8.0, **said}
        noted = int(self.server.call("POST", f"api/tasks/{task_id}/annotations/", body=body)["id"])
        read_all_changes(self.engine, self.server)
        return noted

    def items_of(self, task: dict[str, Any]) -> list[str]:
        by_id = {one.id: one.item_id for one in questions(self.engine)}
        return [by_id[id_] for id_ in stills_in(task["data"])]


@pytest.fixture
def posted(engine: Engine, label_studio: AnnotationServer) -> Posted:
    return Posted(engine, label_studio)


def drawn(place: int) -> list[dict[str, Any]]:
    return onto_place([region(f"new{place}")], place)


def test_a_strip_is_one_task_with_the_boxes_of_all_its_stills(posted: Posted, engine: Engine) -> None:
    assert (posted.report.sent, posted.report.mended) == (6, 0)
    longer, shorter = posted.tasks()
    assert posted.items_of(longer) == [item_id(n) for n in range(4)]
    assert posted.items_of(shorter) == [item_id(n) for n in (4, 5)]
    shown = [(one["from_name"], one["to_name"]) for one in longer["predictions"][0]["result"]]
    assert shown == [(f"unsure{n}", f"image{n}") for n in range(4)]
    assert {one.task_id for one in questions(engine)} == {longer["id"], shorter["id"]}
    assert all(one.prefilled_at for one in questions(engine))
    assert posted.post().sent == 0


def test_an_answer_is_dealt_out_and_a_wider_queue_keeps_the_project(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    longer, _ = posted.tasks()
    posted.answer(longer["id"], drawn(1))
    counted = {one.question_id: one.raw for one in answers(engine) if one.state == AnswerState.COUNTED}
    assert [len(counted[id_]) for id_ in stills_in(longer["data"])] == [0, 1, 0, 0]
    make_batch(engine, items=2, boxes=BOXES, batch_id="b2", collection=posted.collection, first=10)
    wider = STRIPS.model_copy(update={"classes": (*STRIPS.classes, "bus")})
    write_missed(engine, "b2", wider)
    assert posted.answer(posted.tasks()[1]["id"], [])
    assert post_questions(engine, label_studio, wider, "b2").project_id == posted.project_id


def test_a_sender_that_died_after_its_import_asks_nothing_twice(posted: Posted, engine: Engine) -> None:
    before = sorted(task["id"] for task in posted.tasks())
    with writing(engine) as session:
        session.exec(update(Question).values(state=QuestionState.WRITTEN.value, task_id=None, prefilled_at=None))
    report = posted.post()
    assert (report.sent, report.found) == (0, 6)
    assert sorted(task["id"] for task in posted.tasks()) == before
    assert {one.task_id for one in questions(engine)} == set(before)


def test_a_strip_that_somebody_deleted_is_asked_again_and_an_answered_one_stays_answered(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    longer, shorter = posted.tasks()
    posted.answer(longer["id"], drawn(0))
    with writing(engine) as session:
        session.exec(update(Question).values(posted_at=utc_now() - timedelta(hours=1)))
    for task in (longer, shorter):
        label_studio.call("DELETE", f"api/tasks/{task['id']}/")
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 1
    (again,) = posted.tasks()
    assert posted.items_of(again) == [item_id(4), item_id(5)]
    assert sum(one.state == AnswerState.COUNTED for one in answers(engine)) == 4
    posted.answer(again["id"], drawn(1))
    assert {one.state for one in questions(engine)} == {QuestionState.ANSWERED}


def test_a_deleted_answer_opens_all_stills_again_in_their_own_task(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    longer, _ = posted.tasks()
    annotation = posted.answer(longer["id"], drawn(0))
    label_studio.call("DELETE", f"api/annotations/{annotation}/")
    posted.answer(longer["id"], drawn(2))
    counted = [one.raw for one in answers(engine) if one.state == AnswerState.COUNTED]
    assert sorted(len(raw) for raw in counted) == [0, 0, 0, 1]
    assert sum(one.state == AnswerState.DELETED for one in answers(engine)) == 4


def test_a_stopped_strip_is_taken_back_whole_and_one_that_is_answered_stays(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    longer, shorter = posted.tasks()
    posted.answer(longer["id"], drawn(0))
    assert stop_asking(engine, label_studio, posted.collection) == Stopped(taken_back=2, kept=0)
    assert there(label_studio, [longer["id"], shorter["id"]]) == [longer["id"]]
    assert posted.post().sent == 2
    assert [posted.items_of(task) for task in posted.tasks()][1] == [item_id(4), item_id(5)]


def test_what_nobody_answered_is_asked_again_as_the_strips_it_was(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    longer, shorter = posted.tasks()
    posted.answer(longer["id"], drawn(0))
    assert ask_rest_again(engine, label_studio, *ROUND, Until(rest="ask_again")) == 2
    assert post_questions(engine, label_studio, STRIPS, "b1", 1).sent == 2
    assert there(label_studio, [shorter["id"]]) == []
    assert [posted.items_of(task) for task in posted.tasks()][1] == [item_id(4), item_id(5)]


def test_links_of_all_stills_are_renewed(posted: Posted, engine: Engine, label_studio: AnnotationServer) -> None:
    before = {one["image"] for task in posted.tasks() for one in task["data"][STILLS]}
    assert renew_posted(engine, label_studio).failed == ()
    assert {one["image"] for task in posted.tasks() for one in task["data"][STILLS]} == before
    changed = replace(label_studio, link_secret="another-secret-for-tests")
    renew_posted(engine, changed)
    after = {one["image"] for task in posted.tasks() for one in task["data"][STILLS]}
    assert len(after) == 6 and after.isdisjoint(before)


def test_a_strip_that_lost_its_boxes_gets_those_of_all_stills_back(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    longer, _ = posted.tasks()
    label_studio.call("DELETE", f"api/predictions/{longer['predictions'][0]['id']}/")
    with writing(engine) as session:
        session.exec(update(Question).values(prefilled_at=None))
    assert mend_project(engine, label_studio, posted.project_id) == 1
    result = posted.tasks()[0]["predictions"][0]["result"]
    assert [one["to_name"] for one in result] == [f"image{n}" for n in range(4)]
    assert all(one.prefilled_at for one in questions(engine))
