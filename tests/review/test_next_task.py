"""The next task is the open question of the highest priority, whoever asks for it and whenever it was posted.

Two people in sessions of their own, as in two browsers. It rests on how Label Studio samples (see `projects.py`), so
the same is asked of it here: locks, skips and drafts as ever, nothing random, blind questions without a box.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import writing
from blocks.database.tables import Outcome, Question, Route
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.queue import Queue, name_kind_queue
from tasks.review.questions.task import HIGHEST_SCORE, place_score
from tests.review.builders import QUEUE, ProposedBox, item_id, make_batch, questions, write_missed

BOXES: list[ProposedBox] = [("car", 0.4, Outcome.ASK, (10.0, 20.0, 110.0, 80.0))]
KINDS = name_kind_queue({"car": ("golf", "polo")})


def test_more_priority_is_a_lower_score_and_none_looks_like_one() -> None:
    scores = [place_score(priority) for priority in (1e9, 3.0, 1.0, 0.5 + 1e-9, 0.5, 0.0, -2.0, -1e9)]
    assert scores == sorted(set(scores))
    assert 0 <= min(scores) <= max(scores) <= HIGHEST_SCORE < 0.00005


class Person:
    """Somebody who takes the next task, as the button "Label All Tasks" does."""

    def __init__(self, browser: httpx.Client, project: int) -> None:
        self._browser, self._project = browser, project

    def next_task(self) -> dict[str, Any]:
        sent = {"id": "next_task", "project": self._project, "tabID": 1}
        return dict(self._browser.post("/api/dm/actions", params=sent, json={}).raise_for_status().json())

    def next_id(self) -> int:
        return int(self.next_task()["id"])

    def submit(self, task: int, **more: Any) -> None:
        answer = {"result": [], "lead_time": 1.0, **more}
        self._browser.post(f"/api/tasks/{task}/annotations/", json=answer).raise_for_status()

    def put_off(self, task: int) -> None:
        draft = {"result": [], "lead_time": 1.0, "was_postponed": True}
        self._browser.post(f"/api/tasks/{task}/drafts", json=draft).raise_for_status()


@pytest.fixture
def operator(label_studio: AnnotationServer) -> Iterator[httpx.Client]:
    """The administrator, who answers questions as well."""
    headers = {"Authorization": f"Token {label_studio.api_token}"}
    with httpx.Client(base_url=label_studio.url, headers=headers, timeout=60) as browser:
        yield browser


def prioritise(engine: Engine, batch_id: str, first: float, step: float) -> None:
    """Give the questions of a batch falling priorities, in the order of their ids."""
    with writing(engine) as session:
        mine = select(Question).where(Question.batch_id == batch_id).order_by(Question.id)
        for number, row in enumerate(session.exec(mine)):
            row.priority = first - number * step


@pytest.fixture
def project(engine: Engine, label_studio: AnnotationServer) -> int:
    """Three batches of a collection, posted one after the other, whose priorities interleave; some are blind."""
    collection, project = f"next {uuid4().hex[:8]}", None
    for number, first in enumerate((0.5, 0.9, 0.7)):
        batch, routes = f"b{number}", {1: Route.AUDIT, 3: Route.AUDIT}
        make_batch(engine, 4, BOXES, batch, routes=routes, collection=collection, first=10 * number)
        write_missed(engine, batch)
        prioritise(engine, batch, first, step=0.13)
        project = post_questions(engine, label_studio, QUEUE, batch).project_id
    assert project is not None
    return project


def by_priority(engine: Engine) -> list[int]:
    return [row.task_id or 0 for row in sorted(questions(engine), key=lambda row: -row.priority)]


@pytest.mark.label_studio
def test_a_later_question_of_higher_priority_comes_first_whoever_asks(
    engine: Engine, project: int, colleague: httpx.Client, operator: httpx.Client
) -> None:
    people, served = [Person(colleague, project), Person(operator, project)], []
    for turn in range(12):
        task = people[turn % 2].next_task()
        served.append(int(task["id"]))
        payload = read_payload(next(row.payload for row in questions(engine) if row.task_id == task["id"]))
        assert len(task["predictions"][0]["result"]) == (0 if payload.blind else 1)
        people[turn % 2].submit(served[-1])
    assert served == by_priority(engine)
    assert sum(row.payload["blind"] for row in questions(engine)) == 6


@pytest.mark.label_studio
def test_two_people_never_have_the_same_question_and_what_one_skips_or_puts_off_the_order_keeps(
    engine: Engine, project: int, colleague: httpx.Client, operator: httpx.Client
) -> None:
    ada, ben = Person(colleague, project), Person(operator, project)
    order = by_priority(engine)
    assert [ada.next_id(), ben.next_id(), ada.next_id()] == [order[0], order[1], order[0]], "a task that is open stays"
    ada.submit(order[0], was_cancelled=True)
    ben.submit(order[1])
    assert [ben.next_id(), ada.next_id()] == [order[0], order[2]], "skipped by one, first for the other"
    ben.submit(order[0])
    ada.put_off(order[2])
    assert [ada.next_id(), ben.next_id()] == [order[3], order[4]]
    for person, task in ((ada, order[3]), (ben, order[4])):
        person.submit(task)
    rest = [ada.next_id()]
    while len(rest) < 7:
        ada.submit(rest[-1])
        rest.append(ada.next_id())
    assert rest == order[5:]
    ada.submit(rest[-1])
    assert ada.next_id() == order[2], "put off, and still theirs"


@pytest.mark.label_studio
def test_what_comes_in_while_somebody_works_is_next_if_it_is_more_urgent(
    engine: Engine, project: int, label_studio: AnnotationServer, colleague: httpx.Client
) -> None:
    ada, first = Person(colleague, project), by_priority(engine)[0]
    assert ada.next_id() == first
    collection = label_studio.call("GET", f"api/projects/{project}/")["title"].rpartition(": ")[0]
    make_batch(engine, 1, BOXES, "urgent", collection=collection, first=90)
    write_missed(engine, "urgent")
    prioritise(engine, "urgent", 5.0, step=0)
    assert post_questions(engine, label_studio, QUEUE, "urgent").project_id == project
    ada.submit(first)
    (urgent,) = [row.task_id for row in questions(engine) if row.batch_id == "urgent"]
    assert ada.next_id() == urgent


def write_kinds(engine: Engine, queue: Queue, batch_id: str, priorities: list[float]) -> None:
    payload = {
        "type": "kind",
        "width": 100,
        "height": 50,
        "crop": [8, 3, 42, 47],
        "class_name": "car",
        "kinds": ["golf"],
    }
    raw = read_payload({**payload, "kinds": ["golf"]}).model_dump(mode="json")
    drafts = [
        Draft(batch_id, item_id(0), raw, subject=f"{number}", priority=at) for number, at in enumerate(priorities)
    ]
    write_questions(engine, queue, drafts)


@pytest.mark.label_studio
def test_questions_of_which_nothing_is_chosen_beforehand_follow_their_priority_too(
    engine: Engine, label_studio: AnnotationServer, colleague: httpx.Client
) -> None:
    collection, project = f"next {uuid4().hex[:8]}", None
    for batch, priorities in (("b1", [0.2, 0.6]), ("b2", [0.9, 0.4])):
        make_batch(engine, 1, batch_id=batch, collection=collection)
        write_kinds(engine, KINDS, batch, priorities)
        project = post_questions(engine, label_studio, KINDS, batch).project_id
    assert project is not None
    ada, served = Person(colleague, project), []
    for _ in range(4):
        task = ada.next_task()
        shown = [region["type"] for prediction in task["predictions"] for region in prediction["result"]]
        assert "choices" not in shown
        served.append(int(task["id"]))
        ada.submit(served[-1])
    assert served == by_priority(engine)
