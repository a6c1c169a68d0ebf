"""A queue's project is made once and kept as the queue says, whoever changes what."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from blocks.annotation_server import DOORBELL_HEADER, AnnotationServer
from tasks.review.projects import ensure_project, ensure_webhook, title_of
from tasks.review.queues import mark_missed_queue, name_kind_queue
from tasks.review.seats import seat_queue
from tasks.review.standards import OverlapRule, Staff
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


def test_a_seat_says_whose_it_is_and_that_nobody_is_asked_twice(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    people = tuple(f"{name}@example.org" for name in ("ada", "ben", "chi"))
    queue = QUEUE.staffed(Staff(annotators=people, referees=people[:1], overlap=OverlapRule(least=2, most=3)))
    told = {}
    for seat in ("2", "5", "referee1"):
        project_id = ensure_project(engine, label_studio, seat_queue(queue, seat), collection)
        project = label_studio.call("GET", f"api/projects/{project_id}/")
        assert project["title"] == f"{collection}: mark-missed~{seat}"
        told[seat] = project["description"]
    assert "seat 2 of several. For: ben@example.org. A picture that you have met" in told["2"]
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


def test_titles_fit_into_label_studio() -> None:
    queue = name_kind_queue({"car": ["sedan"]})
    assert title_of(queue, "lot") == "lot: name-kind"
    assert len(title_of(queue, "x" * 300)) == 50
