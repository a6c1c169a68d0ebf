"""Whoever has a link to a picture may change anything in it: nothing crashes the gateway, nothing unsigned is shown.

Against the real gateway on a port, with bare sockets, as a client would mend what we want to send. The one who changes
links knows the signing secret here for half of them: else nothing behind the signature would be reached.

`LABELLINE_FUZZ=10000 pytest tests/infra/test_webhook_fuzz.py tests/infra/test_image_fuzz.py` tries more of each.
"""

import os
import random
import socket
from collections import Counter
from urllib.parse import quote

import cv2
import httpx
import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Item
from blocks.storage.links import image_link, signature_of
from blocks.storage.stores import FolderStore
from infra.gateway.cache import SizedCache
from infra.gateway.images import CROP, parse_crop
from infra.gateway.patience import Patience
from tests.examples import examples
from tests.infra.test_patience import LINK_SECRET, serving

REQUESTS = int(os.environ.get("LABELLINE_FUZZ", examples(300, long=10_000)))
PLAIN, DRAWN, LOST, BROKEN = ("1" * 64, "2" * 64, "3" * 64, "4" * 64)

NUMBERS = (
    "0", "-0", "1", "-1", "7", "39", "40", "41", "999999", "-999999", "1000000", "nan", "NaN", "inf", "-inf", "1e309",
    "1e3", "0x10", "1.5", "", " ", "+1", "1_0", "٣", "99999999999999999999", "None", "null", "%00", "../..",
)  # fmt: skip
WHOLE = ("", "0,0,0,0", "0,0,40,30", "5,5,5,6", "9,9,2,2", ",,,", "1,2,3", "1,2,3,4,5", "0,0,40,30;", "0,0,40,30\n")
HEADERS = (
    "Range: bytes=0-10", "Range: bytes=-1", "Range: bytes=5-2", "Range: bytes=0-,0-,0-,0-", "Range: bytes=nan-inf",
    "Range: bytes=99999999999999999999-", "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(400)), "Range: x",
    "If-Range: \"x\"", "If-None-Match: *", "If-None-Match: " + "x" * 2_000, "If-Modified-Since: never",
    "Accept-Encoding: x" * 9, "Host: a:b:c", "Content-Length: 5", "Content-Length: -1", "Transfer-Encoding: chunked",
    "Transfer-Encoding: x", "Expect: 100-continue", "Connection: upgrade\r\nUpgrade: websocket", "X: \x7f\x80", ": x",
)  # fmt: skip
METHODS = (*["GET"] * 30, *["HEAD"] * 5, "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH", "BREW", "get")


@pytest.fixture
def port(engine: Engine, store: FolderStore) -> object:
    """A gateway with four items: shown as stored, drawn, without its bytes, and with bytes that are no picture."""
    small = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    kinds = {PLAIN: (".png", "image/png", True), DRAWN: (".tiff", "image/tiff", False)}
    rows = []
    for item_id in (PLAIN, DRAWN, LOST, BROKEN):
        suffix, media_type, plain = kinds.get(item_id, (".tiff", "image/tiff", False))
        encoded = b"no picture" if item_id == BROKEN else cv2.imencode(suffix, small)[1].tobytes()
        key = f"items/{item_id}"
        if item_id != LOST:
            store.put(key, encoded)
        facts = {"sequence": "s", "media_type": media_type, "size_bytes": len(encoded), "plain": plain}
        rows.append({"id": item_id, "key": key, "name": "x", "width": 40, "height": 30, **facts})
    with writing(engine) as session:
        upsert(session, Item, rows)
    with serving(engine, store, Patience(head_s=2, body_s=2)) as opened:
        yield opened


