"""`/ml` over HTTP: who may ask, what is refused, and that a question never waits for long."""

import base64
import json
import logging
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine

from blocks.errors import CatalogUnavailable
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import Store
from infra.gateway.ml.app import MAX_BODY_BYTES, behind_door
from infra.gateway.ml.live import LiveSuggestions, question_of
from infra.gateway.patience import configure
from infra.stack.state import HOST
from tasks.review.questions.task import MODEL_VERSION

SERVER = AnnotationServer("http://ls", "token", "http://127.0.0.1:8090", "links", "bell")
SETUP = {"project": "7.1700000000", "schema": "<View/>", "hostname": "x", "access_token": "a-secret-token"}


@pytest.fixture
def live(engine: Engine, store: Store) -> LiveSuggestions:
    return LiveSuggestions(engine, store)


@pytest.fixture
def asking(live: LiveSuggestions) -> Iterator[httpx.Client]:
    serving = uvicorn.Server(configure(behind_door(live, SERVER, ()), HOST, 0))
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    address = f"http://{HOST}:{serving.servers[0].sockets[0].getsockname()[1]}"
    with httpx.Client(base_url=address, auth=SERVER.suggestions_login, timeout=30) as client:
        yield client
    serving.should_exit = True
    thread.join(10)


def test_what_is_not_ours_is_opened_as_it_was_posted(asking: httpx.Client) -> None:
    assert asking.get("/health").json()["status"] == "UP"
    assert asking.post("/setup", json=SETUP).json() == {"model_version": MODEL_VERSION}
    tasks = [{"id": 1, "data": {"question_id": "unknown"}}, {"id": 2, "data": None}, {}]
    assert asking.post("/predict", json={"tasks": tasks}).json() == {"results": [[], [], []]}


@pytest.mark.parametrize("path", ["/health", "/setup", "/predict", "/webhook", "/"])
@pytest.mark.parametrize("login", ["", "Basic bm9ib2R5Og==", "Bearer bell", "right name, wrong password"])
def test_strangers_are_told_nothing(asking: httpx.Client, path: str, login: str) -> None:
    if login.startswith("right"):
        pair = f"{SERVER.suggestions_login[0]}:bell"
        login = "Basic " + base64.b64encode(pair.encode()).decode()
    asking.auth = None
    assert asking.post(path, json=SETUP, headers={"Authorization": login}).status_code == 401


def test_pages_and_foreign_names_are_refused_whatever_they_know(asking: httpx.Client) -> None:
    assert asking.get("/health", headers={"Origin": "https://evil.example"}).status_code == 403
    assert asking.get("/health", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"null",
        b'{"project": "../../x"}',
        b'{"project": 7}',
        b'{"tasks": "all"}',
        b'{"tasks": [1, 2]}',
        json.dumps({"project": "9" * 40}).encode(),
        json.dumps({"tasks": [{}] * 101}).encode(),
        b"[" * 100_000,
        b"x" * (MAX_BODY_BYTES + 1),
    ],
    ids=lambda body: body[:20].decode(),
)
@pytest.mark.parametrize("path", ["/setup", "/predict"])
def test_what_label_studio_does_not_send_is_refused_and_not_repeated(
    asking: httpx.Client, path: str, body: bytes
) -> None:
    answer = asking.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json() == {"detail": "this is nothing that Label Studio asks a back end"}


def test_no_secret_that_comes_along_is_written_down(asking: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asking.post("/setup", json=SETUP)
    asking.post("/setup", json={**SETUP, "project": "a-secret-token"})
    asking.post("/predict", json={"tasks": [], "params": {"login": "ann", "password": "a-secret-token"}})
    assert "a-secret-token" not in caplog.text
    assert SERVER.suggestions_login[1] not in caplog.text


def test_a_question_waits_neither_for_what_hangs_nor_for_what_is_away(
    asking: httpx.Client, live: LiveSuggestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_given: object) -> None:
        raise CatalogUnavailable("away")

    monkeypatch.setattr(live, "version_of", fail)
    assert asking.post("/setup", json=SETUP).json() == {"model_version": MODEL_VERSION}
    over = threading.Event()  # what hangs goes on until the question has been opened without it
    monkeypatch.setattr(live, "predict", lambda _ids: [["late"]] if over.wait(60) else [["never"]])
    try:
        assert asking.post("/predict", json={"tasks": [{}]}).json() == {"results": [[]]}
    finally:
        over.set()


@pytest.mark.parametrize("task", [{}, {"data": []}, {"data": {"question_id": 7}}, {"data": {"question_id": "x" * 65}}])
def test_a_task_that_carries_no_question_is_none_of_ours(task: dict[str, object]) -> None:
    assert question_of(task) == ""


def test_the_password_is_neither_the_doorbells_nor_told_by_the_name() -> None:
    name, password = SERVER.suggestions_login
    assert SERVER.doorbell_secret not in password
    assert password not in name
    assert name.removeprefix("labelline-") not in password
    assert password not in repr(SERVER)


def test_a_back_end_that_has_ceased_to_learn_says_so(
    asking: httpx.Client, live: LiveSuggestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(live), "is_well", False)
    assert asking.get("/health").status_code == 503
    assert asking.post("/setup", json=SETUP).json() == {"model_version": MODEL_VERSION}
