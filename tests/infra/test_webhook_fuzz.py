"""Whoever has the doorbell's address, or its secret, may send anything: nothing crashes, nothing unproven is heard.

Against the real application, called as a server calls it (ASGI), with the real parser and the real catalogue behind it:
10,000 payloads through 20 connections would measure the network instead. What Label Studio answers when it is asked is
a table here, as each of them would take a real one a tenth of a second; a real one is in `tests/security`.

`LABELLINE_FUZZ=10000 pytest tests/infra/test_webhook_fuzz.py tests/infra/test_image_fuzz.py` tries more of each.
"""

import asyncio
import copy
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.database.tables import AnswerState
from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from blocks.storage.stores import FolderStore
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.back_room import hear_burst
from infra.gateway.bell import Bell, Hearing
from infra.gateway.webhooks import MAX_BODY_BYTES
from tests.examples import examples
from tests.review.builders import (
    answers,
    deletion,
    make_batch,
    pretend_posted,
    questions,
    region,
    webhook,
    write_missed,
)

SECRET = "doorbell-secret-of-the-fuzz"
KNOWN = {DOORBELL_HEADER: SECRET}
REAL: dict[str, dict[str, Any]] = {}
"""Webhooks as Label Studio sends them, about the questions of the running test's catalogue."""

PAYLOADS = int(os.environ.get("LABELLINE_FUZZ", examples(300, long=10_000)))


class Table:
    """What Label Studio has, as it says so when it is asked."""

    url = "http://table"

    def __init__(self) -> None:
        self.annotations: dict[int, dict[str, Any]] = {}
        self.asked = 0

    def has(self, body: dict[str, Any]) -> None:
        """Put down an annotation as the webhook of it says, and its task's data with it."""
        said = body["annotation"]
        self.annotations[said["id"]] = {**said, "data": body["task"]["data"]}

    def call(self, method: str, path: str, *, params: dict[str, Any] | None = None, absent_ok: bool = False) -> Any:
        """Answer what the doorbell asks: a list of tasks, or one annotation."""
        self.asked += 1
        assert method == "GET"
        if path.startswith("api/annotations/"):
            assert absent_ok
            return self.annotations.get(int(path.split("/")[2]))
        assert path == "api/tasks/" and params is not None
        tasks: dict[int, dict[str, Any]] = {}
        for said in self.annotations.values():
            if said["task"] in json.loads(params["query"])["selectedItems"]["included"]:
                task = tasks.setdefault(said["task"], {"id": said["task"], "data": said["data"], "annotations": []})
                task["annotations"].append(said)
        return {"tasks": list(tasks.values())}


class Gateway:
    """The real application, in process."""

    def __init__(self, engine: Engine, store: FolderStore, table: Table) -> None:
        def hear(bodies: Sequence[bytes]) -> Hearing:
            return hear_burst(engine, cast(AnnotationServer, table), bodies)

        self.table = table
        parts = GatewayParts(engine, store, "links", SECRET, hear, lambda: False)
        app = create_app(parts)
        self.bell: Bell = app.state.bell
        self._loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway")

    def ring(self, body: bytes, headers: dict[str, str] | None = None) -> int:
        """Post a body; return the status of the answer."""
        posted = self._client.post(
            "/webhooks/label-studio", content=body, headers=KNOWN if headers is None else headers
        )
        return self._loop.run_until_complete(posted).status_code

    def wait_until_heard(self) -> None:
        """Wait until the back room is empty."""
        deadline = time.monotonic() + 60
        while self.bell.counts.waiting:
            assert time.monotonic() < deadline, "the back room did not end"
            time.sleep(0.01)

    def close(self) -> None:
        """End it."""
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()
        self.bell.stop()


@pytest.fixture
def gateway(engine: Engine, store: FolderStore) -> Iterator[Gateway]:
    """A gateway on a catalogue with two posted questions."""
    make_batch(engine, items=2)
    write_missed(engine)
    pretend_posted(engine)
    opened = Gateway(engine, store, Table())
    yield opened
    opened.wait_until_heard()
    opened.close()
    assert opened.bell.counts.failed == 0