def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """Send bytes and read until the other side closes; return the status (0: it just closed) and the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(request)
        parts = []
        try:
            while part := line.recv(65_536):
                parts.append(part)
        except ConnectionResetError:
            pass
    answer = b"".join(parts)
    return (int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0), answer


def mutated(dice: random.Random) -> tuple[bytes, bool]:
    """Return a request that is like a real one but for something, and whether its signature is right."""
    item_id = dice.choice((PLAIN, PLAIN, DRAWN, DRAWN, LOST, BROKEN, "5" * 64))
    odd = ",".join(dice.choice(NUMBERS) for _ in range(4))
    near = ",".join(str(dice.randint(-50, 50)) for _ in range(4))
    crop = dice.choice((*WHOLE, *[""] * 5, *[odd] * 5, *[near] * 15))
    knows = dice.random() < 0.7
    box = parse_crop(crop) if CROP.fullmatch(crop) else None
    signature = signature_of(LINK_SECRET if knows else "a guess", item_id, box)
    query = [f"crop={quote(crop)}", f"signature={signature}"]
    target = bytearray(f"/images/{item_id}?{'&'.join(dice.sample(query, dice.choice((*[2] * 9, 1))))}".encode())
    kind = dice.randrange(9)
    if kind == 0:
        for _ in range(dice.randint(1, 4)):
            target[dice.randrange(len(target))] = dice.randrange(256)
        knows = False
    elif kind == 1:
        path = dice.choice(("%2e%2e/", "../" * 9, "%00", "\\..\\", "%ff%fe", "//", "A" * 3_000, "é", "?" * 50, ";x=1"))
        target[8:8] = path.encode()
        knows = False
    elif kind == 2:
        target += b"&" + dice.choice(query).encode() + b"&crop[]=1&signature=" + signature[:40].encode()
        knows = False
    lines = [f"{dice.choice(METHODS)} ".encode() + bytes(target) + b" HTTP/1.1", b"Host: x", b"Connection: close"]
    lines.extend(header.encode("latin-1") for header in dice.sample(HEADERS, dice.choice((0, 0, 0, 1, 1, 2))))
    return b"\r\n".join([*lines, b"", b""]), knows


def test_thousands_of_changed_links_are_shown_or_refused(port: int) -> None:
    dice = random.Random(12)
    statuses: Counter[int] = Counter()
    for number in range(REQUESTS):
        request, knows = mutated(dice)
        status, answer = ask(port, request)
        statuses[status] += 1
        assert status < 500, (number, request, answer[:300])
        if not knows:
            assert status not in (200, 206, 304) or b"\r\n\r\n" not in answer or _is_whole(request), (request, answer)
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    print(dict(sorted(statuses.items())))
    assert {200, 400, 403, 404, 405, 410} <= set(statuses), statuses  # every way through was taken


def _is_whole(request: bytes) -> bool:
    """Say whether a request that was changed is, after all, for something that is signed."""
    real = [signature_of(LINK_SECRET, item_id).encode() for item_id in (PLAIN, DRAWN, LOST, BROKEN)]
    return any(signature in request for signature in real)


def test_odd_headers_beside_a_good_link_break_nothing(port: int) -> None:
    for header in HEADERS:
        for method in ("GET", "HEAD"):
            for item_id in (PLAIN, DRAWN):
                link = image_link("", LINK_SECRET, item_id)
                request = f"{method} {link} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n"
                status, answer = ask(port, request.encode("latin-1"))
                assert status < 500, (request, answer[:300])
                if method == "HEAD" and status in (200, 206):
                    assert answer.endswith(b"\r\n\r\n")


def test_a_value_that_is_too_heavy_drives_out_no_other() -> None:
    cache: SizedCache[bytes] = SizedCache(10, weigh=len)
    cache.keep("a", b"12345")
    cache.keep("b", b"x" * 11)
    assert (cache.find("a"), cache.find("b")) == (b"12345", None)


def test_a_catalogue_that_cannot_be_read_is_said_to_be_so(port: int, engine: Engine) -> None:
    with engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE item RENAME TO elsewhere")
    status, answer = ask(
        port, f"GET {image_link('', LINK_SECRET, PLAIN)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert (status, b"catalogue" in answer) == (503, True)
