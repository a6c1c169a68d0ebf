"""What an ordinary annotator's account can do at Label Studio besides answering: no secret is within its reach.

A real Label Studio as the stack starts it, and somebody who signed up by the invite link. Where Label Studio could be
made to fetch something, a server on this machine waits for it: nobody may come.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import httpx
import pytest

from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from infra.gateway.webhooks import DOORBELL_PATH
from tasks.review.posting.projects import ensure_webhook
from tasks.review.questions.task import label_config
from tests.label_studio import signed_up
from tests.review.builders import QUEUE

pytestmark = pytest.mark.label_studio

SECRET = {"secret": "of-this-machine"}


class Vault:
    """A server on this machine that holds a secret, as Prefect does, and notes who comes."""

    def __init__(self) -> None:
        self.visits: list[tuple[str, str]] = []
        vault = self

        class Door(BaseHTTPRequestHandler):
            def answer(self) -> None:
                vault.visits.append((self.command, self.path))
                body = json.dumps([SECRET]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_HEAD = do_PUT = answer  # noqa: N815

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def vault() -> Iterator[Vault]:
    opened = Vault()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def annotator(label_studio: AnnotationServer) -> Iterator[httpx.Client]:
    """Somebody with an ordinary account, in their own browser."""
    with signed_up(label_studio) as browser:
        yield browser


@pytest.fixture(scope="module")
def operator(label_studio: AnnotationServer) -> Iterator[httpx.Client]:
    """Who runs this Label Studio, by their token."""
    token = {"Authorization": f"Token {label_studio.api_token}"}
    with httpx.Client(base_url=label_studio.url, headers=token, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def project(label_studio: AnnotationServer) -> int:
    """A project of ours with two tasks and the doorbell's webhook."""
    return make_project(label_studio)


def make_project(label_studio: AnnotationServer) -> int:
    """Make a project as the line does."""
    title = f"guarded {uuid4().hex[:8]}"
    made = label_studio.call("POST", "api/projects/", body={"title": title, "label_config": label_config(QUEUE)})
    id_ = int(made["id"])
    tasks = [{"data": {"image": "http://127.0.0.1:9/x.jpg", "question_id": f"{n:032x}"}} for n in (1, 2)]
    label_studio.call("POST", f"api/projects/{id_}/import", body=tasks)
    ensure_webhook(label_studio, id_)
    return id_


@pytest.fixture(scope="module")
def task(label_studio: AnnotationServer, project: int) -> int:
    return tasks_of(label_studio, project)[0]


def tasks_of(label_studio: AnnotationServer, project: int) -> list[int]:
    listed = label_studio.call("GET", "api/tasks/", params={"project": project})["tasks"]
    return sorted(int(task["id"]) for task in listed)


ADDRESSES = ("http://127.0.0.1:{port}/secrets.json", "http://localhost:{port}/x.csv", "http://0.0.0.0:{port}/x.json")
FETCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "import by address": ("/api/projects/{project}/import", {"url": "{address}"}),
    "import by address, uncommitted": ("/api/projects/{project}/import?commit_to_project=false", {"url": "{address}"}),
    "import again by address": ("/api/projects/{project}/reimport", {"url": "{address}"}),
    "ML back end": ("/api/ml/", {"project": 0, "url": "{address}"}),
    "webhook": ("/api/webhooks/", {"project": 0, "url": "{address}", "send_for_all_actions": True}),
    "S3": ("/api/storages/s3/validate", {"project": 0, "bucket": "b", "s3_endpoint": "{address}"}),
    "S3 export": ("/api/storages/export/s3", {"project": 0, "bucket": "b", "s3_endpoint": "{address}"}),
    "Redis": ("/api/storages/redis/validate", {"project": 0, "host": "127.0.0.1", "port": "{port}"}),
    "Azure": (
        "/api/storages/azure/validate",
        {"project": 0, "container": "c", "account_name": "a;BlobEndpoint={address}", "account_key": "a2V5"},
    ),
    "local files": ("/api/storages/localfiles/validate", {"project": 0, "path": "/"}),
}


def filled(value: Any, **words: Any) -> Any:
    """Return a body with its places filled in."""
    if isinstance(value, dict):
        return {key: words["project"] if key == "project" else filled(one, **words) for key, one in value.items()}
    return value.format(**words) if isinstance(value, str) else value


def how_sent(path: str) -> str:
    """Say in which form a body goes out: Label Studio takes addresses to import from as a form only."""
    return "data" if "import" in path else "json"


@pytest.mark.parametrize("name", FETCHES)
def test_label_studio_fetches_nothing_from_this_machine_for_an_annotator(
    annotator: httpx.Client, project: int, vault: Vault, name: str
) -> None:
    path, body = FETCHES[name]
    for address in ADDRESSES:
        words = {"project": project, "port": vault.port, "address": address.format(port=vault.port)}
        answer = annotator.post(path.format(**words), **{how_sent(path): filled(body, **words)})
        assert vault.visits == []
        assert answer.status_code in (403, 404), answer.text  # 404: there is no such way in at all
        assert SECRET["secret"] not in answer.text


