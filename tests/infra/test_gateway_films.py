"""Films for browsers: signed links, and parts of a film, without which no browser seeks in it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from blocks.database.deletion import delete_rows
from blocks.errors import StoreUnavailable
from blocks.storage.links import film_link, film_signature_of, signature_of
from blocks.storage.stores import FolderStore
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.bell import Hearing
from tasks.intake.video.playable import key_of
from tasks.review.questions.queues.films import WATCH_TRACKS
from tests.settle.world import ask
from tests.triage.rows import add_batch

SECRET = "link-secret"
NAME = f"{'0123456789abcdef' * 2}.mp4"
BYTES = bytes(range(256)) * 40


class Linked(FolderStore):
    """A store whose keys have addresses of their own, as an S3 service's have."""

    def link(self, key: str, valid_s: int = 3600) -> str | None:
        return f"https://s3.example/{key}?valid={valid_s}"


class Away(FolderStore):
    """A store that cannot be reached."""

    def local_path(self, key: str) -> Path:
        raise StoreUnavailable("no way to it")


@pytest.fixture(autouse=True)
def watched(engine: Engine) -> None:
    """Frames of the film, and of another one, that people are asked about."""
    items = add_batch(engine, items=3)
    for item_id, film in zip(items, ("another.mp4", NAME, NAME), strict=True):
        ask(engine, item_id, queue=WATCH_TRACKS, film=film)


@pytest.fixture
def client(engine: Engine, store: FolderStore) -> Iterator[httpx.Client]:
    store.put(key_of(NAME), BYTES, "video/mp4")
    with serving(engine, store) as opened:
        yield opened


def serving(engine: Engine, store: FolderStore) -> TestClient:
    parts = GatewayParts(engine, store, SECRET, "bell", lambda _bodies: Hearing((), False), lambda: False)
    return TestClient(create_app(parts), base_url="http://gateway", follow_redirects=False)


def link(name: str = NAME) -> str:
    return film_link("http://gateway/", SECRET, name)


def test_a_signed_link_plays_a_film_in_anybodys_page(client: httpx.Client) -> None:
    answer = client.get(link())
    assert (answer.status_code, answer.content) == (200, BYTES)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.head(link()).headers["content-length"] == str(len(BYTES))


@pytest.mark.parametrize(("asked", "first", "last"), [("bytes=100-199", 100, 199), ("bytes=10000-", 10000, 10239)])
def test_a_browser_that_seeks_gets_the_part_that_it_asks_for(
    client: httpx.Client, asked: str, first: int, last: int
) -> None:
    answer = client.get(link(), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, BYTES[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(BYTES)}"


def test_a_part_beyond_the_end_is_refused(client: httpx.Client) -> None:
    assert client.get(link(), headers={"Range": "bytes=99999-"}).status_code == 416


@pytest.mark.parametrize("signature", ["", "0" * 64, signature_of(SECRET, NAME), film_signature_of("other", NAME)])
def test_a_link_that_nobody_signed_plays_nothing(client: httpx.Client, signature: str) -> None:
    assert client.get(f"/films/{NAME}", params={"signature": signature}).status_code == 403


@pytest.mark.parametrize("name", ["../secrets.json", "film.mp4", f"{'0' * 32}.mp4.json", f"{'0' * 32}", "%2e%2e/x.mp4"])
def test_what_is_no_films_name_is_refused_whoever_signed_it(client: httpx.Client, name: str) -> None:
    assert client.get(link(name)).status_code == 404


def test_a_film_that_is_gone_and_a_store_that_is_away_are_told(engine: Engine, tmp_path: Path) -> None:
    with serving(engine, FolderStore(tmp_path / "empty")) as client:
        gone = client.get(link())
        assert gone.status_code == 410
        assert "labelline watch" in gone.text
        assert gone.headers["cache-control"] == "no-store"
    with serving(engine, Away(tmp_path / "away")) as client:
        assert client.get(link()).status_code == 503


def test_a_film_of_a_deleted_collection_plays_no_more_though_its_bytes_are_there(
    client: httpx.Client, engine: Engine, store: FolderStore
) -> None:
    assert client.get(link()).status_code == 200
    delete_rows(engine, "lot")
    assert store.has(key_of(NAME))
    answer = client.get(link())
    assert (answer.status_code, answer.headers["cache-control"]) == (410, "no-store")
    assert "its collection was deleted" in answer.text


def test_where_the_store_has_addresses_the_browser_is_sent_there(engine: Engine, tmp_path: Path) -> None:
    with serving(engine, Linked(tmp_path / "linked")) as client:
        answer = client.get(link())
        assert answer.status_code == 302
        assert answer.headers["location"] == f"https://s3.example/films/{NAME}?valid=3600"
