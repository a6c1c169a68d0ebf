"""`up`: everything that is missing is started, side by side, and what is there is left alone."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from blocks.errors import PortTaken, StackError
from blocks.frozen import Frozen
from infra.stack.doors.hosts import parse_hosts
from infra.stack.lock import alone
from infra.stack.moved import follow_move
from infra.stack.orchestration.connection import connected, write_logging_settings
from infra.stack.orchestration.deployments import (
    finish_deploying,
    missing_in,
    registry_fingerprint,
    start_deploying,
)
from infra.stack.orchestration.documents import migrate_catalog, save_blocks
from infra.stack.orchestration.retired import retire_earlier
from infra.stack.orchestration.runs import drop_missed_runs, requeue_runs, unfinished_runs
from infra.stack.orchestration.work_pool import ensure_work_pool
from infra.stack.renewal import follow_account, renew_what_is_posted
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.secrets.private_files import close_to_others, private_files
from infra.stack.servers.health import outdated_services, wait_for
from infra.stack.servers.label_studio import find_label_studio, seed_database
from infra.stack.servers.ports import claim_ports
from infra.stack.servers.prefect_tables import seed_tables
from infra.stack.servers.processes import find_process, mark_of, start_detached, stop_marked, stop_trees
from infra.stack.servers.services import WORK_POOL, describe_service, label_studio_home
from infra.stack.state import ServiceName, StackState, read_state
from infra.stack.stop import stop_worker

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]
"""Called with one line for each thing that is done."""

_SELF_STANDING = (ServiceName.LABEL_STUDIO, ServiceName.PREFECT, ServiceName.MLFLOW)
"""Need nothing of each other, so they start at once; Label Studio, the slowest, first."""

_Port = Field(default=None, ge=1, le=65535, description="Empty: last time's, or a free one.")


class StackOptions(Frozen):
    """What a person may choose about the local stack."""

    label_studio_port: int | None = _Port
    prefect_port: int | None = _Port
    mlflow_port: int | None = _Port
    gateway_port: int | None = _Port
    public_hosts: tuple[str, ...] | None = Field(
        default=None, description="Names of the servers beside this machine's own. Empty: last time's."
    )

    @property
    def named_ports(self) -> dict[ServiceName, int]:
        """The ports that were asked for."""
        ports = {
            ServiceName.LABEL_STUDIO: self.label_studio_port,
            ServiceName.PREFECT: self.prefect_port,
            ServiceName.MLFLOW: self.mlflow_port,
            ServiceName.GATEWAY: self.gateway_port,
        }
        return {name: port for name, port in ports.items() if port is not None}


def start_stack(home: Path, options: StackOptions | None = None, on_progress: Progress | None = None) -> StackState:
    """Start what is missing of the local stack, and wait until all of it is well.

    Args:
        home: The state folder; made where it is missing.
        options: Ports, where a person wants certain ones.
        on_progress: Told of each thing that is done.

    Raises:
        PortTaken: A port that was asked for is in use.
        StackError: The home cannot be written, or a service does not start; the others stay up for a look.
    """
    tell = on_progress or logger.info
    home = home.resolve()
    _make_folders(home)
    with alone(home, tell), private_files():
        close_to_others(home)
        ensure_credentials(home)
        state = read_state(home) or StackState(home=home)
        if options and options.public_hosts is not None:
            state.public_hosts = list(parse_hosts(options.public_hosts))
        _stop_outdated(state, tell)
        missing = [name for name in ServiceName if find_process(state.processes.get(name)) is None]
        named = (options or StackOptions()).named_ports
        _refuse_to_move(state, missing, named)
        if left := stop_marked(home, missing):
            tell(f"ended {left} processes that servers of this stack left behind when they died")
        follow_move(home, tell)
        with claim_ports(missing, named, state.ports) as ports:
            state = state.model_copy(update={"ports": ports})
            _bring_up(state, missing, tell)
    return state


def _stop_outdated(state: StackState, tell: Progress) -> None:
    """End the servers that were started with other settings: by an older version, or before a secret was changed."""
    outdated = outdated_services(state)
    if not outdated:
        return
    tell(f"starting anew, as their settings have changed: {', '.join(outdated)}")
    if ServiceName.WORKER in outdated:
        stop_worker(state, tell)
    stop_trees([state.processes[name] for name in outdated])


def _bring_up(state: StackState, missing: list[ServiceName], tell: Progress) -> None:
    _prepare_databases(state, missing, tell)
    for name in _SELF_STANDING:
        if name in missing:
            _start(name, state)
    write_logging_settings(state.home)
    _await(ServiceName.PREFECT, state, tell)
    with connected(state) as client:
        if saved := save_blocks(state):
            tell(f"saved blocks: {', '.join(saved)}")
        migrate_catalog()
        if ServiceName.GATEWAY in missing:
            _start(ServiceName.GATEWAY, state)
        ensure_work_pool(client, tell)
        fingerprint = registry_fingerprint()
        is_deployed = fingerprint == state.deployed and not missing_in(client)
        deploying = None if is_deployed else start_deploying(state)
        if ServiceName.WORKER in missing:
            again, dropped = _go_on(client), drop_missed_runs(client)
            if again or dropped:
                tell(f"{again} interrupted runs go on; {dropped} missed scheduled runs are dropped")
            _start(ServiceName.WORKER, state)
    for name in (ServiceName.MLFLOW, ServiceName.GATEWAY, ServiceName.WORKER):
        _await(name, state, tell)
    if deploying:
        finish_deploying(deploying, state)
        state.deployed = fingerprint
        state.save()
        tell("deployed prefect.yaml")
    with connected(state) as client:
        retire_earlier(client, tell)
    _await(ServiceName.LABEL_STUDIO, state, tell)
    with connected(state):
        renew_what_is_posted(state, tell)


def _prepare_databases(state: StackState, missing: list[ServiceName], tell: Progress) -> None:
    if ServiceName.LABEL_STUDIO in missing:
        seed_database(find_label_studio(), label_studio_home(state))
        follow_account(state, find_label_studio(), label_studio_home(state), tell)
    if ServiceName.PREFECT in missing:
        seed_tables(state.home / "prefect")


def _go_on(client: "SyncPrefectClient") -> int:
    """Schedule what was interrupted: runs without a process, and those whose last word was that it was ended."""
    from blocks.servers.crashed_runs import restart_crashed_in  # Prefect takes a second to import

    return requeue_runs(client, unfinished_runs(client)) + len(restart_crashed_in(client, WORK_POOL))


def _start(name: ServiceName, state: StackState) -> None:
    service = describe_service(name, state)
    environment = {**service.environment, **mark_of(state.home, name)}
    started = start_detached(service.arguments, environment, state.log_path(name), folder=state.home)
    state.processes[name] = started.model_copy(update={"settings": service.fingerprint})
    state.save()  # after each one: `down` must find them also when this command is killed


def _await(name: ServiceName, state: StackState, tell: Progress) -> None:
    wait_for(describe_service(name, state), state)
    age_s = time.time() - state.processes[name].created
    tell(f"{name} is up" + (f" after {age_s:.0f} s" if age_s < 300 else ""))


def _make_folders(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        if home.stat().st_uid != os.geteuid():
            raise StackError(
                f"the state folder {home} belongs to another user, who could read its secrets and change what runs: "
                "name a folder of your own in LABELLINE_HOME"
            )
        home.chmod(0o700)
        for name in ("logs", "objects", "inbox", "label-studio", "prefect", "mlruns"):
            (home / name).mkdir(exist_ok=True)
        (home / ".writable").touch()
    except OSError as error:
        raise StackError(
            f"the state folder {home} cannot be written ({error.strerror}): give yourself write permission there, "
            "or name another folder in LABELLINE_HOME"
        ) from error


def _refuse_to_move(state: StackState, missing: list[ServiceName], named: dict[ServiceName, int]) -> None:
    for name, port in named.items():
        if name not in missing and state.ports[name] != port:
            raise PortTaken(
                f"{name} runs on port {state.ports[name]}, not on {port}: run `labelline down` first to move it"
            )