@pytest.mark.parametrize("name", ["import by address", "ML back end", "webhook", "S3", "Redis"])
def test_nor_for_a_manager_so_the_protection_holds_by_itself(
    operator: httpx.Client, project: int, vault: Vault, name: str
) -> None:
    path, body = FETCHES[name]
    for address in ADDRESSES:
        words = {"project": project, "port": vault.port, "address": address.format(port=vault.port)}
        answer = operator.post(path.format(**words), **{how_sent(path): filled(body, **words)})
        assert vault.visits == []
        assert answer.status_code in (400, 403), answer.text
        assert "reserved network address" in answer.text


def test_an_address_in_the_data_is_not_fetched_either(
    label_studio: AnnotationServer, annotator: httpx.Client, operator: httpx.Client, vault: Vault
) -> None:
    """An export with pictures goes out to fetch them; what a picture's address leads to must not come back."""
    project = make_project(label_studio)
    picture = [{"data": {"image": f"http://127.0.0.1:{vault.port}/secrets.json"}}]
    label_studio.call("POST", f"api/projects/{project}/import", body=picture)
    for kind in ("YOLO_WITH_IMAGES", "COCO_WITH_IMAGES"):
        query = {"exportType": kind, "download_resources": "true", "download_all_tasks": "true"}
        assert annotator.get(f"/api/projects/{project}/export", params=query).status_code == 403
        operator.get(f"/api/projects/{project}/export", params=query)
    task_id = tasks_of(label_studio, project)[-1]
    for path in (f"/tasks/{task_id}/resolve/", f"/projects/{project}/presign/", "/data/local-files/?d=etc/passwd"):
        assert annotator.get(path, params={"fileuri": "aHR0cDovLzEyNy4wLjAuMQ=="}).status_code in (403, 404)
    assert vault.visits == []


MANAGERS_ONLY: dict[str, tuple[str, str, Any]] = {
    "read webhooks": ("GET", "/api/webhooks/", None),
    "read the invite link": ("GET", "/api/invite", None),
    "reset the invite link": ("POST", "/api/invite/reset-token", None),
    "delete the project": ("DELETE", "/api/projects/{project}/", None),
    "change the project": ("PATCH", "/api/projects/{project}/", {"title": "mine now"}),
    "make a project": ("POST", "/api/projects/", {"title": "mine alone"}),
    "read storages": ("GET", "/api/storages/?project={project}", None),
    "export": ("GET", "/api/projects/{project}/export?exportType=JSON", None),
    "make an export": ("POST", "/api/projects/{project}/exports/", {}),
    "change a task's question": ("PATCH", "/api/tasks/{task}/", {"data": {"question_id": "0" * 32}}),
    "delete a task": ("DELETE", "/api/tasks/{task}/", None),
    "delete all tasks": ("DELETE", "/api/projects/{project}/tasks/", None),
    "make a task": ("POST", "/api/tasks/", {"project": "{project}", "data": {"question_id": "0" * 32}}),
    "make a proposal": ("POST", "/api/predictions/", {"task": "{task}", "result": [], "score": 0}),
    "delete proposals": ("DELETE", "/api/projects/{project}/model-versions/", {"model_version": "labelline"}),
    "copy proposals as answers": (
        "POST",
        "/api/dm/actions?id=predictions_to_annotations&project={project}",
        {"selectedItems": {"all": True, "excluded": []}},
    ),
    "delete tasks by an action": (
        "POST",
        "/api/dm/actions?id=delete_tasks&project={project}",
        {"selectedItems": {"all": True, "excluded": []}},
    ),
    "delete answers by an action": (
        "POST",
        "/api/dm/actions?id=delete_tasks_annotations&project={project}",
        {"selectedItems": {"all": True, "excluded": []}},
    ),
    "make an account": ("POST", "/api/users/", {"email": "x@people.invalid", "username": "x"}),
    "allow tokens": ("POST", "/api/jwt/settings", {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True}),
    "upload a file": ("POST", "/api/projects/{project}/import", [{"data": {"image": "x"}}]),
    "make an organisation": ("POST", "/api/organizations/", {"title": "mine"}),
    "move an annotation's state": ("POST", "/api/fsm/entities/task/{task}/transition/", {"transition_name": "x"}),
}


@pytest.mark.parametrize("name", MANAGERS_ONLY)
def test_what_only_a_manager_may_is_refused_and_changes_nothing(
    label_studio: AnnotationServer, annotator: httpx.Client, project: int, task: int, name: str
) -> None:
    method, path, body = MANAGERS_ONLY[name]
    words = {"project": project, "task": task}
    sent = json.loads(json.dumps(body).replace("{project}", str(project)).replace("{task}", str(task)))
    answer = annotator.request(method, path.format(**words), json=sent)
    assert answer.status_code == 403, answer.text
    assert label_studio.doorbell_secret not in answer.text
    assert len(tasks_of(label_studio, project)) == 2
    assert label_studio.call("GET", f"api/tasks/{task}/")["data"]["question_id"] != "0" * 32


