"""Whoever has the doorbell's address may send anything: nothing crashes the gateway, nothing unproven is heard.

Against the real application, called as a server calls it (ASGI), with the real parser and the real catalogue behind it:
10,000 payloads through 20 connections would measure the network instead.
"""

import asyncio
import copy
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.annotation_server import DOORBELL_HEADER
from blocks.stores import FolderStore
from blocks.tables import AnswerState
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.bell import Bell
from infra.gateway.webhooks import MAX_BODY_BYTES, parse_payload
from tasks.review.doorbell import hear
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

PAYLOADS = 10_000


class Gateway:
    """The real application, in process."""

    def __init__(self, engine: Engine, store: FolderStore) -> None:
        def hear_body(body: bytes) -> bool:
            return hear(engine, parse_payload(body)).changed_anything

        parts = GatewayParts(engine, store, "links", SECRET, hear_body, lambda: False)
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
    opened = Gateway(engine, store)
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


@pytest.mark.slow
@settings(
    max_examples=PAYLOADS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_ten_thousand_payloads_are_taken_or_refused(gateway: Gateway, engine: Engine, data: st.DataObject) -> None:
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
    restarted = Gateway(engine, store)  # it remembers no fingerprints: the catalogue does
    try:
        assert restarted.ring(body) == 202
        restarted.wait_until_heard()
    finally:
        restarted.close()
    assert len(answers(engine)) == 1


def test_an_old_version_that_is_replayed_late_does_not_come_back(gateway: Gateway, engine: Engine) -> None:
    question = questions(engine)[0]
    old, new = webhook(question, 8), webhook(question, 8, minute=5, action="ANNOTATION_UPDATED", result=[])
    for payload in (old, new):
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
    question = questions(engine)[0]
    large = [region(f"r{number}") for number in range(3000)]
    assert gateway.ring(encoded(webhook(question, result=large))) == 202
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
    "other type": ({"id": "odd", "type": "choices", "from_name": "kind", "value": {"choices": ["x"]}}, "is no box"),
    "no value": ({"id": "odd", "type": "rectanglelabels", "from_name": "box"}, "is no box of this question"),
    "turned picture": ({**region("odd"), "original_width": 1280, "original_height": 1920}, "was drawn on a picture"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_answer_that_cannot_be_used_is_kept_raw_and_set_aside_with_its_reason(
    gateway: Gateway, engine: Engine, name: str
) -> None:
    odd, reason = ODD[name]
    drawn = [region("fine"), odd]
    assert gateway.ring(encoded(webhook(questions(engine)[0], result=drawn))) == 202
    gateway.wait_until_heard()
    (answer,) = answers(engine)
    assert (gateway.bell.counts.failed, answer.state) == (0, AnswerState.SET_ASIDE)
    assert reason in (answer.reason or "")
    as_kept = json.loads(json.dumps(drawn), parse_constant=str)  # NaN and Infinity are kept as words
    assert answer.raw == as_kept
