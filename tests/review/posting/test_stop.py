"""A stopped collection asks nobody, loses nothing that people did, and is asked about again when its line goes on."""

from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import select, update

from blocks.database.engine import reading, writing
from blocks.database.tables import AnswerState, Outcome, Question, QuestionState, Waiting, utc_now
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.until import Sleeper, Until, note_sleeper
from tasks.review.posting.gone import is_gone
from tasks.review.posting.outbox import post_questions
from tasks.review.posting.stop import Stopped, remove_projects, stop_asking
from tasks.review.receiving.poll import read_all_changes
from tests.review.builders import QUEUE, answers, make_batch, questions, region, write_missed
from tests.review.posting.conftest import there

pytestmark = pytest.mark.label_studio

BOXES = [("car", 0.4, Outcome.ASK, (100.0, 200.0, 155.0, 244.0))]


@pytest.fixture
def collection(engine: Engine, label_studio: AnnotationServer) -> str:
    """Four posted questions of one collection, and one of another."""
    name = f"stop-{uuid4().hex[:8]}"
    make_batch(engine, items=4, boxes=BOXES, collection=name)
    make_batch(engine, items=1, boxes=BOXES, batch_id="b2", collection=f"other-{name}", first=10)
    for batch in ("b1", "b2"):
        write_missed(engine, batch)
        post_questions(engine, label_studio, QUEUE, batch)
    return name


def of_batch(engine: Engine, batch_id: str) -> list[Question]:
    return [one for one in questions(engine) if one.batch_id == batch_id]


def test_open_questions_are_taken_back_and_asked_again_by_the_next_posting(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    note_sleeper(engine, Sleeper(str(uuid4()), QUEUE.name, "b1", 0, Until()))
    before = [one.task_id for one in of_batch(engine, "b1") if one.task_id]
    other = [one.task_id for one in of_batch(engine, "b2") if one.task_id]
    assert stop_asking(engine, label_studio, collection) == Stopped(taken_back=4, kept=0)
    assert (there(label_studio, before), there(label_studio, other)) == ([], other)
    with reading(engine) as session:
        assert session.exec(select(Waiting)).all() == []
    assert stop_asking(engine, label_studio, collection) == Stopped(0, 0), "a second call finds nothing to do"
    assert post_questions(engine, label_studio, QUEUE, "b1").sent == 4
    assert {one.state for one in of_batch(engine, "b1")} == {QuestionState.POSTED.value}


def test_what_somebody_has_answered_begun_or_opened_stays_and_counts(
    engine: Engine, label_studio: AnnotationServer, collection: str, colleague: httpx.Client
) -> None:
    first, second, third, _ = of_batch(engine, "b1")
    project = first.project_id
    opened = colleague.get(f"/api/projects/{project}/next/").json()["id"]
    answered, begun = [one for one in (first, second, third) if one.task_id != opened][:2]
    body = {"result": [region()], "lead_time": 2.0}
    colleague.post(f"/api/tasks/{answered.task_id}/annotations/", json=body).raise_for_status()
    colleague.post(f"/api/tasks/{begun.task_id}/drafts", json=body).raise_for_status()
    assert stop_asking(engine, label_studio, collection) == Stopped(taken_back=1, kept=3)
    colleague.post(f"/api/tasks/{opened}/annotations/", json=body).raise_for_status()
    read_all_changes(engine, label_studio)
    counted = {one.question_id for one in answers(engine) if one.state == AnswerState.COUNTED}
    by_task = {one.task_id: one.id for one in questions(engine)}
    assert counted == {answered.id, by_task[opened]}


def test_what_an_interrupted_posting_sent_without_noting_it_is_taken_back_as_well(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    tasks = [one.task_id for one in of_batch(engine, "b1") if one.task_id]
    lost = {"state": QuestionState.WRITTEN.value, "task_id": None, "posted_at": utc_now()}
    with writing(engine) as session:
        session.exec(update(Question).where(Question.batch_id == "b1").values(**lost))
    assert stop_asking(engine, label_studio, collection) == Stopped(taken_back=4, kept=0)
    assert there(label_studio, tasks) == []


def test_a_collection_without_questions_has_nothing_to_take_back(
    engine: Engine, label_studio: AnnotationServer
) -> None:
    assert stop_asking(engine, label_studio, "nothing") == Stopped(0, 0)


def test_projects_of_the_collection_alone_are_removed(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    mine = {one.project_id for one in of_batch(engine, "b1")}
    other = {one.project_id for one in of_batch(engine, "b2")}
    assert (remove_projects(engine, label_studio, collection), mine & other) == (1, set())
    assert [is_gone(label_studio, id_) for id_ in (*mine, *other) if id_] == [True, False]
    assert remove_projects(engine, label_studio, collection) == 0