def test_no_page_or_list_that_an_annotator_sees_holds_a_secret(
    label_studio: AnnotationServer, annotator: httpx.Client, project: int, task: int
) -> None:
    pages = (
        "/api/projects/", f"/api/projects/{project}/", f"/api/tasks/{task}/", "/api/users/", "/api/organizations/",
        f"/api/dm/project?project={project}", f"/projects/{project}/settings/webhooks", "/organization/webhooks",
        f"/projects/{project}/data", "/api/current-user/whoami", "/api/version",
    )  # fmt: skip
    for page in pages:
        seen = annotator.get(page).text
        assert label_studio.doorbell_secret not in seen, page
        assert label_studio.api_token not in seen, page
        assert DOORBELL_HEADER not in seen, page


def test_an_annotator_answers_edits_and_deletes_their_own_work(
    annotator: httpx.Client, project: int, task: int
) -> None:
    assert annotator.get("/api/projects/").json()["count"] >= 1
    served = annotator.post(f"/api/dm/actions?id=next_task&project={project}", json={}).raise_for_status().json()["id"]
    draft = annotator.post(f"/api/tasks/{served}/drafts", json={"result": [], "lead_time": 1}).raise_for_status().json()
    annotator.patch(f"/api/drafts/{draft['id']}/", json={"result": []}).raise_for_status()
    body = {"result": [], "lead_time": 2.0, "draft_id": draft["id"]}
    made = annotator.post(f"/api/tasks/{served}/annotations/", json=body).raise_for_status().json()
    assert made["completed_by"] == annotator.get("/api/current-user/whoami").json()["id"]
    annotator.patch(f"/api/annotations/{made['id']}/", json={"result": [], "lead_time": 3}).raise_for_status()
    assert annotator.delete(f"/api/annotations/{made['id']}/").status_code == 204
    annotator.post(f"/api/tasks/{task}/annotations/", json={"result": [], "was_cancelled": True}).raise_for_status()
    assert len(annotator.get("/api/current-user/token").raise_for_status().json()["token"]) == 40


def test_nobody_writes_in_anothers_name_or_touches_anothers_work(
    label_studio: AnnotationServer, annotator: httpx.Client, task: int
) -> None:
    theirs = label_studio.call("POST", f"api/tasks/{task}/annotations/", body={"result": [], "lead_time": 5})
    me = annotator.get("/api/current-user/whoami").json()["id"]
    other = theirs["completed_by"]
    forged = {"result": [], "completed_by": other}
    assert annotator.post(f"/api/tasks/{task}/annotations/", json=forged).status_code == 403
    assert annotator.patch(f"/api/annotations/{theirs['id']}/", json={"lead_time": 1}).status_code == 403
    assert annotator.put(f"/api/annotations/{theirs['id']}/", json={"result": []}).status_code == 403
    assert annotator.delete(f"/api/annotations/{theirs['id']}/").status_code == 403
    mine = annotator.post(f"/api/tasks/{task}/annotations/", json={"result": [], "completed_by": me})
    mine.raise_for_status()
    given = {"completed_by": other}
    assert annotator.patch(f"/api/annotations/{mine.json()['id']}/", json=given).status_code == 403
    assert annotator.patch(f"/api/users/{other}/", json={"first_name": "x"}).status_code == 403
    kept = label_studio.call("GET", f"api/annotations/{theirs['id']}/")
    assert (kept["completed_by"], kept["lead_time"]) == (other, 5)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/webhooks/label-studio/",
        "http://127.0.0.1:{port}/webhooks/label-studio?x=1",
        "http://127.0.0.1:{port}/webhooks/label-studio/../../secrets",
        "http://127.0.0.1:{port}@127.0.0.1/webhooks/label-studio",
        "http://localhost:{port}/webhooks/label-studio",
        "http://127.0.0.1/webhooks/label-studio",
        "https://127.0.0.1:{port}/webhooks/label-studio",
    ],
)
def test_only_the_doorbells_exact_address_gets_through(
    operator: httpx.Client, project: int, vault: Vault, address: str
) -> None:
    hook = {"project": project, "url": address.format(port=vault.port), "send_for_all_actions": True}
    answer = operator.post("/api/webhooks/", json=hook)
    assert (answer.status_code == 403 and "reserved network address" in answer.text) or answer.status_code == 400


def test_the_doorbell_is_rung(label_studio: AnnotationServer, project: int, task: int, vault: Vault) -> None:
    hook = {
        "project": project,
        "url": f"http://127.0.0.1:{vault.port}{DOORBELL_PATH}",
        "headers": {DOORBELL_HEADER: "x"},
    }
    label_studio.call("POST", "api/webhooks/", body={**hook, "send_for_all_actions": True})
    label_studio.call("POST", f"api/tasks/{task}/annotations/", body={"result": []})
    assert ("POST", DOORBELL_PATH) in vault.visits
