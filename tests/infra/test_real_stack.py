"""All servers of the local stack at once: one slow test starts them, kills some, and looks what `up` makes of it."""

import json
import time
from pathlib import Path

import httpx
import psutil
import pytest
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.schemas.actions import WorkPoolUpdate
from pydantic import SecretStr

from blocks.errors import PortTaken
from blocks.servers.annotation_server import DOORBELL_HEADER
from blocks.servers.crashed_runs import restart_crashed_in
from infra.doctor.examine import examine
from infra.doctor.findings import Level
from infra.doctor.packages import read_constraints
from infra.doctor.services import (
    check_deployments,
    check_doorbell,
    check_password,
    check_services,
    check_settings,
    check_switches,
    check_token,
)
from infra.stack.orchestration import deployments
from infra.stack.orchestration.connection import connected
from infra.stack.renewal import rotate_secrets
from infra.stack.report import report_stack
from infra.stack.secrets.credentials import secrets_path
from infra.stack.servers.processes import find_process
from infra.stack.servers.services import WORK_POOL, catalog_url
from infra.stack.start import StackOptions, start_stack
from infra.stack.state import ServiceName, StackState, open_stack
from infra.stack.stop import stop_stack

TINY_REGISTRY = """
name: tiny
pull: # as in ours
  - blocks.home.enter_labelline_home: {}
deployments:
  - name: local
    entrypoint: tests.infra.tiny_flow.nap
    work_pool: {name: labelline}
  - name: spare
    entrypoint: tests.infra.tiny_flow.nap
    work_pool: {name: labelline}
    schedules: [{cron: "0 4 1 1 *"}]
"""


@pytest.fixture
def tiny_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One small flow in place of the lines, so that this test is of the stack alone."""
    registry = tmp_path / "registry" / "prefect.yaml"
    registry.parent.mkdir()
    registry.write_text(TINY_REGISTRY)
    monkeypatch.setattr(deployments, "REGISTRY", registry)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def ask_prefect(state: StackState, method: str, path: str, body: object = None) -> httpx.Response:
    """Ask as all of Prefect's clients do: a busy database is a 503 that says when to come again."""
    with PrefectHttpxSyncClient(base_url=state.urls.prefect_api, headers=state.credentials.prefect_headers) as client:
        return client.request(method, path, json=body)


def wait_for_state(state: StackState, run_id: str, name: str, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while (found := ask_prefect(state, "GET", f"flow_runs/{run_id}").json()["state_type"]) != name:
        assert time.monotonic() < deadline, f"run is {found}, expected {name}"
        time.sleep(0.3)


def worker_of(state: StackState) -> psutil.Process:
    process = find_process(state.processes[ServiceName.WORKER])
    assert process is not None
    return process


def kill_trees(*pids: int) -> None:
    """End processes as a machine that loses its power does: all at once.

    Parents go first. A worker that outlives its run's process by a few milliseconds reports the run as crashed, and a
    crashed run is the sweep's.
    """
    roots = [psutil.Process(pid) for pid in pids]
    killed = [process for root in roots for process in [root, *root.children(recursive=True)]]
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=10)


