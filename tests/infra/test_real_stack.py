"""All servers of the local stack at once: one slow test starts them, kills some, and looks what `up` makes of it."""

import time
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr

from blocks.crashed_runs import restart_crashed_in
from blocks.errors import PortTaken
from infra.doctor import services as doctor
from infra.doctor.examine import examine
from infra.doctor.findings import Level
from infra.doctor.packages import read_constraints
from infra.doctor.services import check_deployments, check_doorbell, check_token
from infra.stack import deployments
from infra.stack.connection import connected
from infra.stack.processes import find_process
from infra.stack.report import report_stack
from infra.stack.services import WORK_POOL, catalog_url
from infra.stack.start import StackOptions, start_stack
from infra.stack.state import ServiceName, StackState, open_stack
from infra.stack.stop import stop_stack

TINY_REGISTRY = """
name: tiny
deployments:
  - name: local
    entrypoint: tests.infra.tiny_flow.nap
    work_pool: {name: labelline}
"""


@pytest.fixture
def tiny_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One small flow in place of the lines, so that this test is of the stack alone."""
    registry = tmp_path / "registry" / "prefect.yaml"
    registry.parent.mkdir()
    registry.write_text(TINY_REGISTRY)
    monkeypatch.setattr(deployments, "REGISTRY", registry)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def wait_for_state(state: StackState, run_id: str, name: str, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while (found := httpx.get(f"{state.urls.prefect_api}/flow_runs/{run_id}").json()["state_type"]) != name:
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
    monkeypatch.setattr(doctor, "REGISTRY", deployments.REGISTRY)
    found = {finding.what: finding for finding in examine(home)}
    bad = {what: each for what, each in found.items() if each.level is not Level.OK}
    # What is installed, and how full this disk is, is not the stack's doing.
    assert not bad.keys() - {*read_constraints(), "disk", "packages", "label-studio"}, bad
    for what in ("Label Studio token", "SSRF protection", "doorbell", "rings", "deployments", *ServiceName):
        assert what in found
    assert found["doorbell"].found == "Label Studio's webhook reaches the gateway"
    state = open_stack(home)

    mistyped = state.credentials.model_copy(update={"label_studio_token": SecretStr("0" * 40)})
    stranger = state.model_copy()
    stranger.__dict__["credentials"] = mistyped
    refused = check_token(stranger)
    assert (refused.level, refused.found) == (Level.FAIL, "refused (401)")
    assert check_doorbell(stranger).level is Level.FAIL

    deaf = state.model_copy()
    deaf.__dict__["credentials"] = state.credentials.model_copy(update={"doorbell_secret": SecretStr("wrong")})
    assert "not with its secret" in check_doorbell(deaf).found
    projects = httpx.get(
        f"{state.urls.label_studio}/api/projects/", headers={"Authorization": f"Token {state.label_studio_token}"}
    ).json()
    assert projects["count"] == 0, "the doctor left a project behind"

    two = deployments.REGISTRY.read_text() + TINY_REGISTRY.rpartition("deployments:\n")[2].replace("local", "other")
    registry = deployments.REGISTRY.parent / "two.yaml"
    registry.write_text(two)
    monkeypatch.setattr(doctor, "REGISTRY", registry)
    assert check_deployments(state).found == "missing: nap/other"
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

        deployment = httpx.get(f"{state.urls.prefect_api}/deployments/name/nap/local").json()["id"]
        flag = tmp_path / "go"
        body = {"parameters": {"until": str(flag)}, "state": {"type": "SCHEDULED"}}
        run = httpx.post(f"{state.urls.prefect_api}/deployments/{deployment}/create_flow_run", json=body).json()["id"]
        wait_for_state(state, run, "RUNNING")

        kill_trees(pids[ServiceName.WORKER], pids[ServiceName.LABEL_STUDIO])
        mended = start_stack(home)
        changed = {name for name, record in mended.processes.items() if record.pid != pids[name]}
        assert changed == {ServiceName.WORKER, ServiceName.LABEL_STUDIO}
        assert mended.ports == state.ports
        wait_for_state(mended, run, "RUNNING")

        # The run's process alone dies, as for want of memory: the worker says so, and the sweep starts it again.
        naps = worker_of(mended).children()
        assert len(naps) == 1, naps
        kill_trees(naps[0].pid)
        wait_for_state(mended, run, "CRASHED")
        with connected(mended) as client:
            assert restart_crashed_in(client, WORK_POOL) == [run]
        wait_for_state(mended, run, "RUNNING")

        assert stop_stack(home) >= len(pids)
        assert not any(psutil.pid_exists(record.pid) for record in mended.processes.values())
        flag.touch()
        wait_for_state(start_stack(home), run, "COMPLETED")
        for log in (home / "logs").iterdir():
            text = log.read_text(errors="replace")
            assert state.credentials.redact(text) == text, f"{log} holds a secret"
    finally:
        stop_stack(home)
