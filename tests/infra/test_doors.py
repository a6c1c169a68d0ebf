"""The door before a server; `tests/running` tries it with a real browser on a real stack."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blocks.errors import BadOption
from infra.stack.doors.guard import guard
from infra.stack.doors.hosts import allowed_hosts, allowed_origins, parse_hosts

HOST = "127.0.0.1:4200"
PUBLIC = parse_hosts(["Line.example.org", "labels.example.org:8443"])
LOGIN = "labelline:secret-for-tests"
HTTP, WEBSOCKET = "http", "websocket"


@dataclass
class Answer:
    """What came back; a websocket that was opened has status 101."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""


async def server(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer everything with "told"."""
    if scope["type"] == WEBSOCKET:
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("told")(scope, receive, send)


def ask(app: ASGIApp, kind: str = HTTP, path: str = "/", method: str = "GET", **headers: str) -> Answer:
    """Send one request, or open one websocket."""
    given: Mapping[str, str] = {"host": HOST, **headers}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    scope: dict[str, Any] = {"type": kind, "path": path, "method": method, "headers": raw, "query_string": b""}
    scope["extensions"] = {"websocket.http.response": {}}
    answer = Answer()

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        if message["type"] == "websocket.accept":
            answer.status = 101
        elif message["type"].endswith("response.start"):
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.text += message["body"].decode()

    asyncio.run(_call(app, scope, receive, send))
    return answer


async def _call(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


@pytest.fixture
def guarded() -> ASGIApp:
    """A guarded server that asks for no password."""
    return guard(server, PUBLIC)


@pytest.mark.parametrize("host", [HOST, "localhost", "line.example.org", "labels.example.org:8443"])
def test_a_server_answers_under_its_names(guarded: ASGIApp, host: str) -> None:
    assert ask(guarded, host=host).text == "told"
    assert ask(guarded, WEBSOCKET, host=host).status == 101


@pytest.mark.parametrize("host", ["rebound.example", "10.example.org", "example.org", "x.line.example.org", ""])
def test_a_server_is_unknown_under_other_names(guarded: ASGIApp, host: str) -> None:
    assert ask(guarded, host=host).status == 400
    assert ask(guarded, WEBSOCKET, host=host).status == 400


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HOST, f"http://{HOST}"),
        ("localhost:4200", "http://localhost:4200"),
        ("line.example.org", "https://line.example.org"),  # a proxy that passes its own name on
        (HOST, "https://labels.example.org:8443"),  # and one that does not
    ],
)
def test_a_servers_own_pages_may_use_it(guarded: ASGIApp, host: str, origin: str) -> None:
    assert ask(guarded, method="POST", host=host, origin=origin).text == "told"
    assert ask(guarded, WEBSOCKET, host=host, origin=origin).status == 101


@pytest.mark.parametrize(
    "origin",
    ["http://127.0.0.1:9", "http://localhost:4200", "https://example.org", "null", "", "http://line.example.org:1"],
)
def test_pages_of_another_origin_may_not_even_ask(guarded: ASGIApp, origin: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = ask(guarded, method=method, origin=origin)
        assert (answer.status, "told" in answer.text) == (403, False)
    assert ask(guarded, WEBSOCKET, origin=origin).status == 403


def test_no_other_page_shows_ours_in_a_frame(guarded: ASGIApp) -> None:
    assert ask(guarded).headers["x-frame-options"] == "SAMEORIGIN"


def basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


@pytest.mark.parametrize("given", ["", "Basic", basic("labelline:guessed"), basic(":"), "Basic sécret", LOGIN])
def test_without_the_password_only_the_health_is_told(given: str) -> None:
    locked = guard(server, (), login=LOGIN)
    refused = ask(locked, authorization=given)
    assert (refused.status, refused.headers["www-authenticate"][:5]) == (401, "Basic")
    assert ask(locked, WEBSOCKET, authorization=given).status == 401
    assert ask(locked, path="/health").text == "told"
    assert ask(locked, path="/healthy").status == 401


def test_who_knows_the_password_is_let_in() -> None:
    assert ask(guard(server, (), login=LOGIN), authorization=basic(LOGIN)).text == "told"


@pytest.mark.parametrize("name", ["https://line.example.org", "line.example.org/x", "*", "*.example.org", "", "a b"])
def test_what_is_no_host_name_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(BadOption, match="expected one as browsers show it"):
        parse_hosts([name])


def test_names_are_known_once_in_lower_case_with_and_without_their_port() -> None:
    names = ["A.example.org", "a.example.org", "a.example.org:8443"]
    assert parse_hosts(names) == ("a.example.org", "a.example.org:8443")
    assert allowed_hosts(PUBLIC) == ["127.0.0.1", "localhost", "line.example.org", "labels.example.org"]
    assert "https://labels.example.org:8443" in allowed_origins(PUBLIC, 4200)
    assert "http://localhost:4200" in allowed_origins((), 4200)
