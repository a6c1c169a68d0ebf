"""`POST /score` from the door to the answer, by a whole gateway and a real champion."""

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from blocks.servers.web_files import WebDoor
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.protocol import NotScored, Takes
from tasks.detect.scoring.registry import SCORERS
from tasks.train.registry import CHAMPION, champion_of, set_alias
from tests.blocks.servers.test_web_files import says
from tests.blocks.servers.test_web_files import server as web_server
from tests.detect.conftest import save_tiny
from tests.detect.proposers.conftest import save_colour_classifier
from tests.infra.score.conftest import LOGIN, TOKEN, Connect, World, picture


def send(client: httpx.Client, *files: bytes, **more: Any) -> httpx.Response:
    return client.post("/score", files=[("files", (f"{n}.png", data)) for n, data in enumerate(files)], **more)


def test_classes_get_a_score_for_each_label(connect: Connect, world: World, colours: Path) -> None:
    answer = send(connect(world), picture("blue"), picture("red")).json()
    assert answer["labels"] == ["red", "green", "blue"]
    scores = np.array(answer["scores"])
    assert scores.argmax(axis=1).tolist() == [2, 0]
    assert scores.sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    assert answer["errors"] == [None, None]
    assert answer["model"] == {"collection": "lot", "number": "1", "version": version_of(colours)}


def test_a_detector_answers_with_boxes(connect: Connect, bare: World, tmp_path: Path) -> None:
    bare.crown("lot", save_tiny(tmp_path / "tiny.pt"), kind="boxes")
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    answer = send(connect(bare), encoded(noise)).json()
    assert answer["labels"] == ["car", "truck", "bus"]
    assert "scores" not in answer
    (boxes,) = answer["boxes"]
    assert boxes
    assert all(0.25 <= box["score"] <= 1 and box["label"] in answer["labels"] for box in boxes)
    assert all(0 <= box["x_min"] < box["x_max"] <= 128 and 0 <= box["y_min"] < box["y_max"] <= 96 for box in boxes)
    assert [box["score"] for box in boxes] == sorted((box["score"] for box in boxes), reverse=True)


def test_a_picture_that_is_none_has_its_reason_and_the_others_their_scores(connect: Connect, world: World) -> None:
    broken = picture("red")[:-40]
    answer = send(connect(world), picture("red"), b"no picture", broken, picture("green")).json()
    assert [row is None for row in answer["scores"]] == [False, True, True, False]
    assert answer["errors"][0] is answer["errors"][3] is None
    assert all("image" in answer["errors"][place] for place in (1, 2))


def test_a_request_of_nothing_usable_is_refused_with_its_first_reason(connect: Connect, world: World) -> None:
    answer = send(connect(world), b"no picture")
    assert answer.status_code == 422
    assert "the only item: not an image of a known format" in answer.json()["detail"]


