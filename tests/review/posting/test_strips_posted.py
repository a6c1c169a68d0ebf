"""Strips in a real Label Studio: one task for all stills, whatever dies, is deleted, stopped or renewed on the way."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import col, update

from blocks.database.engine import writing
from blocks.database.tables import AnswerState, Outcome, Question, QuestionState, utc_now
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.until import Until
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.posting import outbox
from tasks.review.posting.duplicates import list_tasks
from tasks.review.posting.gone import ask_gone_again, reopen_gone
from tasks.review.posting.outbox import PostReport, post_questions, write_questions
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
    """Six questions on two strips in a project of their own; that of one item may be written later."""

    def __init__(self, engine: Engine, server: AnnotationServer, late: int | None = None) -> None:
        self.engine, self.server, self.collection = engine, server, f"strips-{uuid4().hex[:8]}"
        make_batch(engine, items=6, boxes=BOXES, collection=self.collection)
        drafts = [one for page in draft_missed(engine, STRIPS, "b1") for one in page]
        self.late = [one for one in drafts if one.item_id == (None if late is None else item_id(late))]
        write_once(engine, STRIPS, "b1", 0, [[one for one in drafts if one not in self.late]])
        self.report = self.post()

    def write_late(self) -> None:
        """Write what is asked later, such as of a still whose answer was set aside after those of others."""
        assert write_questions(self.engine, STRIPS, self.late) == 1

    def forget(self) -> None:
        """Undo what was noted of an import, as if its sender had died before."""
        sent = update(Question).values(state=QuestionState.WRITTEN.value, task_id=None, prefilled_at=None)
        with writing(self.engine) as session:
            session.exec(sent.where(col(Question.project_id).is_not(None)))

    def each_stands_where_we_think(self) -> bool:
        """Say whether each question stands in one task, and in the one that we have noted."""
        held = [(id_, task["id"]) for task in self.tasks() for id_ in stills_in(task["data"])]
        return sorted(held) == sorted((one.id, one.task_id) for one in questions(self.engine))

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
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 2
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


@pytest.mark.parametrize("late", [0, 1, 3])
@pytest.mark.parametrize("has_boxes", [True, False], ids=["whole", "without boxes"])
def test_a_still_that_is_written_after_an_import_whose_sender_died_gets_a_task_of_its_own(
    engine: Engine, label_studio: AnnotationServer, late: int, has_boxes: bool
) -> None:
    posted = Posted(engine, label_studio, late)
    if not has_boxes:
        label_studio.call("DELETE", f"api/predictions/{posted.tasks()[0]['predictions'][0]['id']}/")
    posted.forget()
    posted.write_late()
    report = posted.post()
    assert (report.sent, report.found, report.mended) == (1, 5, 0 if has_boxes else 1)
    tasks = posted.tasks()
    assert [posted.items_of(task) for task in tasks][2] == [item_id(late)]
    shown = [[one["to_name"] for one in task["predictions"][0]["result"]] for task in tasks]
    assert shown == [[f"image{n}" for n in range(stills)] for stills in (3, 2, 1)]
    assert posted.each_stands_where_we_think()


def test_a_still_that_is_written_during_an_import_is_not_taken_for_sent(
    engine: Engine, label_studio: AnnotationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = Posted(engine, label_studio, late=2)
    posted.forget()
    for task in posted.tasks():
        label_studio.call("DELETE", f"api/tasks/{task['id']}/")
    send = outbox._import

    def meanwhile(*what: Any) -> Any:
        sent = send(*what)
        posted.write_late()
        return sent

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_import", meanwhile)
        assert posted.post().sent == 5
    assert posted.post().sent == 1
    assert posted.each_stands_where_we_think()


def test_a_stop_leaves_what_was_never_sent_in_the_outbox(engine: Engine, label_studio: AnnotationServer) -> None:
    posted = Posted(engine, label_studio, late=1)
    longer, shorter = posted.tasks()
    label_studio.call("POST", f"api/tasks/{longer['id']}/drafts", body={"result": [], "lead_time": 1.0})
    posted.forget()
    posted.write_late()
    assert stop_asking(engine, label_studio, posted.collection) == Stopped(taken_back=2, kept=3)
    assert there(label_studio, [longer["id"], shorter["id"]]) == [longer["id"]]
    assert posted.post().sent == 3
    assert posted.each_stands_where_we_think()


def test_of_a_strip_that_stands_twice_the_answered_one_stays_with_all_its_stills(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    longer, _ = posted.tasks()
    path, params = f"api/projects/{posted.project_id}/import", {"return_task_ids": True}
    body = [{"data": longer["data"], "predictions": [{"result": [], "model_version": "line"}]}]
    (twin,) = label_studio.call("POST", path, params=params, body=body)["task_ids"]
    posted.answer(twin, drawn(3))
    assert there(label_studio, [longer["id"], twin]) == [twin]
    assert posted.each_stands_where_we_think()


def test_a_still_without_its_boxes_gets_them_although_the_first_of_its_strip_is_answered(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    longer, _ = posted.tasks()
    label_studio.call("DELETE", f"api/predictions/{longer['predictions'][0]['id']}/")
    posted.answer(longer["id"], onto_place([region("bad", class_name="tram")], 2))
    with writing(engine) as session:
        session.exec(update(Question).values(prefilled_at=None))
    assert mend_project(engine, label_studio, posted.project_id) == 1
    result = posted.tasks()[0]["predictions"][0]["result"]
    assert [one["to_name"] for one in result] == [f"image{n}" for n in range(4)]


def test_a_deleted_strip_is_told_as_the_questions_that_stood_in_it(
    posted: Posted, engine: Engine, label_studio: AnnotationServer
) -> None:
    label_studio.call("DELETE", f"api/tasks/{posted.tasks()[0]['id']}/")
    found = reopen_gone(engine, label_studio, *ROUND)
    assert (found.looked_for, found.questions) == (6, 4)
