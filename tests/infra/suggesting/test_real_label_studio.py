"""Live suggestions through a real Label Studio: what a question shows when it is opened, answer after answer.

Two people take the next question as the button "Label All Tasks" does. What they see must know the answer given just
before, come in the order of priorities, and be nothing at all where the question is blind or the back end is away.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine

from blocks.apart import Failures
from blocks.errors import LabelStudioRefused
from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from blocks.storage.stores import Store
from infra.stack.state import HOST
from tasks.review.mending import mend_questions
from tasks.review.posting.back_end import ensure_back_end, prune_suggestions
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.kinds.classes.said import chosen_region
from tasks.review.questions.kinds.protocol import LIVE
from tasks.review.questions.kinds.texts.text_regions import ShownSpan, to_text_regions
from tasks.review.questions.task import MODEL_VERSION
from tests.chaos.post_office import open_gateway
from tests.infra.suggesting.test_texts import QUEUE as SPANS_QUEUE
from tests.infra.suggesting.test_texts import Reader, texts
from tests.infra.suggesting.world import make_world, questions_of
from tests.label_studio import TOKEN
from tests.review.test_next_task import Person

CLASSES = ("red", "green", "blue")
BLIND = (5, 11, 17)
READY_S = 60


def operator(server: AnnotationServer) -> httpx.Client:
    headers = {"Authorization": f"Token {server.api_token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=120)


def wait_until_ready(server: AnnotationServer, project: int) -> str:
    """Wait until the gateway has read the collection, as it does apart from whoever asks; return the version."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        asked = httpx.post(
            f"{server.suggestions_url}/setup", json={"project": f"{project}.1"}, auth=server.suggestions_login
        )
        version: str = asked.raise_for_status().json()["model_version"]
        if version != MODEL_VERSION:
            return version
        time.sleep(0.1)
    raise AssertionError(f"nothing was suggested after {READY_S} s")


def shown(task: dict[str, Any]) -> str | None:
    """Return the class that a question is opened with."""
    found = [region["value"]["choices"][0] for one in task["predictions"] for region in one["result"]]
    return found[0] if found else None


def choose(person: Person, task: dict[str, Any], name: str) -> None:
    """Submit a class, as a page does: what was shown keeps its id."""
    regions = [region for one in task["predictions"] for region in one["result"]]
    id_ = regions[0]["id"] if regions else "own"
    person.submit(int(task["id"]), result=[chosen_region(name, id_)])


@contextmanager
def nobody_answers(port: int) -> Iterator[None]:
    """Take connections at a port, and never say a word."""
    taken: list[socket.socket] = []
    with socket.create_server((HOST, port)) as door:
        threading.Thread(target=lambda: _take(door, taken), daemon=True).start()
        yield
    for one in taken:
        one.close()


def _take(door: socket.socket, taken: list[socket.socket]) -> None:
    try:
        while True:
            taken.append(door.accept()[0])
    except OSError:
        return