def test_who_does_not_know_the_token_is_asked_for_it(connect: Connect, world: World) -> None:
    for shown in ("", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00fc".encode("latin-1")):
        answer = send(connect(world), picture("red"), headers={"Authorization": shown})
        assert answer.status_code == 401, shown
        assert "labelline login" in answer.json()["detail"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_pages_of_other_origins_are_refused(connect: Connect, world: World) -> None:
    assert send(connect(world), picture("red"), headers={"Origin": "https://evil.example"}).status_code == 403


WRONGLY_ASKED = (
    ({"type": "images", "urls": ["https://example.org/a.jpg"] * 10_000}, 413, "10,000 items in one request"),
    ({"type": "text", "texts": ["a"]}, 422, "scores images, and was given text"),
    ({"type": "text", "texts": ["", "  "]}, 422, "none of the 2 items can be scored; the first: it is empty"),
    ({"type": "text", "texts": ["a" * 1_000_000]}, 422, "1,000,000 characters: expected at most 100,000"),
    ({"type": "text", "urls": ["https://example.org/a.jpg"]}, 422, "text.texts: Field required"),
    ({"type": "images", "urls": []}, 422, "nothing to score"),
    ({"type": "sound"}, 422, "'images', 'text'"),
    ({"type": "images", "urls": ["a"], "more": 1}, 422, "Extra inputs"),
    ({"type": "images", "urls": ["http://127.0.0.1/a.jpg"]}, 422, "where nothing is fetched"),
    ({"type": "images", "urls": ["file:///etc/passwd"]}, 422, "expected http:// or https://"),
    (b'{"type": "text", "texts": [NaN]}', 422, "text.texts.0"),
    (b'{"type": ', 422, "the body"),
    (b"[" * 100_000, 422, "the body"),
    (b'"\xff"', 422, "the body"),
)


def test_what_is_asked_wrongly_is_told(connect: Connect, world: World) -> None:
    client = connect(world)
    for body, status, told in WRONGLY_ASKED:
        given = {"content": body if isinstance(body, bytes) else json.dumps(body)}
        answer = client.post("/score", headers={"Content-Type": "application/json"}, **given)
        assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text


def test_other_forms_of_bodies_are_told(connect: Connect, world: World) -> None:
    client = connect(world, items=2, item_bytes=1_000, item_pixels=500)
    assert client.post("/score", content=b"x", headers={"Content-Type": "image/png"}).status_code == 415
    assert send(client, *[picture("red", 16)] * 3).status_code == 413
    assert "field 'who' is no file" in send(client, picture("red", 16), data={"who": "me"}).json()["detail"]
    assert "boundary" in client.post("/score", headers={"Content-Type": "multipart/form-data"}).json()["detail"]
    answer = send(client, picture("red", 16), b"x" * 2_000).json()
    assert answer["errors"] == [
        None,
        "2,000 bytes: expected a picture file of at most 1,000. Make it smaller, or cut it",
    ]
    assert "64×64 pixels: expected at most 500" in send(client, picture("red", 64)).json()["detail"]


def test_a_body_that_is_longer_than_its_head_says_is_refused(connect: Connect, world: World) -> None:
    client = connect(world, body_bytes=10_000)
    assert send(client, b"x" * 20_000).status_code == 413
    answer = client.post("/score", content=iter([b"x" * 6_000] * 3), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert send(client, picture("red")).status_code == 200  # what was held has been given back


def test_who_brings_more_than_is_free_is_told_to_come_again(connect: Connect, world: World) -> None:
    client = connect(world, held_bytes=100)
    answer = send(client, picture("red"))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    client = connect(world, waiting_items=1)
    answer = send(client, picture("red"), picture("red"))
    assert answer.status_code == 429
    assert "0 items wait already, and 1 may" in answer.json()["detail"]
    assert send(client, picture("red")).status_code == 200


# Addresses


def test_addresses_are_fetched_each_with_its_own_reason(connect: Connect, world: World) -> None:
    def pour(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            while True:
                line.sendall(bytes(1_000_000))

    data = picture("green")
    here = WebDoor(1_000_000, 10.0, lambda address: str(address) == "127.0.0.1")
    leads_inside = says("302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0")
    with (
        web_server(says(f"200 OK\r\nContent-Length: {len(data)}", data)) as good,
        web_server(leads_inside) as inside,
        web_server(pour) as endless,
    ):
        urls = [good, inside, "http://127.0.0.2/", endless, good]
        answer = connect(world, here).post("/score", json={"type": "images", "urls": urls}).json()
    assert [row and row.index(max(row)) for row in answer["scores"]] == [1, None, None, None, 1]
    told = ["private network", "private network", "longer than 1,000,000 bytes"]
    assert all(part in why for part, why in zip(told, answer["errors"][1:4], strict=True))
    assert "secret" not in json.dumps(answer)


# Texts, by a kind of model that Labelline does not have


class WordCounts:
    """Scores texts by whether they ask."""

    name = "classifier"
    takes: Takes = "text"
    labels = ("asks", "says")
    gives = "scores"

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.door = threading.Event()
        self.door.set()

    def open(self, store: Store, ref: DetectorRef, most_pixels: int) -> "WordCounts":
        """Return itself."""
        return self

    def score(self, inputs: Sequence[Any]) -> list[list[Any] | NotScored]:
        """Say 1 for what ends with a question mark."""
        self.seen += inputs
        assert self.door.wait(20)
        return [[float(text.endswith("?")), float(not text.endswith("?"))] for text in inputs]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> WordCounts:
    toy = WordCounts()
    monkeypatch.setitem(SCORERS, "classifier", toy)
    return toy


def test_texts_of_any_script_are_scored_beside_those_that_cannot_be(
    connect: Connect, world: World, words: WordCounts
) -> None:
    texts = ["Why?", "", "שלום?", "👍🏽", "<script>alert(1)</script>", "a\0b", "x" * 100_001, "last?"]
    answer = connect(world).post("/score", json={"type": "text", "texts": texts}).json()
    assert answer["labels"] == ["asks", "says"]
    assert [row and row[0] for row in answer["scores"]] == [1.0, None, 1.0, 0.0, 0.0, 0.0, None, 1.0]
    assert [why is None for why in answer["errors"]] == [row is not None for row in answer["scores"]]
    assert words.seen == [text for number, text in enumerate(texts) if number not in (1, 6)]


def test_pictures_for_a_champion_of_texts_are_refused(connect: Connect, world: World, words: WordCounts) -> None:
    answer = send(connect(world), picture("red"))
    assert (answer.status_code, words.seen) == (422, [])
    assert "scores text, and was given images" in answer.json()["detail"]


def ask(client: httpx.Client, text: str) -> httpx.Response:
    return client.post("/score", json={"type": "text", "texts": [text]})


def test_two_callers_at_once_each_get_their_own(connect: Connect, world: World, words: WordCounts) -> None:
    client = connect(world)
    with ThreadPoolExecutor(8) as callers:
        texts = [f"{number}{'?' * (number % 2)}" for number in range(24)]
        said = list(callers.map(lambda text: ask(client, text).json()["scores"], texts))
    assert said == [[[float(number % 2), float(not number % 2)]] for number in range(24)]


def test_who_hangs_up_in_the_line_is_not_scored(connect: Connect, world: World, words: WordCounts) -> None:
    client = connect(world)
    assert ask(client, "open").status_code == 200
    words.door.clear()
    with ThreadPoolExecutor(4) as callers:
        busy = [callers.submit(ask, client, f"busy {number}") for number in range(2)]
        wait_for(lambda: any("busy" in text for text in words.seen))
        gone = httpx.Client(base_url=client.base_url, headers=client.headers, timeout=0.3)
        with gone, pytest.raises(httpx.ReadTimeout):
            ask(gone, "gone")
        time.sleep(0.2)  # until the server has seen that nobody waits
        last = callers.submit(ask, client, "last?")
        time.sleep(0.2)
        words.door.set()
        assert [one.result().status_code for one in [*busy, last]] == [200] * 3
    assert "gone" not in words.seen


def test_an_answer_that_takes_too_long_is_told(connect: Connect, world: World, words: WordCounts) -> None:
    client = connect(world, answer_s=0.3)
    assert ask(client, "open").status_code in (200, 503)  # it may take longer to open the champion
    words.door.clear()
    late = ask(client, "late")
    words.door.set()
    assert (late.status_code, late.headers["retry-after"]) == (503, "5")
    assert "no answer within 0.3 s" in late.json()["detail"]


def wait_for(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not met():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


# Champions


def test_without_a_champion_it_is_told_which_collections_have_one(connect: Connect, bare: World, colours: Path) -> None:
    client = connect(bare)
    answer = send(client, picture("red"))
    assert (answer.status_code, "no collection has one yet" in answer.text) == (404, True)
    bare.begin("empty")
    bare.crown("lot", colours)
    assert (
        "'empty' has no champion (those that have one: lot)"
        in send(client, picture("red"), params={"collection": "empty"}).text
    )
    assert "no collection 'other' (those" in send(client, picture("red"), params={"collection": "other"}).text


def test_of_several_champions_one_is_named(connect: Connect, world: World, colours: Path) -> None:
    client = connect(world)
    assert send(client, picture("red")).status_code == 200
    world.crown("another lot", colours)
    answer = send(client, picture("red"))
    assert answer.status_code == 409
    assert "(another lot, lot): say which, such as ?collection=another lot" in answer.json()["detail"]
    named = send(client, picture("red"), params={"collection": "another lot"}).json()
    assert named["model"]["collection"] == "another lot"


def test_a_newer_champion_answers_without_a_restart(connect: Connect, world: World, tmp_path: Path) -> None:
    client = connect(world)
    first = send(client, picture("red")).json()
    newer = promote(world, save_colour_classifier(tmp_path / "newer.pt", ("r", "g", "b")))
    second = send(client, picture("red")).json()
    assert (first["labels"], second["labels"]) == (["red", "green", "blue"], ["r", "g", "b"])
    assert second["model"] == {"collection": "lot", "number": "2", "version": newer}


def promote(world: World, weights: Path) -> str:
    version = world.crown("lot", weights)
    set_alias(world.experiments, "lot", CHAMPION, "2")
    return version


def test_damaged_weights_are_told_and_an_earlier_champion_goes_on(
    connect: Connect, world: World, tmp_path: Path, colours: Path
) -> None:
    client = connect(world)
    good = send(client, picture("red")).json()
    newer = promote(world, save_colour_classifier(tmp_path / "newer.pt", ("r", "g", "b")))
    damage(world, newer)
    assert send(client, picture("red")).json() == good
    answer = send(connect(world), picture("red"))  # a gateway that has opened none
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "overwritten or half fetched" in answer.json()["detail"]


def damage(world: World, version: str) -> None:
    champion = champion_of(world.experiments, "lot")
    assert champion is not None and champion.ref.version == version
    world.store.put(champion.ref.weights_key, b"not what was kept")


def test_lost_weights_come_back_from_the_run_that_keeps_them(connect: Connect, world: World) -> None:
    champion = champion_of(world.experiments, "lot")
    assert champion is not None
    world.store.delete(champion.ref.weights_key)
    assert send(connect(world), picture("red")).status_code == 200


# Pages


def test_its_pages_are_for_who_knows_the_login_and_tell_no_secret(connect: Connect, world: World) -> None:
    client = connect(world)
    assert client.get("/score/docs").status_code == 401
    login = tuple(LOGIN.split(":"))
    page = client.get("/score", auth=login, follow_redirects=True)
    assert str(page.url).endswith("/score/docs")
    assert f"curl {client.base_url}/score" in page.text
    assert TOKEN not in page.text
    document = client.get("/score/openapi.json", auth=login).json()
    post = document["paths"]["/score"]["post"]
    assert {"401", "404", "409", "413", "422", "429", "503"} <= post["responses"].keys()
    assert post["parameters"][0]["name"] == "collection"


def encoded(pixels: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode(".png", pixels)[1].tobytes()
