"""Deploying `prefect.yaml`, the one registry of what runs, and the work pool that it names."""

import hashlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import StackError
from infra.stack.processes import tail_of
from infra.stack.services import WORK_POOL, stack_environment
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

REGISTRY = Path(__file__).parents[2] / "prefect.yaml"
"""The one registry of deployments: runs, schedules and triggers."""


RUNS_AT_ONCE = 4
"""Held by the work pool, not by the worker: one that counts for itself ends with an error when a run is resumed while
the process that suspended it has not ended yet. Sleeping runs do not count."""


def ensure_work_pool(client: "SyncPrefectClient") -> None:
    """Create the work pool that the registry names, unless it is there; it starts runs as processes."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        pool = client.read_work_pool(WORK_POOL)
        if pool.concurrency_limit is None:
            client.update_work_pool(WORK_POOL, WorkPoolUpdate(concurrency_limit=RUNS_AT_ONCE))
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        pool_of_ours = WorkPoolCreate(
            name=WORK_POOL, type="process", base_job_template=template, concurrency_limit=RUNS_AT_ONCE
        )
        client.create_work_pool(pool_of_ours)


def registry_fingerprint() -> str:
    """Return a hash of everything a deployment is made from: the registry, the flows and their option models."""
    digest = hashlib.sha256(version("prefect").encode())
    root = REGISTRY.parent
    for path in [REGISTRY, *sorted((root / "flows").glob("*.py")), *sorted((root / "tasks").rglob("*.py"))]:
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def start_deploying(state: StackState) -> "subprocess.Popen[bytes]":
    """Start `prefect deploy --all` of the registry beside whatever else is starting: it takes some 10 s.

    Raises:
        StackError: There is no registry beside the packages.
    """
    if not REGISTRY.exists():
        raise StackError(f"{REGISTRY} is missing: install labelline from its repository, `pip install --editable .`")
    arguments = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(REGISTRY)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with state.log_path("deploy").open("wb") as log:
        return subprocess.Popen(
            arguments,
            env={**inherited, **stack_environment(state)},
            cwd=state.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def finish_deploying(process: "subprocess.Popen[bytes]", state: StackState, limit_s: float = 180) -> None:
    """Wait until the deployments are there.

    Raises:
        StackError: Prefect refused one, or took too long.
    """
    log = state.log_path("deploy")
    try:
        code = process.wait(limit_s)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise StackError(f"deploying {REGISTRY} took over {limit_s:.0f} s; its log is {log}") from error
    if code != 0:
        raise StackError(
            f"deploying {REGISTRY} failed with exit code {code}: mend what its log says and run `labelline up` again. "
            f"The end of {log}:\n{state.credentials.redact(tail_of(log, 12))}"
        )
