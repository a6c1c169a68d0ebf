"""Pages of other sites, and other people of this machine, get nothing from the servers of a stack.

A real browser in which the owner is logged in everywhere opens a page of somebody else's: from another port of this
machine, and under a name that was made to point to this machine (DNS rebinding), where even the origin is the server's
own. The page then tries what its author would. Another user of the machine needs no browser, and has no password.
"""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from blocks.errors import StackError
from infra.browser.screenshots import CHROMIUM_FLAGS, find_chromium, log_in, log_in_to_prefect
from infra.stack.doors.hosts import LOOPBACK
from infra.stack.orchestration import deployments
from infra.stack.servers.services import PLUGS, WORK_POOL
from infra.stack.state import ServiceName, StackState
from tests.infra.test_real_stack import TINY_REGISTRY, ask_prefect, wait_for_state

pytestmark = [pytest.mark.slow, pytest.mark.label_studio, pytest.mark.timeout(600)]

REBOUND = "rebound.example"
"""Whose name points to this machine by now."""

NOT_YET_EVERYWHERE = "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"
"""Newer Chromiums ask a person before a page may reach this machine; others do not, so nothing may rest on it."""

STRANGERS_PAGE = "<title>a stranger's</title>"

SERVERS = (ServiceName.PREFECT, ServiceName.MLFLOW, ServiceName.LABEL_STUDIO, ServiceName.GATEWAY)

TRY = """async ([url, options]) => {
    try {
        const answer = await fetch(url, {credentials: "include", ...options});
        return {status: answer.status, text: await answer.text()};
    } catch (error) { return {status: 0, text: String(error)}; }
}"""

LISTEN = """([url, protocols, first]) => new Promise(resolve => {
    const heard = [];
    const socket = new WebSocket(url, protocols);
    socket.onopen = () => first && socket.send(first);
    socket.onmessage = message => { heard.push(message.data); resolve(heard); };
    socket.onclose = () => resolve(heard);
})"""


