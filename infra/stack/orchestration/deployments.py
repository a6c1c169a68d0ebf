"""Deploying `prefect.yaml`, the one registry of what runs."""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from blocks.errors import StackError
from infra.stack.servers.processes import tail_of
from infra.stack.servers.services import stack_environment
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

REGISTRY = Path(__file__).parents[3] / "prefect.yaml"
"""The one registry of deployments: runs, schedules and triggers."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One deployment of the registry: its full name, and how many schedules and triggers it has."""

    name: str
    schedules: int
    triggers: int


def registered() -> list[RegistryEntry]:
    """Return what the registry names; empty where there is no registry beside the packages."""
    entries = yaml.safe_load(REGISTRY.read_text())["deployments"] if REGISTRY.exists() else []
    return [
        RegistryEntry(_full_name(entry), len(entry.get("schedules", ())), len(entry.get("triggers", ())))
        for entry in entries
    ]


def _full_name(entry: dict[str, Any]) -> str:
    """Return `flow/deployment` as Prefect calls it: a flow is named after its function, with dashes."""
    function = entry["entrypoint"].replace(":", ".").rpartition(".")[2]
    return f"{function.replace('_', '-')}/{entry['name']}"


def deployed_as(flow: str) -> str:
    """Return the full name of a flow's own deployment, the first of the registry, such as `label/label-a-batch`.

    Args:
        flow: As Prefect calls it: `label`, `second-look`.

    Raises:
        StackError: The registry has none.
    """
    found = next((one.name for one in registered() if one.name.partition("/")[0] == flow), None)
    if found is None:
        raise StackError(f"{REGISTRY} deploys no flow {flow!r}: take the file of your version of labelline")
    return found


def missing_in(client: "SyncPrefectClient") -> list[str]:
    """Return what the registry names and the Prefect server lacks: it was lost with its database, or deleted.

    Args:
        client: Of the stack's Prefect server.

    Returns:
        Names of deployments that are not there, or not with their schedules and triggers. A schedule that a person
        paused or changed is there.
    """
    from prefect.exceptions import ObjectNotFound

    missing = []
    for wanted in registered():
        try:
            found = client.read_deployment_by_name(wanted.name)
        except ObjectNotFound:
            missing.append(wanted.name)
            continue
        automations = 0
        if wanted.triggers:
            which = {"resource_id": f"prefect.deployment.{found.id}"}
            answer = client.request("GET", "/automations/related-to/{resource_id}", path_params=which)
            automations = len(answer.json())
        if len(found.schedules) < wanted.schedules or automations < wanted.triggers:
            missing.append(wanted.name)
    return missing


def registry_fingerprint() -> str:
    """Return a hash of everything a deployment is made from: the registry, the flows and their option models."""
    digest = hashlib.sha256(version("prefect").encode())
    root = REGISTRY.parent
    for path in [REGISTRY, *sorted((root / "flows").rglob("*.py")), *sorted((root / "tasks").rglob("*.py"))]:
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
