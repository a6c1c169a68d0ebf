"""A queue's project is made once and kept as the queue says, whoever changes what."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, Item, Question
from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from tasks.review.posting.projects import ensure_project, ensure_webhook, project_title
from tasks.review.questions.kinds.boxes.extreme_points import as_points
from tasks.review.questions.kinds.boxes.regions import ShownBox, read_boxes, to_regions
from tasks.review.questions.kinds.correct import CorrectPayload
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.questions.slots import slot_queue
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.review.questions.task import MODEL_VERSION, label_config, to_task
from tests.blocks.naming.test_names import USED
from tests.review.builders import QUEUE

pytestmark = pytest.mark.label_studio


@pytest.fixture
def collection() -> str:
    """A collection of the test's own, so that it has a project of its own."""
    return f"projects-{uuid4().hex[:8]}"


def webhooks(server: AnnotationServer, project_id: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = server.call("GET", "api/webhooks/", params={"project": project_id})
    return found


def test_a_project_and_its_webhook_are_made_once(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    project_id = ensure_project(engine, label_studio, QUEUE, collection)
    assert ensure_project(engine, label_studio, QUEUE, collection) == project_id
    project = label_studio.call("GET", f"api/projects/{project_id}/")
    assert (project["title"], project["sampling"]) == (f"{collection}: mark-missed", "Uncertainty sampling")
    (webhook,) = webhooks(label_studio, project_id)
    assert webhook["url"] == "http://127.0.0.1:9/webhooks/label-studio"
    assert webhook["headers"] == {DOORBELL_HEADER: label_studio.doorbell_secret}


def test_a_slot_says_whose_it_is_and_that_nobody_is_asked_twice(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    people = tuple(f"{name}@example.org" for name in ("ada", "ben", "chi"))
    queue = QUEUE.with_pool(AnnotatorPool(annotators=people, referees=people[:1], overlap=OverlapRule(least=2, most=3)))
    told = {}
    for slot in ("2", "5", "referee1"):
        project_id = ensure_project(engine, label_studio, slot_queue(queue, slot), collection)
        project = label_studio.call("GET", f"api/projects/{project_id}/")
        assert project["title"] == f"{collection}: mark-missed~{slot}"
        told[slot] = project["description"]
    assert "slot 2 of several. For: ben@example.org. A picture that you have met" in told["2"]
    assert "For: ada@example.org, ben@example.org, chi@example.org." in told["5"]
    assert "For referees only: ada@example.org." in told["referee1"]


def test_senders_that_begin_at_once_share_one_project(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    senders = [replace(label_studio) for _ in range(4)]
    with ThreadPoolExecutor(len(senders)) as room:
        made = set(room.map(lambda server: ensure_project(engine, server, QUEUE, collection), senders))
    listed = label_studio.call("GET", "api/projects/", params={"title": collection, "page_size": 100})
    assert {project["id"] for project in listed["results"]} == made
    assert len(made) == 1


def test_a_gateway_that_moved_gets_the_doorbell(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    project_id = ensure_project(engine, label_studio, QUEUE, collection)
    ensure_webhook(replace(label_studio, gateway_url="http://127.0.0.1:10"), project_id)
    (webhook,) = webhooks(label_studio, project_id)
    assert webhook["url"] == "http://127.0.0.1:10/webhooks/label-studio"


def test_new_classes_are_added_and_old_ones_stay_for_open_questions(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    project_id = ensure_project(engine, label_studio, mark_missed_queue(["car", "truck"]), collection)
    ensure_project(engine, label_studio, mark_missed_queue(["bus", "car"]), collection)
    config = label_studio.call("GET", f"api/projects/{project_id}/")["parsed_label_config"]
    assert config["box"]["labels"] == ["bus", "car", "truck"]


def test_people_may_go_back_to_dragging_where_boxes_were_clicked_before(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    clicking = mark_missed_queue(("car", "van")).with_pool(AnnotatorPool(drawing="extreme_points"))
    project_id = ensure_project(engine, label_studio, clicking, collection)
    box = ShownBox(id="n", class_name="van", score=0, x_min=10, y_min=10, x_max=30, y_max=40)
    drawn = as_points(to_regions([box], 100, 100)[0])
    task = label_studio.call(
        "POST", "api/tasks/", body={"project": project_id, "data": {"image": "http://127.0.0.1/a"}}
    )
    label_studio.call("POST", f"api/tasks/{task['id']}/annotations/", body={"result": [drawn]})
    assert ensure_project(engine, label_studio, mark_missed_queue(("car", "van")), collection) == project_id
    config = label_studio.call("GET", f"api/projects/{project_id}/")["label_config"]
    assert config == label_config(mark_missed_queue(("car", "van")).merged_with(clicking))
    (kept,) = label_studio.call("GET", f"api/tasks/{task['id']}/annotations/")[0]["result"]
    assert kept["value"] == drawn["value"]


def test_class_names_with_markup_are_escaped(engine: Engine, label_studio: AnnotationServer, collection: str) -> None:
    names = ['<Label value="x"/>', 'R&D "van"', "größer > kleiner", "$image"]
    project_id = ensure_project(engine, label_studio, mark_missed_queue(names), collection)
    config = label_studio.call("GET", f"api/projects/{project_id}/")["parsed_label_config"]
    assert config["box"]["labels"] == names


def test_a_collection_whose_name_is_part_of_another_has_its_own_project(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    longer = ensure_project(engine, label_studio, QUEUE, f"my {collection}")
    assert ensure_project(engine, label_studio, QUEUE, collection) != longer


@pytest.mark.parametrize("name", USED)
def test_every_name_that_people_use_has_a_project_of_its_own_and_a_class(
    engine: Engine, label_studio: AnnotationServer, name: str
) -> None:
    queue = mark_missed_queue([name, f"old {name}"])
    project_id = ensure_project(engine, label_studio, queue, name)
    project = label_studio.call("GET", f"api/projects/{project_id}/")
    assert project["title"] == project_title("mark-missed", name)
    assert project["parsed_label_config"]["box"]["labels"] == [name, f"old {name}"]
    assert ensure_project(engine, label_studio, queue, name) == project_id, "found again by its title"


def test_proposals_of_any_class_come_back_from_label_studio_as_they_went(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    queue = mark_missed_queue(USED)
    project_id = ensure_project(engine, label_studio, queue, collection)
    sides = {"x_min": 10.0, "y_min": 10.0, "x_max": 30.0, "y_max": 40.0, "score": 0.5}
    boxes = [ShownBox(id=f"r{n}", class_name=name, **sides) for n, name in enumerate(USED)]
    payload = CorrectPayload(width=100, height=100, boxes=boxes).model_dump()
    task = to_task(label_studio, queue, "q1", "0" * 64, payload)
    path = f"api/projects/{project_id}/import?return_task_ids=true"
    posted = label_studio.call("POST", path, body=[task])
    assert posted["prediction_count"] == 1
    kept = label_studio.call("GET", f"api/tasks/{posted['task_ids'][0]}/")["predictions"][0]["result"]
    assert [box.class_name for box in read_boxes(kept, 100, 100, queue.classes, boxes)] == USED


def test_collections_that_end_alike_have_projects_and_classes_of_their_own(
    engine: Engine, label_studio: AnnotationServer
) -> None:
    ours = f"2025-inspection-north-plant-line-07-camera-12-{uuid4().hex[:6]}"
    theirs = f"2026{ours[4:]}"
    project_id = ensure_project(engine, label_studio, mark_missed_queue(["car"]), ours)
    other_id = ensure_project(engine, label_studio, mark_missed_queue(["crack"]), theirs)
    assert project_id != other_id
    assert label_studio.call("GET", f"api/projects/{other_id}/")["parsed_label_config"]["box"]["labels"] == ["crack"]


@pytest.mark.parametrize("shared", [False, True])
def test_a_project_of_an_earlier_home_is_found_again_unless_others_share_it(
    engine: Engine, label_studio: AnnotationServer, shared: bool
) -> None:
    ours = f"2026-inspection-north-plant-line-07-camera-12-{uuid4().hex[:6]}"
    former = f"{ours[-(50 - len('mark-missed') - 2) :]}: mark-missed"
    body = {"title": former, "label_config": label_config(QUEUE), "model_version": MODEL_VERSION}
    project_id = label_studio.call("POST", "api/projects/", body=body)["id"]
    facts = {"media_type": "image/jpeg", "size_bytes": 1, "width": 9, "height": 9, "plain": True, "sequence": "s"}
    collections = [ours, f"2025{ours[4:]}"] if shared else [ours]
    with writing(engine) as session:
        upsert(session, Item, [{"id": "i", "key": "items/i", "name": "i.jpg", **facts}])
        for name in collections:
            upsert(session, Batch, [{"id": f"{name}-1", "collection": name}])
            question = {"id": name, "queue": "mark-missed", "batch_id": f"{name}-1", "item_id": "i", "payload": {}}
            upsert(session, Question, [{**question, "project_id": project_id}])
    assert (ensure_project(engine, label_studio, QUEUE, ours) == project_id) is not shared
    title = label_studio.call("GET", f"api/projects/{project_id}/")["title"]
    assert title == (former if shared else project_title("mark-missed", ours))
