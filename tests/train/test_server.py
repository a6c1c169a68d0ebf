"""The registry through a real MLflow server, as a team has it: the same promises as with a file."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from blocks.errors import TrackingUnavailable
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.train.registry import champion_of, resolve_detector


@pytest.fixture
def server(tmp_path: Path, empty_mlflow: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shutil.copyfile(empty_mlflow, tmp_path / "server.sqlite")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path / 'server.sqlite'}"]
    command += ["--artifacts-destination", str(tmp_path / "server-files")]
    settings = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # else eight more programs, for its judges
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=settings, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, tmp_path / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)


def _wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address, timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    pytest.fail(f"MLflow did not start: {log.read_text()[-2000:]}")


@pytest.mark.slow
def test_a_server_keeps_champions_and_gives_lost_weights_back(
    server: str, store: Store, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    experiments = Experiments(server)
    ref = resolve_detector(experiments, store, "parking lot/1", str(tiny_weights))
    store.local_path(ref.weights_key).unlink()
    assert resolve_detector(experiments, store, "parking lot/1", "champion") == ref
    assert store.has(ref.weights_key)
    with pytest.raises(TrackingUnavailable), experiments.run("lot", "x", {"t": "1"}) as run:
        run.log_file(Path("nowhere.txt"))
    assert champion_of(experiments, "lot") is None
