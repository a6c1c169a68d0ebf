"""Whoever is slow on purpose is sent away, whatever they ask for, and keeps nobody else waiting. With real sockets."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Item
from blocks.servers.annotation_server import DOORBELL_HEADER
from blocks.storage.links import image_link
from blocks.storage.stores import FolderStore
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.bell import Hearing
from infra.gateway.patience import Patience, configure

LINK_SECRET, BELL_SECRET = "link-secret", "bell-secret"
SHORT = Patience(head_s=0.6, body_s=0.8, stalled_s=0.5, answer_s=30, idle_s=1, head_bytes=4_000, connections=60)
PATIENT = Patience(head_s=60, body_s=60, stalled_s=60, answer_s=60, idle_s=60, head_bytes=4_000, connections=60)
LIMIT_S = 20.0
"""How long a busy machine may take to close what has had its time: less than all other limits of a test."""

PATHS = ("/health", "/webhooks/label-studio", "/images/" + "a" * 64)


@pytest.fixture
def picture(engine: Engine, store: FolderStore) -> str:
    """A stored picture of several megabytes: more than the buffers of two sockets hold."""
    noise = np.random.default_rng(0).integers(0, 256, (2000, 3000, 3), dtype=np.uint8)
    encoded = cv2.imencode(".png", noise)[1].tobytes()
    assert len(encoded) > 16_000_000
    item_id = "b" * 64
    key = f"items/{item_id}"
    store.put(key, encoded)
    facts = {"sequence": "s", "media_type": "image/png", "size_bytes": len(encoded), "plain": True}
    with writing(engine) as session:
        upsert(session, Item, [{"id": item_id, "key": key, "name": "x.png", "width": 3000, "height": 2000, **facts}])
    return item_id


@contextmanager
def serving(engine: Engine, store: FolderStore, patience: Patience) -> Iterator[int]:
    """Serve the real gateway; yields its port."""
    parts = GatewayParts(engine, store, LINK_SECRET, BELL_SECRET, lambda _bodies: Hearing(), lambda: False)
    server = uvicorn.Server(configure(create_app(parts), "127.0.0.1", 0, patience))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def patience() -> Patience:
    """All limits are short, where a test does not say which one."""
    return SHORT


@pytest.fixture
def port(engine: Engine, store: FolderStore, patience: Patience) -> Iterator[int]:
    with serving(engine, store, patience) as opened:
        yield opened


def only(**limits_s: float) -> pytest.MarkDecorator:
    """Let nothing but these limits close a connection: that it is closed at all is then their doing."""
    return pytest.mark.parametrize("patience", [replace(PATIENT, **limits_s)], ids=["+".join(limits_s) or "none"])  # type: ignore[arg-type]


def is_closed_after(line: socket.socket, seconds: float, drip: bytes = b"", every_s: float = 0.1) -> bool:
    """Say whether a connection has its time, and is closed then."""
    return seconds * 0.8 < seconds_until_closed(line, drip, every_s) < LIMIT_S


def connect(port: int, first: bytes = b"", receive_bytes: int | None = None) -> socket.socket:
    line = socket.socket()
    if receive_bytes:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    line.settimeout(10)
    line.connect(("127.0.0.1", port))
    if first:
        line.sendall(first)
    return line


def seconds_until_closed(
    line: socket.socket, drip: bytes = b"", every_s: float = 0.1, limit_s: float = LIMIT_S
) -> float:
    """Send a little now and then until the other side has had enough, or for so long; return how long that took."""
    begun = time.monotonic()
    line.settimeout(every_s)
    while time.monotonic() - begun < limit_s:
        try:
            if drip:
                line.sendall(drip)
            if line.recv(65_536) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begun


@only(head_s=0.6)
@pytest.mark.parametrize("path", PATHS)
def test_fifty_that_send_a_header_now_and_then_are_closed(port: int, path: str) -> None:
    begin = f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode()
    with ExitStack() as stack:
        lines = [stack.enter_context(connect(port, begin)) for _ in range(50)]
        begun = time.monotonic()
        left = list(lines)
        while left and time.monotonic() - begun < LIMIT_S:
            for line in list(left):
                if seconds_until_closed(line, b"X-Slow: y\r\n", every_s=0.001, limit_s=0.002) < 0.002:
                    left.remove(line)
            assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=LIMIT_S).status_code == 200
            time.sleep(0.05)
        assert not left
        assert time.monotonic() - begun > 0.5


@only(head_s=0.6)
@pytest.mark.parametrize(
    "first",
    [b"", b"\r\n", b"G", b"GET /health", b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: "],
    ids=["silence", "empty lines", "a letter", "half a line", "half a header"],
)
def test_half_a_head_has_its_time(port: int, first: bytes) -> None:
    with connect(port, first) as line:
        drip = b"" if not first else b"\r\n" if first == b"\r\n" else b"a"
        assert seconds_until_closed(line, drip) < LIMIT_S


@only(head_s=0.6)
def test_so_has_the_second_head_of_a_connection(port: int) -> None:
    with connect(port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") as line:
        assert b"200 OK" in line.recv(4096)
        assert is_closed_after(line, 0.6, b"\r\n")


@only(body_s=0.8)
@pytest.mark.parametrize("secret", [BELL_SECRET, "wrong"])
@pytest.mark.parametrize("path", PATHS)
def test_half_a_body_has_its_time(port: int, path: str, secret: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{DOORBELL_HEADER}: {secret}\r\nContent-Length: 100000\r\n\r\n"
    with connect(port, head.encode()) as line:
        assert seconds_until_closed(line, b"x") < LIMIT_S


@only(body_s=0.8)
def test_an_endless_body_of_chunks_ends(port: int) -> None:
    head = "GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(port, head.encode()) as line:
        assert seconds_until_closed(line, b"1\r\nx\r\n", every_s=0.01) < LIMIT_S


@only(idle_s=1)
def test_idle_connections_are_closed_after_a_while(port: int) -> None:
    with connect(port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") as line:
        assert b"200 OK" in line.recv(4096)
        assert is_closed_after(line, 1.0)


@only()
@pytest.mark.parametrize(
    "head",
    [
        b"GET /images/" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health?" + b"a" * 300_000,
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 5_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 3_000 + b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"a" * 5_000,
    ],
    ids=["address", "endless address", "header", "many headers", "endless name"],
)
def test_a_head_that_is_too_long_is_refused(port: int, head: bytes) -> None:
    with connect(port) as line:
        try:
            line.sendall(head)
            answer = line.recv(4096)
        except OSError:  # it was closed while we still sent
            answer = b""
        assert answer[:12] in (b"HTTP/1.1 400", b"")
        assert seconds_until_closed(line) < LIMIT_S


def test_a_long_head_in_small_pieces_is_none_that_is_too_long(port: int) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 3_000 + b"\r\n\r\n"
    with connect(port) as line:
        for start in range(0, len(head), 500):
            line.sendall(head[start : start + 500])
            time.sleep(0.02)
        assert b"200 OK" in line.recv(4096)


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize("crop", [None, (0, 0, 2990, 1990)], ids=["stored", "drawn"])
def test_who_does_not_read_the_answer_is_sent_away(
    port: int, picture: str, crop: tuple[int, int, int, int] | None, connection: str
) -> None:
    path = image_link("", LINK_SECRET, picture, crop)
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n".encode()
    with connect(port, request, receive_bytes=4_096) as line:
        whole = announced_bytes(line.recv(1_000))
        time.sleep(SHORT.stalled_s * 6)
        assert read_to_the_end(line) < whole - 1_000_000  # what the two kernels hold by then is not taken back


def announced_bytes(head: bytes) -> int:
    """Return how long an answer says that it is."""
    assert b"200 OK" in head
    return int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])


def read_to_the_end(line: socket.socket, at_once: int = 65_536, pause_s: float = 0.0) -> int:
    """Read until the other side has closed; return how many bytes came."""
    taken = 0
    try:
        while part := line.recv(at_once):
            taken += len(part)
            time.sleep(pause_s)
    except ConnectionResetError:
        pass
    return taken


def test_who_reads_slowly_and_steadily_gets_all_of_it(engine: Engine, store: FolderStore, picture: str) -> None:
    path = image_link("", LINK_SECRET, picture)
    size = Path(store.local_path(f"items/{picture}")).stat().st_size
    with serving(engine, store, SHORT) as port:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        with connect(port, request, receive_bytes=65_536) as line:
            assert read_to_the_end(line, 131_072, pause_s=0.01) > size


def test_an_answer_has_its_time_however_steadily_it_is_read(engine: Engine, store: FolderStore, picture: str) -> None:
    path = image_link("", LINK_SECRET, picture)
    with serving(engine, store, Patience(stalled_s=0.5, answer_s=1.5)) as port:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        with connect(port, request, receive_bytes=4_096) as line:
            whole = announced_bytes(line.recv(1_000))
            assert read_to_the_end(line, 16_384, pause_s=0.01) < whole - 1_000_000


def test_where_all_seats_are_taken_who_waits_for_nothing_gets_up(engine: Engine, store: FolderStore) -> None:
    patient = Patience(head_s=30, connections=20)
    with serving(engine, store, patient) as port, ExitStack() as stack:
        idle = [stack.enter_context(connect(port)) for _ in range(60)]
        head = f"POST /webhooks/label-studio HTTP/1.1\r\nHost: x\r\n{DOORBELL_HEADER}: {BELL_SECRET}\r\n"
        with connect(port, f"{head}Content-Length: 2\r\n\r\n{{".encode()) as at_work:
            idle += [stack.enter_context(connect(port)) for _ in range(60)]
            assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
            at_work.sendall(b"}")
            assert b"202" in at_work.recv(4096)  # it was at work, so it stayed
        closed = [line for line in idle if seconds_until_closed(line, every_s=0.01, limit_s=0.02) < 0.02]
        assert len(closed) >= len(idle) - patient.connections
