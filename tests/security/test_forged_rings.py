"""Somebody has learnt the doorbell's secret and rings with lies: the line's truth stays what Label Studio says.

All of it is real: Label Studio, its webhooks, the gateway on a port, the catalogue, and two people with accounts.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine

from blocks.database.tables import Answer, QuestionState
from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from blocks.storage.stores import FolderStore
from infra.gateway.bell import Bell
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.poll import read_all_changes
from tests.chaos.post_office import open_gateway, wait_until_heard
from tests.label_studio import signed_up
from tests.review.builders import QUEUE, answers, deletion, make_batch, questions, region, webhook, write_missed

pytestmark = pytest.mark.label_studio


class Door:
    """The gateway's doorbell, as who knows its secret can use it."""

    def __init__(self, address: str, secret: str, bell: Bell) -> None:
        self._address, self._secret, self.bell = address, secret, bell

    def ring(self, *bodies: dict[str, Any]) -> None:
        """Post bodies, and wait until they are worked off."""
        for body in bodies:
            headers = {DOORBELL_HEADER: self._secret}
            answer = httpx.post(f"{self._address}/webhooks/label-studio", content=json.dumps(body), headers=headers)
            assert answer.status_code == 202
        wait_until_heard(self.bell)


@pytest.fixture(scope="module")
def people(label_studio: AnnotationServer) -> Iterator[list[httpx.Client]]:
    """Ada, who works, and Ben, who forges."""
    with signed_up(label_studio) as ada, signed_up(label_studio) as ben:
        yield [ada, ben]


@pytest.fixture
def door(engine: Engine, store: FolderStore, label_studio: AnnotationServer) -> Iterator[Door]:
    """A gateway that Label Studio's webhooks reach, and a batch of four questions that is posted."""
    make_batch(engine, items=4, collection=f"forged-{uuid4().hex[:8]}")
    write_missed(engine)
    with open_gateway(engine, store, label_studio) as (address, bell):
        post_questions(engine, replace(label_studio, gateway_url=address), QUEUE, "b1")
        yield Door(address, label_studio.doorbell_secret, bell)


def say(person: httpx.Client, engine: Engine, number: int, mark: str = "real") -> dict[str, Any]:
    """Answer the n-th question as a person's browser does."""
    task_id = questions(engine)[number].task_id
    body = {"result": [region(mark)], "lead_time": 4.0}
    made: dict[str, Any] = person.post(f"/api/tasks/{task_id}/annotations/", json=body).raise_for_status().json()
    return made


def number_of(person: httpx.Client) -> int:
    return int(person.get("/api/current-user/whoami").json()["id"])


def email_of(person: httpx.Client) -> str:
    return str(person.get("/api/current-user/whoami").json()["email"])


def wait_for(engine: Engine, are_there: Callable[[list[Answer]], bool]) -> None:
    deadline = time.monotonic() + 30
    while not are_there(answers(engine)):
        assert time.monotonic() < deadline, answers(engine)
        time.sleep(0.05)


def truth(engine: Engine) -> list[tuple[str, str, str]]:
    """Return who said what, as far as it counts."""
    counted = [one for one in answers(engine) if one.state == "counted"]
    return sorted((one.question_id, one.person, one.raw[0]["id"]) for one in counted)


def test_what_a_person_answers_is_known_at_once_with_their_name(
    engine: Engine, door: Door, people: list[httpx.Client]
) -> None:
    made = say(people[0], engine, 0)
    wait_for(engine, lambda known: len(known) == 1)
    assert truth(engine) == [(questions(engine)[0].id, email_of(people[0]), "real")]
    people[0].patch(f"/api/annotations/{made['id']}/", json={"result": [region("mended")]}).raise_for_status()
    wait_for(engine, lambda known: len(known) == 2)
    assert truth(engine) == [(questions(engine)[0].id, email_of(people[0]), "mended")]
    assert people[0].delete(f"/api/annotations/{made['id']}/").status_code == 204
    wait_for(engine, lambda known: {one.state for one in known} == {"deleted", "superseded"})
    assert {one.heard_by for one in answers(engine)} == {"doorbell"}


def test_an_answer_invented_in_anothers_name_does_not_count(
    engine: Engine, door: Door, people: list[httpx.Client]
) -> None:
    ada = number_of(people[0])
    invented = [webhook(question, 10**8 + n, completed_by=ada) for n, question in enumerate(questions(engine))]
    door.ring(*invented)
    many = {"action": "ANNOTATIONS_CREATED", "annotation": [body["annotation"] for body in invented], "task": []}
    door.ring(many | {"task": [body["task"] for body in invented]})
    assert answers(engine) == []
    assert {question.state for question in questions(engine)} == {QuestionState.POSTED}
    assert door.bell.counts.failed == 0


def test_another_version_of_a_real_answer_does_not_count(
    engine: Engine, door: Door, people: list[httpx.Client]
) -> None:
    made = say(people[0], engine, 0)
    wait_for(engine, lambda known: len(known) == 1)
    before = truth(engine)
    changed = webhook(
        questions(engine)[0], made["id"], action="ANNOTATION_UPDATED", updated_at="2150-01-01T00:00:00Z",
        result=[region("forged")], completed_by=number_of(people[1]),
    )  # fmt: skip
    skip = webhook(questions(engine)[0], made["id"], was_cancelled=True, result=[], updated_at="2151-01-01T00:00:00Z")
    moved = webhook(questions(engine)[1], made["id"], updated_at="2152-01-01T00:00:00Z")
    door.ring(changed, skip, moved)
    assert truth(engine) == before
    assert len(answers(engine)) == 1


def test_answers_there_are_and_answers_to_come_cannot_be_deleted_by_a_ring(
    engine: Engine, label_studio: AnnotationServer, door: Door, people: list[httpx.Client]
) -> None:
    first = say(people[0], engine, 0)
    wait_for(engine, lambda known: len(known) == 1)
    door.ring(deletion(*range(1, first["id"] + 2_000)))
    assert len(truth(engine)) == 1
    later = say(people[0], engine, 1, "later")
    assert first["id"] < later["id"] < first["id"] + 2_000
    wait_for(engine, lambda known: len(known) == 2)
    door.ring(deletion(first["id"], later["id"]))
    read_all_changes(engine, label_studio)
    assert [mark for _, _, mark in sorted(truth(engine), key=lambda one: one[2])] == ["later", "real"]
    assert sum(question.state == QuestionState.ANSWERED for question in questions(engine)) == 2


def test_what_once_rang_and_rings_again_brings_nothing_back(
    engine: Engine, label_studio: AnnotationServer, door: Door, people: list[httpx.Client]
) -> None:
    made = say(people[0], engine, 0)
    wait_for(engine, lambda known: len(known) == 1)
    replay = webhook(questions(engine)[0], made["id"], completed_by=number_of(people[0]))
    people[0].patch(f"/api/annotations/{made['id']}/", json={"result": [region("mended")]}).raise_for_status()
    wait_for(engine, lambda known: len(known) == 2)
    door.ring(replay, replay | {"again": 1})
    assert [mark for _, _, mark in truth(engine)] == ["mended"]
    people[0].delete(f"/api/annotations/{made['id']}/")
    wait_for(engine, lambda known: all(one.state in ("deleted", "superseded") for one in known))
    door.ring(replay | {"again": 2}, replay | {"action": "ANNOTATION_UPDATED"})
    read_all_changes(engine, label_studio)
    assert truth(engine) == []
    assert questions(engine)[0].state == QuestionState.POSTED