def examine_the_real_stack(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the doctor look at a stack that is well, and at the same one with one thing wrong after another."""
    found = {finding.what: finding for finding in examine(home)}
    bad = {what: each for what, each in found.items() if each.level is not Level.OK}
    # What is installed, and how full this disk is, is not the stack's doing.
    assert not bad.keys() - {*read_constraints(), "disk", "packages", "label-studio"}, bad
    checks = ("Label Studio token", "Prefect password", "names", "SSRF protection", "doorbell", "rings", "deployments")
    for what in (*checks, *ServiceName):
        assert what in found
    assert found["doorbell"].found == "Label Studio's webhook reaches the gateway"
    state = open_stack(home)

    wrong = {"label_studio_token": SecretStr("0" * 40), "prefect_password": SecretStr("guessed")}
    mistyped = state.credentials.model_copy(update=wrong)
    stranger = state.model_copy()
    stranger.__dict__["credentials"] = mistyped
    for refused in (check_token(stranger), check_password(stranger)):
        assert (refused.level, refused.found) == (Level.FAIL, "refused (401)")
    assert check_doorbell(stranger).level is Level.FAIL

    assert "labelline rotate" in check_token(stranger).advice

    assert found["settings"].level is Level.OK
    changed = state.model_copy()  # as after an edit of the file of secrets, before the next `up`
    changed.__dict__["credentials"] = state.credentials.model_copy(update={"link_secret": SecretStr("new")})
    outdated = check_settings(changed)
    assert (outdated.level, outdated.advice) == (Level.FAIL, "run `labelline up`")
    assert outdated.found.startswith("gateway still run")

    deaf = state.model_copy()
    deaf.__dict__["credentials"] = state.credentials.model_copy(update={"doorbell_secret": SecretStr("wrong")})
    assert "not with its secret" in check_doorbell(deaf).found
    projects = httpx.get(
        f"{state.urls.label_studio}/api/projects/", headers={"Authorization": f"Token {state.label_studio_token}"}
    ).json()
    assert projects["count"] == 0, "the doctor left a project behind"

    registry = deployments.REGISTRY.parent / "other.yaml"
    registry.write_text(TINY_REGISTRY.replace("local", "other"))
    with monkeypatch.context() as patch:
        patch.setattr(deployments, "REGISTRY", registry)
        assert check_deployments(state).found == "missing, or without their schedules: nap/other"
    with connected(state) as client:
        for paused, level in ((True, Level.FAIL), (False, Level.OK)):
            client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=paused))
            switches = check_switches(state)
            assert (switches.level, "is paused" in switches.advice) == (level, paused)

    dead = state.model_copy(update={"processes": {**state.processes}})
    del dead.processes[ServiceName.WORKER]
    worker = next(finding for finding in check_services(dead) if finding.what == ServiceName.WORKER)
    assert (worker.level, worker.advice.startswith("run `labelline up`")) == (Level.FAIL, True)

    # The gateway's process stands still: it is there, and does not answer.
    gateway = find_process(state.processes[ServiceName.GATEWAY])
    assert gateway is not None
    gateway.suspend()
    try:
        after = {finding.what: finding for finding in examine(home)}
    finally:
        gateway.resume()
    assert (after[ServiceName.GATEWAY].level, after[ServiceName.GATEWAY].found) == (
        Level.FAIL,
        "runs and does not answer",
    )
    assert "doorbell" not in after, "it explains nothing that the gateway's failure does not"


def lock_an_older_stack(state: StackState) -> StackState:
    """Let `up` meet a running stack whose secrets an older version wrote: what it lacks is made, the rest stays."""
    kept = json.loads(secrets_path(state.home).read_text())
    before = kept.pop("prefect_password")
    secrets_path(state.home).write_text(json.dumps(kept))
    locked = start_stack(state.home)
    now = json.loads(secrets_path(state.home).read_text())
    assert now.pop("prefect_password") != before
    assert now == kept
    changed = {name for name, record in locked.processes.items() if record != state.processes[name]}
    assert changed == set(ServiceName) - {ServiceName.LABEL_STUDIO}
    assert check_password(locked).level is Level.OK
    return locked


def only_new_secrets_work(before: StackState, after: StackState) -> None:
    """Try the secrets of before and after a rotation at each server that takes them."""
    for state, expected in ((before, 401), (after, 200)):
        known = state.credentials
        token = {"Authorization": f"Token {state.label_studio_token}"}
        urls = after.urls
        assert httpx.get(f"{urls.label_studio}/api/current-user/whoami", headers=token).status_code == expected
        assert httpx.get(f"{urls.prefect_api}/admin/version", headers=known.prefect_headers).status_code == expected
        login = httpx.BasicAuth(*known.prefect_login.split(":", 1))
        assert httpx.get(f"{urls.gateway}/gallery/", auth=login).status_code == expected
        assert httpx.get(f"{urls.gateway}/score/docs", auth=login).status_code == expected
        bearer = {"Authorization": f"Bearer {known.score_bearer}"}
        asked = httpx.post(f"{urls.gateway}/score", json={}, headers=bearer)  # with nothing in it
        assert asked.status_code == (422 if expected == 200 else expected)
        rung = httpx.post(
            f"{urls.gateway}/webhooks/label-studio",
            json={"action": "?"},
            headers={DOORBELL_HEADER: state.doorbell_secret},
        )
        assert (rung.status_code < 300) == (expected == 200), rung
        with httpx.Client(base_url=urls.label_studio) as visitor:
            form = visitor.get("/user/login").text.partition('name="csrfmiddlewaretoken" value="')[2]
            entries = {"email": known.email, "password": known.password.get_secret_value()}
            entries["csrfmiddlewaretoken"] = form.partition('"')[0]
            visitor.post("/user/login", data=entries, headers={"Referer": urls.label_studio})
            assert ("sessionid" in visitor.cookies and visitor.get("/api/users/").is_success) == (expected == 200)
    assert check_token(after).level is Level.OK
    assert check_doorbell(after).level is Level.OK


@pytest.mark.slow
@pytest.mark.label_studio
@pytest.mark.usefixtures("tiny_registry")
def test_a_stack_starts_mends_itself_and_goes_on_with_interrupted_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    try:
        state = start_stack(home)
        report = report_stack(home)
        assert report.is_well
        assert report.catalog == catalog_url(home)
        examine_the_real_stack(home, monkeypatch)
        pids = {name: record.pid for name, record in state.processes.items()}

        assert {n: r.pid for n, r in start_stack(home).processes.items()} == pids, "a second `up` started something"
        with pytest.raises(PortTaken, match="labelline down"):
            start_stack(home, StackOptions(gateway_port=state.ports[ServiceName.GATEWAY] + 1))

        deployed = ask_prefect(state, "GET", "deployments/name/nap/local").json()
        assert str(home) not in str(deployed["pull_steps"]), "after a move, runs would look for the old place"
        deployment = deployed["id"]
        flag = tmp_path / "go"
        body = {"parameters": {"until": str(flag)}, "state": {"type": "SCHEDULED"}}
        run = ask_prefect(state, "POST", f"deployments/{deployment}/create_flow_run", body).json()["id"]
        wait_for_state(state, run, "RUNNING")

        kill_trees(pids[ServiceName.LABEL_STUDIO], pids[ServiceName.MLFLOW])
        # The worker's own process alone: the run's process lives on, in a session of its own.
        worker = psutil.Process(pids[ServiceName.WORKER])
        children = worker.children()
        worker.kill()
        assert any(child.is_running() for child in children)
        spare = ask_prefect(state, "GET", "deployments/name/nap/spare").json()["id"]
        ask_prefect(state, "DELETE", f"deployments/{spare}")
        mended = start_stack(home)
        changed = {name for name, record in mended.processes.items() if record.pid != pids[name]}
        assert changed == {ServiceName.WORKER, ServiceName.LABEL_STUDIO, ServiceName.MLFLOW}
        assert not any(child.is_running() for child in children)
        assert mended.ports == state.ports
        assert check_deployments(mended).level is Level.OK, "what somebody deleted was not deployed again"
        wait_for_state(mended, run, "RUNNING")

        # The run's process alone dies, as for want of memory: the worker says so, and the sweep starts it again.
        naps = worker_of(mended).children()
        assert len(naps) == 1, naps
        kill_trees(naps[0].pid)
        wait_for_state(mended, run, "CRASHED")
        with connected(mended) as client:
            assert restart_crashed_in(client, WORK_POOL) == [run]
        wait_for_state(mended, run, "RUNNING")

        locked = lock_an_older_stack(mended)
        wait_for_state(locked, run, "RUNNING")

        assert stop_stack(home) >= len(pids)
        assert not any(psutil.pid_exists(record.pid) for record in locked.processes.values())
        flag.touch()
        before, home = home, home.rename(tmp_path / "moved")
        told: list[str] = []
        rotated = rotate_secrets(home, stop_stack, lambda at: start_stack(at, on_progress=told.append), told.append)
        only_new_secrets_work(locked, rotated)
        wait_for_state(rotated, run, "COMPLETED")
        assert not before.exists(), "something was written to where the state folder was"
        for path in [*home.glob("*.sqlite*"), *home.glob("*/*.sqlite3*"), *home.glob("prefect/*.db*")]:
            assert not path.stat().st_mode & 0o077, f"{path} is open to others"
        for log in (home / "logs").iterdir():
            text = log.read_text(errors="replace")
            for known in (state, locked, rotated):
                assert known.credentials.redact(text) == text, f"{log} holds a secret"
    finally:
        stop_stack(home)