@pytest.fixture(scope="module", autouse=True)
def nap(stack: StackState, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One small flow beside the lines, with which a worker is tried; the worker finds it where these tests are."""
    registry = tmp_path_factory.mktemp("registry") / "prefect.yaml"
    registry.write_text(TINY_REGISTRY)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(deployments, "REGISTRY", registry)
        deployments.finish_deploying(deployments.start_deploying(stack), stack)


@pytest.fixture(scope="module")
def stranger() -> Iterator[int]:
    """The port of a stranger's own server on this machine: its page, and something that is open to every page."""

    class Open(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(STRANGERS_PAGE.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Open) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for which a stranger's name points to this machine; skips where there is none."""
    try:
        find_chromium()
    except StackError as error:
        pytest.skip(str(error))
    rule = f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=str(find_chromium()), args=[*CHROMIUM_FLAGS, rule, NOT_YET_EVERYWHERE]
        )


@pytest.fixture(scope="module")
def page(browser: Browser, stack: StackState) -> Page:
    """A page in a browser in which the owner is logged in to everything."""
    credentials = stack.credentials
    user, _, password = credentials.prefect_login.partition(":")
    # For MLflow and the gallery, whoever asks: no other server here does.
    context = browser.new_context(http_credentials={"username": user, "password": password, "send": "unauthorized"})
    page = context.new_page()
    log_in(page, stack.urls.label_studio, credentials.email, credentials.password.get_secret_value())
    log_in_to_prefect(page, stack.urls.prefect_ui, credentials.prefect_login)
    page.goto(stack.urls.mlflow)
    page.goto(f"{stack.urls.gateway}/gallery/")
    assert page.title() == "Collections · Labelline"
    context.route(f"http://{REBOUND}:*/stranger.html", strangers_page)
    return page


def strangers_page(route: Route) -> None:
    """Answer for the stranger's own server, which the name pointed to when the page was loaded."""
    route.fulfill(body=STRANGERS_PAGE, content_type="text/html")


def open_strangers_page(page: Page, host: str, port: int, stranger: int) -> None:
    """Open the page: of the stranger's own server, or under the rebound name with the port of one of ours."""
    page.goto(f"http://{host}:{port if host == REBOUND else stranger}/stranger.html")
    assert page.title() == "a stranger's"
    # What has no door is open to it: nothing else than our doors may stand in its way.
    reached = page.evaluate(TRY, [f"http://127.0.0.1:{stranger}/open", {"credentials": "omit"}])
    assert reached["status"] == 200, reached


def as_plain_text(body: Any) -> dict[str, Any]:
    """A POST that a browser sends without asking first."""
    return {"method": "POST", "body": json.dumps(body), "headers": {"Content-Type": "text/plain"}}


def as_json(body: Any) -> dict[str, Any]:
    return {"method": "POST", "body": json.dumps(body), "headers": {"Content-Type": "application/json"}}


def as_form(body: str) -> dict[str, Any]:
    return {"method": "POST", "body": body, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


def of_deployment(found: dict[str, Any]) -> dict[str, str]:
    """A run's own words for the deployment that it belongs to."""
    return {"flow_id": found["flow_id"], "deployment_id": found["id"], "work_pool_name": WORK_POOL}


def attempts(found: dict[str, Any], marker: Path) -> list[tuple[ServiceName, str, dict[str, Any]]]:
    """What a stranger tries: a server, a path and what is sent."""
    run = {"job_variables": {"command": f"touch {marker}"}, "state": {"type": "SCHEDULED"}}
    secrets = {"include_secrets": True, "limit": 200}
    prefect, mlflow, label_studio = ServiceName.PREFECT, ServiceName.MLFLOW, ServiceName.LABEL_STUDIO
    return [
        *((prefect, "/api/block_documents/filter", send(secrets)) for send in (as_plain_text, as_json)),
        *((prefect, f"/api/deployments/{found['id']}/create_flow_run", send(run)) for send in (as_plain_text, as_json)),
        (prefect, "/api/flow_runs/", as_plain_text({**of_deployment(found), **run})),
        (prefect, "/api/deployments/", as_plain_text({"name": "theirs", "flow_id": found["flow_id"]})),
        (prefect, "/api/admin/settings", {}),
        (mlflow, "/api/2.0/mlflow/experiments/create", as_plain_text({"name": "theirs"})),
        (mlflow, "/api/2.0/mlflow/experiments/create", as_json({"name": "theirs"})),
        (mlflow, "/ajax-api/2.0/mlflow/experiments/search", as_json({"max_results": 10})),
        (mlflow, "/ajax-api/2.0/mlflow/experiments/search?max_results=10", {}),
        (label_studio, "/api/projects/", {}),
        (label_studio, "/api/projects/", as_form("title=theirs")),
        (label_studio, "/api/projects/", as_json({"title": "theirs"})),
        (label_studio, "/api/webhooks/", as_form("url=http://example.org/theirs")),
        (label_studio, "/api/current-user/token", {}),
        (ServiceName.GATEWAY, "/webhooks/label-studio", as_plain_text({"action": "ANNOTATION_CREATED"})),
        (ServiceName.GATEWAY, f"/images/{'a' * 64}", {}),
        (ServiceName.GATEWAY, "/gallery/", {}),
    ]


def runs_that_somebody_wanted(stack: StackState) -> set[str]:
    """The runs that no schedule made: schedules go on meanwhile."""
    pages = (ask_prefect(stack, "POST", "flow_runs/filter", {"offset": at}).json() for at in count(0, 200))
    return {run["id"] for page in takewhile(bool, pages) for run in page if not run["auto_scheduled"]}


def what_there_is(stack: StackState) -> dict[str, Any]:
    """What an attack could change, as its owner sees it."""
    token = {"Authorization": f"Token {stack.label_studio_token}"}
    experiments = httpx.get(
        f"{stack.urls.mlflow}/api/2.0/mlflow/experiments/search?max_results=100",
        headers=stack.credentials.prefect_headers,
    )
    return {
        "runs": runs_that_somebody_wanted(stack),
        "deployments": ask_prefect(stack, "POST", "deployments/count", {}).json(),
        "events": ask_prefect(stack, "POST", "events/filter", {"filter": {"event": {"name": ["theirs"]}}}).json(),
        "experiments": [each["name"] for each in experiments.raise_for_status().json()["experiments"]],
        "projects": httpx.get(f"{stack.urls.label_studio}/api/projects/", headers=token).json()["count"],
        "webhooks": httpx.get(f"{stack.urls.label_studio}/api/webhooks/", headers=token).json(),
        "rings": httpx.get(f"{stack.urls.gateway}/health").json()["rings"],
    }


def test_the_owner_is_let_in_by_the_pages_of_each_server(page: Page, stack: StackState) -> None:
    """Without it, the other tests would prove nothing: these are the servers' own pages, and they do work."""
    for host in LOOPBACK:
        page.goto(f"http://{host}:{stack.ports[ServiceName.PREFECT]}/deployments")
        if host != LOOPBACK[0]:  # a login is of one origin
            log_in_to_prefect(
                page, f"http://{host}:{stack.ports[ServiceName.PREFECT]}", stack.credentials.prefect_login
            )
            page.goto(f"http://{host}:{stack.ports[ServiceName.PREFECT]}/deployments")
        page.wait_for_selector("text=nap")
    page.goto(stack.urls.mlflow)
    page.wait_for_selector("text=Experiments")
    credentials = stack.credentials
    for host in LOOPBACK:
        address = f"http://{host}:{stack.ports[ServiceName.LABEL_STUDIO]}"
        if host != LOOPBACK[0]:  # there the owner is logged in already
            log_in(page, address, credentials.email, credentials.password.get_secret_value())
        page.goto(f"{address}/projects")
        made = page.evaluate(TRY, ["/api/projects/", as_json({"title": f"by {host}"})])
        assert made["status"] == 201, made
        page.goto(f"{address}/projects")
        page.wait_for_selector(f"text=by {host}")  # what the page itself asked for
        project = f"/api/projects/{json.loads(made['text'])['id']}/"
        assert page.evaluate(TRY, [project, {"method": "DELETE"}])["status"] == 204


@pytest.mark.parametrize("origin", ["another port", "rebound name"])
def test_a_foreign_page_reads_nothing_and_changes_nothing(
    page: Page, stack: StackState, stranger: int, tmp_path: Path, origin: str
) -> None:
    marker = tmp_path / "by-a-stranger"
    deployment = ask_prefect(stack, "GET", "deployments/name/nap/local").json()
    before = what_there_is(stack)
    for name, path, options in attempts(deployment, marker):
        port = stack.ports[name]
        host = REBOUND if origin == "rebound name" else "127.0.0.1"
        open_strangers_page(page, host, port, stranger)
        answer = page.evaluate(TRY, [f"http://{host}:{port}{path}", options])
        # A page of another origin may not read what the gateway says to a link without a signature either way.
        assert answer["status"] in (0, 400, 401, 403), (name, path, options, answer)
        assert stack.credentials.redact(answer["text"]) == answer["text"], (name, path)
        for other in LOOPBACK:  # without reading the answer, and from a name of ours to another one
            blind = {**options, "mode": "no-cors"} if "application/json" not in str(options) else options
            page.evaluate(TRY, [f"http://{other}:{port}{path}", blind])
    assert what_there_is(stack) == before
    assert not marker.exists()


@pytest.mark.parametrize("host", [REBOUND, "127.0.0.1"])
@pytest.mark.parametrize("path", ["events/out", "events/in", "logs/out", "task_runs/subscriptions/scheduled"])
def test_a_foreign_page_opens_no_websocket(page: Page, stack: StackState, stranger: int, host: str, path: str) -> None:
    port = stack.ports[ServiceName.PREFECT]
    open_strangers_page(page, host, port, stranger)
    for protocols in ([], ["prefect"]):
        for first in (json.dumps({"type": "auth", "token": "guessed"}), json.dumps({"type": "auth", "token": None})):
            assert page.evaluate(LISTEN, [f"ws://{host}:{port}/api/{path}", protocols, first]) == []


def test_a_foreign_page_shows_none_of_ours_in_a_frame(page: Page, stack: StackState, stranger: int) -> None:
    open_strangers_page(page, "127.0.0.1", stranger, stranger)
    for address in (stack.urls.prefect_ui, stack.urls.mlflow):
        page.set_content(f"<iframe src='{address}'></iframe>")
        page.wait_for_function("window.frames.length === 1")
        page.wait_for_load_state("networkidle")
        frame = page.frames[-1]
        assert frame.url.startswith("chrome-error:"), frame.url


def test_another_user_of_this_machine_gets_nothing(stack: StackState, tmp_path: Path) -> None:
    marker = tmp_path / "by-a-neighbour"
    deployment = ask_prefect(stack, "GET", "deployments/name/nap/local").json()
    before = what_there_is(stack)
    tried = attempts(deployment, marker)
    reading = ["block_types/filter", "flows/filter", "work_pools/filter", "artifacts/filter", "variables/filter"]
    tried += [(ServiceName.PREFECT, f"/api/{path}", as_json({})) for path in reading]
    looks = ["csrf-token?client=me", "admin/version", "openapi.json", "docs", "metrics", "ui-settings", "version"]
    tried += [(ServiceName.PREFECT, f"/api/{path}", {}) for path in looks]
    tried += [(ServiceName.MLFLOW, path, {}) for path in ("/", "/version", "/get-artifact?path=x&run_uuid=y")]
    for wrong in ({}, {"Authorization": "Basic " + base64.b64encode(b"labelline:guessed").decode()}):
        for name, path, options in tried:
            with httpx.Client(base_url=f"http://127.0.0.1:{stack.ports[name]}", headers=wrong) as neighbour:
                body, headers = options.get("body"), options.get("headers")
                answer = neighbour.request(options.get("method", "GET"), path, content=body, headers=headers)
            assert answer.status_code in (401, 403), (name, path, answer.status_code, answer.text[:200])
    assert what_there_is(stack) == before
    assert not marker.exists()


def test_what_answers_without_a_password_tells_nothing(stack: StackState) -> None:
    open_pages = {
        ServiceName.PREFECT: ["/", "/api/health", "/api/ready", "/docs", "/openapi.json", "/ui-settings"],
        ServiceName.MLFLOW: ["/health"],
        ServiceName.LABEL_STUDIO: ["/health", "/version", "/user/login/"],
        ServiceName.GATEWAY: ["/health"],
    }
    private = [str(stack.home), PLUGS, stack.credentials.email]
    for name, paths in open_pages.items():
        for path in paths:
            answer = httpx.get(f"http://127.0.0.1:{stack.ports[name]}{path}", follow_redirects=True, timeout=30)
            assert answer.is_success, (name, path)
            assert stack.credentials.redact(answer.text) == answer.text, (name, path)
            if path in ("/api/health", "/api/ready", "/ui-settings", "/health"):
                assert not any(word in answer.text for word in private), (name, path, answer.text)


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("host", [REBOUND, "10.example.org", "127.0.0.1.example.org", "localhost.example.org", ""])
def test_a_server_answers_under_its_own_names_only(stack: StackState, name: ServiceName, host: str) -> None:
    port = stack.ports[name]
    health = "/api/health" if name is ServiceName.PREFECT else "/health"
    for own in LOOPBACK:
        assert httpx.get(f"http://127.0.0.1:{port}{health}", headers={"Host": f"{own}:{port}"}).is_success
    for path in ("/", "/health", "/api/health"):
        headers = {"Host": f"{host}:{port}" if host else ""}
        assert httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers).status_code == 400, (name, path)


def test_a_real_worker_runs_no_command_that_a_run_names(stack: StackState, tmp_path: Path) -> None:
    """Also not for who knows the password: Prefect does not look at what a run without a deployment's door names."""
    marker, flag = tmp_path / "by-a-run", tmp_path / "go"
    flag.touch()
    found = ask_prefect(stack, "GET", "deployments/name/nap/local").json()
    named = {"command": f"touch {marker}", "env": {"PYTHONPATH": str(tmp_path)}, "working_dir": str(tmp_path)}
    body = {"parameters": {"until": str(flag)}, "state": {"type": "SCHEDULED"}, "job_variables": named}
    with pytest.raises(httpx.HTTPStatusError, match="4"):
        ask_prefect(stack, "POST", f"deployments/{found['id']}/create_flow_run", body)
    past_the_door = {**body, **of_deployment(found)}
    run = ask_prefect(stack, "POST", "flow_runs/", past_the_door).json()
    assert run["job_variables"] == named
    wait_for_state(stack, run["id"], "COMPLETED")
    assert not marker.exists()