@pytest.mark.label_studio
def test_each_question_opens_with_what_the_answer_before_taught(
    engine: Engine,
    store: Store,
    label_studio: AnnotationServer,
    colleague: httpx.Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    world = make_world(engine, store, 30, CLASSES, blind=BLIND, collection="live")
    truth = dict(zip(world.items, world.names, strict=True))
    with open_gateway(engine, store, label_studio) as (address, _bell), operator(label_studio) as browser:
        server = replace(label_studio, gateway_url=address)
        project = post_questions(engine, server, world.queue, "b1").project_id
        assert project is not None
        first = wait_until_ready(server, project)
        asked = {row.task_id: row for row in questions_of(engine).values()}
        people = [Person(colleague, project), Person(browser, project)]
        served: list[int] = []
        said: list[tuple[str | None, str, bool]] = []
        versions = []
        for turn in range(24):
            task = people[turn % 2].next_task()
            row = asked[int(task["id"])]
            served.append(int(task["id"]))
            said.append((shown(task), truth[row.item_id], row.payload["blind"]))
            versions += [one["model_version"] for one in task["predictions"]]
            choose(people[turn % 2], task, truth[row.item_id])
        assert served == [row.task_id for row in asked.values()][:24], "the order is that of priorities"
        assert {seen for seen, _, blind in said if blind} <= {None}
        late = [(seen, true) for seen, true, blind in said[10:] if not blind]
        assert late
        assert all(seen == true for seen, true in late)
        assert len(set(versions)) == len(versions), "each knows another answer"
        assert first not in versions

        # What nobody may find: a second webhook, a password, the token that Label Studio hands to back ends.
        (webhook,) = server.call("GET", "api/webhooks/", params={"project": project})
        assert DOORBELL_HEADER in webhook["headers"]
        (back_end,) = server.call("GET", "api/ml", params={"project": project})
        assert server.suggestions_login[1] not in str(back_end)
        for secret in (TOKEN, server.suggestions_login[1], server.doorbell_secret):
            assert secret not in caplog.text

        # A task that is opened again and again keeps what was posted and the last suggestion.
        for name in ("red", "green"):
            task = people[0].next_task()
            choose(people[1], people[1].next_task(), name)
        assert len(server.call("GET", "api/predictions/", params={"task": task["id"]})) >= 2
        prune_suggestions(server, project)
        left = [one["model_version"] for one in server.call("GET", "api/predictions/", params={"task": task["id"]})]
        assert sorted(name.startswith(LIVE) for name in left) == [False, True]
        assert not mend_questions(engine, server, Failures()).mended

    # The gateway is gone: a question opens, and shows nothing; one that hangs is not waited for.
    task = people[0].next_task()
    assert task["predictions"] == []
    with nobody_answers(int(urlsplit(address).port or 0)):
        began = time.monotonic()
        assert people[0].next_task()["id"] == task["id"]
        assert time.monotonic() - began < 30


@pytest.mark.label_studio
def test_a_back_end_is_registered_once_follows_the_gateway_and_goes(
    engine: Engine, store: Store, label_studio: AnnotationServer
) -> None:
    world = make_world(engine, store, 3, CLASSES, collection="registered")
    dead = replace(label_studio, gateway_url="http://127.0.0.1:9")
    project = post_questions(engine, dead, world.queue, "b1").project_id
    assert project is not None, "a gateway that does not answer stops no posting"
    assert label_studio.call("GET", "api/ml", params={"project": project}) == []
    with open_gateway(engine, store, label_studio) as (address, _bell):
        server = replace(label_studio, gateway_url=address)
        assert mend_questions(engine, server, Failures()).mended
        assert not ensure_back_end(server, project, world.queue)
        renewed = replace(server, doorbell_secret="another")
        with pytest.raises(LabelStudioRefused, match="authentication"):
            ensure_back_end(renewed, project, world.queue)
        assert ensure_back_end(server, project, world.queue.model_copy(update={"live": False}))
        assert server.call("GET", f"api/projects/{project}/")["model_version"] == MODEL_VERSION
        assert server.call("GET", "api/ml", params={"project": project}) == []


@pytest.mark.label_studio
def test_a_text_opens_with_what_was_marked_in_the_texts_before_it(
    engine: Engine, store: Store, label_studio: AnnotationServer
) -> None:
    reader = Reader(engine, store, texts(7), posted=False)
    with open_gateway(engine, store, label_studio) as (address, _bell), operator(label_studio) as browser:
        server = replace(label_studio, gateway_url=address)
        project = post_questions(engine, server, SPANS_QUEUE, "b1").project_id
        assert project is not None
        wait_until_ready(server, project)
        person = Person(browser, project)
        seen = []
        for _ in reader.items:
            task = person.next_task()
            text = task["data"]["text"]
            at = text.index("New York")
            own = ShownSpan(id="own", class_name="place", score=1, start=at, end=at + 8)
            seen.append([one["value"]["text"] for each in task["predictions"] for one in each["result"]])
            person.submit(int(task["id"]), result=to_text_regions([own], text))
    assert seen == [[], [], [], [], *[["New York"]] * 3]
