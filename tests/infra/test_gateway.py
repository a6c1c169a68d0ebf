"""The gateway stands between annotators and everything else: it must be right, fast and hard to fool.

All of it against a real server on a port; only what lies behind the doorbell is replaced.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from starlette.types import Receive, Scope, Send

from blocks.database.engine import upsert, writing
from blocks.database.tables import Item
from blocks.errors import BadInput
from blocks.servers.annotation_server import DOORBELL_HEADER
from blocks.storage.links import Box, image_link, signature_of
from blocks.storage.stores import FolderStore, Store
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.bell import Bell, Hearing
from infra.gateway.webhooks import MAX_BODY_BYTES, parse_body
from tasks.intake.images import Pixels, decode_upright, encode_jpeg
from tests.examples import examples

LINK_SECRET = "link-secret"
BELL_SECRET = "bell-secret"
KNOWN = {DOORBELL_HEADER: BELL_SECRET}


class Heard:
    """What the back room was told, in place of the catalogue and Prefect."""

    def __init__(self) -> None:
        self.payloads: list[dict[str, Any]] = []
        self.wakes = 0
        self.still_awake = 0
        self.open = threading.Event()
        self.open.set()

    def hear(self, bodies: Sequence[bytes]) -> Hearing:
        """Note what bodies say; one that says so fails, and all wait while the door is shut."""
        self.open.wait(10)
        unreadable, due = [], False
        for body in bodies:
            try:
                parse_body(body)
            except BadInput as error:
                unreadable.append(str(error))
                continue
            payload = json.loads(body)
            if payload.get("fail"):
                raise ValueError("asked to fail")
            self.payloads.append(payload)
            due = due or not payload.get("idle")
        return Hearing(tuple(unreadable), due)

    def wake(self) -> bool:
        """Count; say that a run is still to be woken, as often as was set."""
        self.wakes += 1
        self.still_awake -= 1
        return self.still_awake >= 0


def said(word: str) -> bytes:
    """Return a webhook that says a word."""
    return json.dumps({"action": "A", "n": word}).encode()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def parts(engine: Engine, store: Store, heard: Heard) -> GatewayParts:
    return GatewayParts(engine, store, LINK_SECRET, BELL_SECRET, heard.hear, heard.wake)


class Served:
    """One real server for all tests; each puts its own gateway behind it, as starting one takes half a second."""

    app: FastAPI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the gateway of the test."""
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[Served, str]]:
    served = Served()
    config = uvicorn.Config(served, port=0, log_level="warning", access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield served, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def serve(address: tuple[Served, str]) -> Iterator[Callable[[GatewayParts], httpx.Client]]:
    """Put a gateway behind the server, and speak to it."""
    served, url = address
    with ExitStack() as ends:

        def put(parts: GatewayParts) -> httpx.Client:
            served.app = create_app(parts)
            ends.callback(served.app.state.bell.stop)
            return ends.enter_context(httpx.Client(base_url=url))

        yield put


@pytest.fixture
def client(serve: Callable[[GatewayParts], httpx.Client], parts: GatewayParts) -> httpx.Client:
    return serve(parts)


def draw(width: int = 64, height: int = 40) -> Pixels:
    """A picture whose left half is blue and whose right half is red."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (255, 0, 0)
    image[:, width // 2 :] = (0, 0, 255)
    return image


def add_item(engine: Engine, store: Store, data: bytes, media_type: str = "image/jpeg", plain: bool = True) -> str:
    item_id = hashlib.sha256(data).hexdigest()
    key = f"items/{item_id[:2]}/{item_id}"
    store.put(key, data, media_type)
    row = {
        "id": item_id,
        "key": key,
        "name": "drawn",
        "sequence": "s",
        "media_type": media_type,
        "size_bytes": len(data),
        "width": 64,
        "height": 40,
        "plain": plain,
    }
    with writing(engine) as session:
        upsert(session, Item, [row])
    return item_id


@pytest.fixture
def item_id(engine: Engine, store: Store) -> str:
    return add_item(engine, store, encode_jpeg(draw()))


def link(item_id: str, crop: Box | None = None) -> str:
    return image_link("", LINK_SECRET, item_id, crop)


def decode(answer: httpx.Response) -> Pixels:
    return decode_upright(answer.content)


def wait_until(met: Any, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


# Pictures


def test_a_plain_item_is_shown_byte_for_byte(client: httpx.Client, item_id: str) -> None:
    answer = client.get(link(item_id))
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == item_id
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "immutable" in answer.headers["cache-control"]


def test_a_browser_that_has_the_picture_is_told_so(client: httpx.Client, item_id: str) -> None:
    etag = client.get(link(item_id)).headers["etag"]
    again = client.get(link(item_id), headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["access-control-allow-origin"] == "*"


def test_a_range_is_served_as_a_part(client: httpx.Client, item_id: str) -> None:
    whole = client.get(link(item_id)).content
    part = client.get(link(item_id), headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"


def test_a_range_beyond_the_end_is_refused(client: httpx.Client, item_id: str) -> None:
    assert client.get(link(item_id), headers={"Range": "bytes=9999999-"}).status_code == 416


def test_head_tells_the_length_without_the_picture(client: httpx.Client, item_id: str) -> None:
    answer = client.head(link(item_id))
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0
    assert answer.content == b""


def test_a_crop_shows_its_part(client: httpx.Client, item_id: str) -> None:
    shown = decode(client.get(link(item_id, (40, 4, 60, 14))))
    assert shown.shape == (10, 20, 3)
    blue, _green, red = shown.reshape(-1, 3).mean(axis=0)
    assert red > 240 and blue < 15


def test_a_crop_over_the_edge_is_cut_off_there(client: httpx.Client, item_id: str) -> None:
    assert decode(client.get(link(item_id, (-10, -10, 12, 8)))).shape == (8, 12, 3)


def test_a_crop_beside_the_image_is_refused(client: httpx.Client, item_id: str) -> None:
    answer = client.get(link(item_id, (500, 0, 600, 10)))
    assert answer.status_code == 400
    assert "64×40" in answer.text


def test_what_a_browser_would_show_wrong_is_drawn_anew(client: httpx.Client, engine: Engine, store: Store) -> None:
    written, png = cv2.imencode(".png", draw().astype(np.uint16) * 257)
    assert written
    item_id = add_item(engine, store, png.tobytes(), "image/png", plain=False)
    answer = client.get(link(item_id))
    assert answer.headers["content-type"] == "image/jpeg"
    assert decode(answer).shape == (40, 64, 3)


def test_stored_bytes_are_never_a_page(client: httpx.Client, engine: Engine, store: Store) -> None:
    item_id = add_item(engine, store, b"<script>alert(1)</script>", "text/html")
    answer = client.get(link(item_id))
    assert answer.status_code == 410
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("signature", "why"),
    [("", "none"), ("0" * 64, "wrong"), ("ü", "not ascii"), ("a" * 10_000, "long")],
)
def test_a_wrong_signature_is_refused(client: httpx.Client, item_id: str, signature: str, why: str) -> None:
    assert client.get(f"/images/{item_id}", params={"signature": signature}).status_code == 403, why


def test_the_signature_of_one_crop_opens_no_other(client: httpx.Client, item_id: str) -> None:
    signature = signature_of(LINK_SECRET, item_id, (0, 0, 5, 5))
    for crop in ("", "0,0,64,40"):
        assert client.get(f"/images/{item_id}", params={"crop": crop, "signature": signature}).status_code == 403


def test_an_unknown_item_is_not_found(client: httpx.Client) -> None:
    answer = client.get(link("a" * 64))
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"


def test_the_signature_of_one_frame_opens_no_other(client: httpx.Client, item_id: str) -> None:
    address = image_link("", LINK_SECRET, item_id, (0, 0, 32, 20), (4, 4, 12, 12))
    assert client.get(address).status_code == 200
    for frame in ("0,0,12,12", ""):
        query = dict(parse_qsl(urlsplit(address).query)) | {"frame": frame}
        assert client.get(f"/images/{item_id}", params=query).status_code == 403
    bad = dict(parse_qsl(urlsplit(address).query)) | {"frame": "1,2,3"}
    assert client.get(f"/images/{item_id}", params=bad).status_code == 400


@pytest.mark.parametrize("crop", ["1,2,3", "a,b,c,d", "1,2,3,4,5", "1.5,2,3,4", "9999999,0,1,1", "١,2,3,4"])
def test_a_malformed_crop_is_refused(client: httpx.Client, item_id: str, crop: str) -> None:
    assert client.get(f"/images/{item_id}", params={"crop": crop, "signature": "x"}).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "..%2f..%2fsecrets.json", "%2e%2e/secrets.json", "a" * 63, "A" * 64, "a" * 64 + "/x", "%00"],
)
def test_path_tricks_find_nothing(client: httpx.Client, path: str) -> None:
    assert client.get(f"/images/{path}", params={"signature": "x"}).status_code in {403, 404}


def test_bytes_lost_by_the_store_are_reported(
    client: httpx.Client, engine: Engine, store: Store, tmp_path: Path
) -> None:
    item_id = add_item(engine, store, encode_jpeg(draw(80, 40)))
    for path in (tmp_path / "objects").rglob(f"*{item_id}*"):
        path.unlink()
    assert client.get(link(item_id)).status_code == 410


class PresignedStore(FolderStore):
    """A store that gives presigned links, as an S3 store does; needs no server to test the redirect."""

    def link(self, key: str, valid_s: int = 3600) -> str:
        return f"https://bucket.example/{key}?signature=x"


def test_a_store_with_links_of_its_own_is_redirected_to(
    serve: Callable[[GatewayParts], httpx.Client], parts: GatewayParts, item_id: str, tmp_path: Path
) -> None:
    client = serve(replace(parts, store=PresignedStore(tmp_path / "objects")))
    answer = client.get(link(item_id))
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("https://bucket.example/items/")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "immutable" not in answer.headers["cache-control"]


# Doorbell


def test_a_ring_is_accepted_and_heard(client: httpx.Client, heard: Heard) -> None:
    payload = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 1}]}
    assert client.post("/webhooks/label-studio", json=payload, headers=KNOWN).status_code == 202
    wait_until(lambda: heard.payloads == [payload] and heard.wakes == 1)


@pytest.mark.parametrize("headers", [{}, {DOORBELL_HEADER: ""}, {DOORBELL_HEADER: "guess"}, {"X-Other": BELL_SECRET}])
def test_a_ring_without_the_secret_is_refused(client: httpx.Client, heard: Heard, headers: dict[str, str]) -> None:
    answer = client.post("/webhooks/label-studio", json={"action": "X"}, headers=headers)
    if headers.get(DOORBELL_HEADER, "").strip() != BELL_SECRET:
        assert answer.status_code == 401
        assert heard.payloads == []
    assert BELL_SECRET not in answer.text


def test_the_same_ring_twice_is_heard_once(client: httpx.Client, heard: Heard) -> None:
    for _ in range(3):
        assert client.post("/webhooks/label-studio", json={"action": "A", "n": 1}, headers=KNOWN).status_code == 202
    wait_until(lambda: client.get("/health").json()["rings"]["waiting"] == 0)
    assert len(heard.payloads) == 1
    assert client.get("/health").json()["rings"]["doubled"] == 2


def test_a_ring_that_failed_may_be_rung_again(client: httpx.Client, heard: Heard) -> None:
    for _ in range(2):
        client.post("/webhooks/label-studio", json={"action": "A", "fail": True}, headers=KNOWN)
        wait_until(lambda: client.get("/health").json()["rings"]["waiting"] == 0)
    assert client.get("/health").json()["rings"]["failed"] == 2
    client.post("/webhooks/label-studio", json={"action": "A"}, headers=KNOWN)
    wait_until(lambda: len(heard.payloads) == 1)


def test_a_burst_wakes_once_after_it(client: httpx.Client, heard: Heard) -> None:
    heard.open.clear()
    for number in range(50):
        client.post("/webhooks/label-studio", json={"action": "A", "n": number}, headers=KNOWN)
    heard.open.set()
    wait_until(lambda: len(heard.payloads) == 50 and heard.wakes >= 1)
    assert [payload["n"] for payload in heard.payloads] == list(range(50))
    assert heard.wakes <= 2


def test_a_ring_that_changes_nothing_wakes_nobody(client: httpx.Client, heard: Heard) -> None:
    client.post("/webhooks/label-studio", json={"action": "A", "idle": True}, headers=KNOWN)
    wait_until(lambda: client.get("/health").json()["rings"]["heard"] == 1)
    assert heard.wakes == 0


def test_a_run_that_does_not_sleep_yet_is_woken_a_little_later(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.gateway.bell.AGAIN_S", 0.01)
    heard.still_awake = 3
    bell = Bell(heard.hear, heard.wake)
    bell.ring(said("1"))
    wait_until(lambda: heard.wakes == 4)
    time.sleep(0.1)
    assert heard.wakes == 4
    bell.stop()


def test_more_rings_than_may_wait_are_counted_and_left(heard: Heard) -> None:
    heard.open.clear()
    bell = Bell(heard.hear, heard.wake, waiting_limit=3)
    for number in range(10):
        bell.ring(said(str(number)))
    assert bell.counts.overflowed == 7
    heard.open.set()
    wait_until(lambda: bell.counts.heard == 3)
    bell.stop()


def test_a_huge_body_is_refused(client: httpx.Client, heard: Heard) -> None:
    body = b'{"action": "A", "x": "' + b"x" * MAX_BODY_BYTES + b'"}'
    assert client.post("/webhooks/label-studio", content=body, headers=KNOWN).status_code == 413
    assert heard.payloads == []


MALFORMED = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"A"',
    b"{",
    b"\xff\xfe",
    b'{"action": 1}',
    b'{"action": null}',
    b"[" * 100_000,
    b'{"action": "' + b"A" * 101 + b'"}',
    b'{"action": "ANNOTATION_CREATED"}',
    b'{"action": "ANNOTATION_CREATED", "annotation": [], "task": 1}',
    b'{"action": "ANNOTATIONS_DELETED", "annotations": [{"id": "x"}]}',
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:16]))
def test_a_malformed_ring_is_counted_and_not_heard(client: httpx.Client, heard: Heard, body: bytes) -> None:
    assert client.post("/webhooks/label-studio", content=body, headers=KNOWN).status_code == 202
    wait_until(lambda: client.get("/health").json()["rings"]["unreadable"] == 1)
    assert heard.payloads == []
    assert client.get("/health").json()["rings"]["failed"] == 0


def test_more_bytes_than_may_wait_are_left(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.gateway.bell.WAITING_BYTES", 2 * len(said("0")) + 5)
    heard.open.clear()
    bell = Bell(heard.hear, heard.wake)
    for number in range(5):
        bell.ring(said(str(number)))
    assert bell.counts.overflowed == 3
    heard.open.set()
    wait_until(lambda: bell.counts.heard == 2 and bell.counts.waiting == 0)
    bell.ring(said("again"))  # there is room again
    wait_until(lambda: bell.counts.heard == 3)
    bell.stop()


JSON_VALUES = st.recursive(
    st.none() | st.text() | st.floats() | st.integers(),
    lambda inner: st.dictionaries(st.text() | st.just("action"), inner) | st.lists(inner),
)


@given(body=st.binary(max_size=300) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=examples(100, long=6000), deadline=None)
def test_no_body_breaks_the_parser(body: bytes) -> None:
    with suppress(BadInput):
        assert isinstance(parse_body(body).action, str)


def test_unknown_addresses_and_methods_are_refused(client: httpx.Client) -> None:
    assert client.get("/webhooks/label-studio").status_code == 405
    assert client.get("/docs").status_code == 404
    assert client.delete(f"/images/{'a' * 64}").status_code == 405


def test_a_slow_back_room_keeps_nobody_waiting(client: httpx.Client, heard: Heard) -> None:
    heard.open.clear()  # from here on who waits for the back room waits for ever
    for number in range(20):
        payload = {"action": "A", "n": number}
        assert client.post("/webhooks/label-studio", json=payload, headers=KNOWN).status_code == 202
    assert client.get("/health").json()["rings"]["waiting"] == 20
    heard.open.set()
    wait_until(lambda: len(heard.payloads) == 20)