@pytest.fixture(autouse=True)
def real_webhooks(gateway: Gateway, engine: Engine) -> None:
    """Make real webhooks about the questions of this test's catalogue."""
    question = questions(engine)[0]
    many = webhook(question, 5)
    REAL.update(
        created=webhook(question, 3),
        updated=webhook(question, 4, minute=3, action="ANNOTATION_UPDATED"),
        many={"action": "ANNOTATIONS_CREATED", "annotation": [many["annotation"]], "task": [many["task"]]},
        deleted=deletion(6, 7),
    )
    for name in ("created", "updated"):
        gateway.table.has(REAL[name])
    gateway.table.has(many)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
NAMES = st.sampled_from(
    ["action", "annotation", "annotations", "task", "project", "id", "data", "result", "question_id", "updated_at",
     "completed_by", "lead_time", "was_cancelled", "value", "rectanglelabels"]
)  # fmt: skip
ACTIONS = st.sampled_from(
    ["ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED", "TASKS_CREATED"]
)
VALUES = st.recursive(
    LEAVES | ACTIONS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
SHAPED = st.fixed_dictionaries(
    {"action": ACTIONS}, optional={"annotation": VALUES, "task": VALUES, "annotations": VALUES, "project": VALUES}
)


def spots_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where something stands in a payload, every level of it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(spot for key, one in inner for spot in spots_of(one, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a payload with something else at one place."""
    if not path:
        return new
    changed = copy.deepcopy(value)
    target = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = new
    return changed


def encoded(payload: Any) -> bytes:
    """Return JSON, or what passes for it: Python's parser takes NaN, so the gateway may meet it."""
    return json.dumps(payload).encode("utf-8", errors="surrogatepass")


@settings(
    max_examples=PAYLOADS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_thousands_of_payloads_are_taken_or_refused(gateway: Gateway, engine: Engine, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["bytes", "values", "shaped", "mended"]))
    if kind == "bytes":
        body = data.draw(st.binary(max_size=200))
    elif kind == "values":
        body = encoded(data.draw(VALUES))
    elif kind == "shaped":
        body = encoded(data.draw(SHAPED))
    else:  # a real webhook with one thing in it replaced: the closest a forger gets
        real = REAL[data.draw(st.sampled_from(sorted(REAL)))]
        body = encoded(put(real, data.draw(st.sampled_from(spots_of(real))), data.draw(VALUES)))
    assert gateway.ring(body) == 202  # none is too large; what it is worth is found out afterwards
    assert gateway.ring(body, {DOORBELL_HEADER: "a guess"}) == 401
    assert gateway.bell.counts.failed == 0


def test_what_was_forged_leaves_no_trace(gateway: Gateway, engine: Engine) -> None:
    """Every value of a real webhook is replaced in turn; what Label Studio has is heard, and that alone."""
    odd: list[Any] = [None, True, 0, -1, 2**70, 1.5, "x", "1", [], {}, [1], {"id": 8}, "2031-01-01T00:00:00Z"]
    for real in list(REAL.values()):
        for spot in spots_of(real)[1:]:
            for value in odd:
                gateway.ring(encoded(put(real, spot, value)))
    gateway.ring(encoded(deletion(*range(1, 2000))))
    gateway.wait_until_heard()
    assert gateway.bell.counts.failed == 0
    heard = {answer.annotation_id: answer for answer in answers(engine)}
    assert set(heard) <= {3, 4, 5}
    for annotation_id, answer in heard.items():
        said = gateway.table.annotations[annotation_id]
        assert (answer.person, answer.seconds) == (f"user {said['completed_by']}", said["lead_time"])
        assert answer.state in ("counted", "superseded")


def test_what_rang_is_in_the_catalogue_and_nothing_failed(gateway: Gateway, engine: Engine) -> None:
    statuses = Counter(gateway.ring(encoded(payload)) for payload in REAL.values())
    gateway.wait_until_heard()
    assert statuses == {202: len(REAL)}
    assert (gateway.bell.counts.heard, gateway.bell.counts.failed) == (len(REAL), 0)
    assert {answer.annotation_id for answer in answers(engine)} == {3, 4, 5}


def test_a_replayed_webhook_is_heard_once_even_after_a_restart(
    gateway: Gateway, engine: Engine, store: FolderStore
) -> None:
    body = encoded(REAL["created"])
    assert [gateway.ring(body) for _ in range(3)] == [202, 202, 202]
    gateway.wait_until_heard()
    once = len(answers(engine))
    restarted = Gateway(engine, store, gateway.table)  # it remembers no fingerprints: the catalogue does
    try:
        assert restarted.ring(body) == 202
        restarted.wait_until_heard()
    finally:
        restarted.close()
    assert len(answers(engine)) == once == 3  # all of the task, as it was looked at


def test_an_old_version_that_is_replayed_late_does_not_come_back(gateway: Gateway, engine: Engine) -> None:
    question = questions(engine)[1]
    old, new = webhook(question, 8), webhook(question, 8, minute=5, action="ANNOTATION_UPDATED", result=[])
    for payload in (old, new):
        gateway.table.has(payload)
        gateway.ring(encoded(payload))
        gateway.wait_until_heard()
    gateway.ring(encoded(old) + b" ")  # other bytes, so not known as a double
    gateway.wait_until_heard()
    assert [(answer.state, len(answer.raw)) for answer in answers(engine)] == [("superseded", 1), ("counted", 0)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {DOORBELL_HEADER: ""},
        {DOORBELL_HEADER: SECRET[:-1]},
        {DOORBELL_HEADER: SECRET + "x"},
        {DOORBELL_HEADER: SECRET.upper()},
        {"Authorization": f"Token {SECRET}"},
    ],
    ids=["none", "empty", "short", "long", "other case", "other header"],
)
def test_a_forged_webhook_is_refused_and_not_heard(gateway: Gateway, engine: Engine, headers: dict[str, str]) -> None:
    assert gateway.ring(encoded(REAL["created"]), headers) == 401
    gateway.wait_until_heard()
    assert answers(engine) == []


def test_huge_webhooks_are_refused_and_large_ones_heard(gateway: Gateway, engine: Engine) -> None:
    question = questions(engine)[1]
    large = webhook(question, result=[region(f"r{number}") for number in range(3000)])
    gateway.table.has(large)
    assert gateway.ring(encoded(large)) == 202
    huge = [region("r" + "x" * 1000 + str(number)) for number in range(3000)]
    body = encoded(webhook(question, 2, result=huge))
    assert len(body) > MAX_BODY_BYTES
    assert gateway.ring(body) == 413
    assert gateway.ring(b"[" * 1_000_000) == 202
    assert gateway.ring(b'{"action": "ANNOTATIONS_DELETED", "annotations": [' + b"1," * 900_000 + b"1]}") == 202
    gateway.wait_until_heard()
    assert (gateway.bell.counts.heard, gateway.bell.counts.unreadable) == (1, 2)
    assert [(answer.state, len(answer.raw)) for answer in answers(engine)] == [("counted", 3000)]


def rotated(**value: Any) -> dict[str, Any]:
    """Return a region whose value says something else."""
    one = region("odd")
    return {**one, "value": {**one["value"], **value}}


ODD = {
    "unknown label": (region("odd", "lorry"), "class 'lorry' is not in the label config"),
    "outside the image": (rotated(x=97.0, width=10.0), "reaches from"),
    "far outside": (rotated(x=-400.0), "reaches from"),
    "rotated": (rotated(rotation=30), "is rotated by 30"),
    "zero area": (rotated(width=0), "has no area"),
    "negative": (rotated(height=-5), "has no area"),
    "not a number": (rotated(x=float("nan")), "is no box of this question"),
    "infinite": (rotated(width=float("inf")), "is no box of this question"),
    "two labels": (rotated(rectanglelabels=["car", "truck"]), "has 2 labels"),
    "other control": (
        {**region("odd"), "from_name": "polygons", "type": "polygonlabels"},
        "is no box of this question",
    ),
    "no value": ({"id": "odd", "type": "rectanglelabels", "from_name": "box"}, "is no box of this question"),
    "turned picture": ({**region("odd"), "original_width": 1280, "original_height": 1920}, "was drawn on a picture"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_answer_that_cannot_be_used_is_kept_raw_and_set_aside_with_its_reason(
    gateway: Gateway, engine: Engine, name: str
) -> None:
    odd, reason = ODD[name]
    drawn = [odd]
    body = webhook(questions(engine)[1], result=drawn)
    gateway.table.has(body)
    assert gateway.ring(encoded(body)) == 202
    gateway.wait_until_heard()
    (answer,) = answers(engine)
    assert (gateway.bell.counts.failed, answer.state) == (0, AnswerState.SET_ASIDE)
    assert reason in (answer.reason or "")
    as_kept = json.loads(json.dumps(drawn), parse_constant=str)  # NaN and Infinity are kept as words
    assert answer.raw == as_kept
