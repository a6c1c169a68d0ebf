"""What is dead, paused, slow or full is said at once, before a run and while it is followed; slow is not down."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Running

from blocks.errors import StackError
from infra.cli import readiness
from infra.cli.progress.follow import looks_at
from infra.cli.progress.watch import RunWatch
from infra.cli.readiness import await_prefect, refuse_dead, refuse_full_disk, refuse_paused, running_stack
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.servers.health import Health, health_of
from infra.stack.servers.services import WORK_POOL, describe_service
from infra.stack.state import ProcessRecord, ServiceName, StackState

ME = ProcessRecord(pid=os.getpid(), created=psutil.Process().create_time())
GONE = ProcessRecord(pid=2**22 - 1, created=1.0)


class SlowServer(ThreadingHTTPServer):
    """Answers 200, the first requests late."""

    delays_s: list[float]


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, SlowServer)
        time.sleep(server.delays_s.pop(0) if server.delays_s else 0)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow_server() -> Iterator[SlowServer]:
    server = SlowServer(("127.0.0.1", 0), Answer)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whom it answers late has gone
    server.daemon_threads = True
    server.delays_s = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def stack(home: Path, prefect_port: int = 9, **processes: ProcessRecord) -> StackState:
    """Return the state of a stack whose processes are this test's own, but for those given."""
    ensure_credentials(home)
    by_name = {name: processes.get(name.replace("-", "_"), ME) for name in ServiceName}
    ports = dict.fromkeys(ServiceName, 9) | {ServiceName.PREFECT: prefect_port}
    state = StackState(home=home, ports=ports, processes=by_name)
    state.save()
    return state


def test_slow_is_not_dead(tmp_path: Path, slow_server: SlowServer) -> None:
    state = stack(tmp_path, slow_server.server_port)
    service = describe_service(ServiceName.PREFECT, state)
    assert health_of(service, state) is Health.WELL
    slow_server.delays_s = [1.0]
    assert health_of(service, state, timeout_s=0.2) is Health.SLOW
    silent = stack(tmp_path)
    assert health_of(describe_service(ServiceName.PREFECT, silent), silent) is Health.SILENT
    dead = stack(tmp_path, slow_server.server_port, prefect=GONE)
    assert health_of(service, dead) is Health.DEAD


def test_a_server_that_takes_over_three_seconds_is_waited_for(tmp_path: Path, slow_server: SlowServer) -> None:
    slow_server.delays_s = [3.5, 3.5]
    said: list[str] = []
    await_prefect(stack(tmp_path, slow_server.server_port), said.append)
    assert said == ["Prefect is slow: waiting up to 60 s for it"]


def test_a_server_that_never_answers_is_given_up_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.5)
    with pytest.raises(StackError, match=r"Prefect runs, but has not answered for .*prefect\.log"):
        await_prefect(stack(tmp_path), lambda _: None)


@pytest.mark.parametrize("name", ["worker", "prefect", "label_studio", "gateway"])
def test_what_is_dead_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    shown = name.replace("_", "-")
    with pytest.raises(StackError, match=rf"^{shown} of the stack in .* is dead: `labelline up`.*{shown}\.log"):
        running_stack(stack(tmp_path, **{name: GONE}).home)


def test_a_stack_of_which_nothing_runs_is_no_list_of_five(tmp_path: Path) -> None:
    gone = dict.fromkeys(("worker", "prefect", "label_studio", "gateway", "mlflow"), GONE)
    with pytest.raises(StackError, match="does not run: start it with `labelline up`"):
        refuse_dead(stack(tmp_path, **gone))


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    refuse_full_disk(tmp_path, 0)
    with pytest.raises(StackError, match=r"the disk of .* is full: \d+ MB are free"):
        refuse_full_disk(tmp_path, 10**12)


@pytest.fixture
def pool(client: SyncPrefectClient) -> str:
    """The stack's work pool in the session's Prefect, which is switched on."""
    try:
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
    except ObjectAlreadyExists:
        client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=False))
    return WORK_POOL


def test_a_paused_pool_is_said_with_where_to_switch_it_on(client: SyncPrefectClient, pool: str) -> None:
    refuse_paused(client)
    client.update_work_pool(pool, WorkPoolUpdate(is_paused=True))
    with pytest.raises(StackError, match=r"work pool 'labelline' is paused, so no run starts: .*/work-pools/"):
        refuse_paused(client)
    client.update_work_pool(pool, WorkPoolUpdate(is_paused=False, concurrency_limit=0))
    with pytest.raises(StackError, match="may run nothing at once"):
        refuse_paused(client)
    client.update_work_pool(pool, WorkPoolUpdate(is_paused=False, concurrency_limit=5))


@flow
def some_line() -> None:
    """Nothing: only its run's state matters."""


def test_a_worker_that_dies_while_its_run_is_followed_is_said_with_the_state_of_the_run(
    client: SyncPrefectClient, pool: str, tmp_path: Path
) -> None:
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    record = ProcessRecord(pid=worker.pid, created=psutil.Process(worker.pid).create_time())
    state = stack(tmp_path, worker=record)
    run = client.create_flow_run(some_line, state=Running())
    watch = RunWatch(client, state, print)
    assert watch.read(run).id == run.id
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    with pytest.raises(
        StackError, match=rf"worker .* is dead: `labelline up`.*Run {run.name} was last seen as running"
    ):
        for _ in looks_at(client, state, run):
            assert time.monotonic() > 0


def test_a_prefect_that_dies_while_a_run_is_followed_is_said(
    client: SyncPrefectClient, pool: str, tmp_path: Path
) -> None:
    run = client.create_flow_run(some_line, state=Running())
    state = stack(tmp_path, prefect=GONE)
    with pytest.raises(StackError, match=rf"prefect .* is dead.*Run {run.name} was last seen as running"):
        RunWatch(client, state, print).read(run)
