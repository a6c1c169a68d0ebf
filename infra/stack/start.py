"""`up`: everything that is missing is started, side by side, and what is there is left alone."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import PortTaken, StackError
from infra.stack.connection import connected, write_logging_settings
from infra.stack.credentials import ensure_credentials
from infra.stack.deployments import ensure_work_pool, finish_deploying, registry_fingerprint, start_deploying
from infra.stack.documents import migrate_catalog, save_blocks
from infra.stack.health import wait_for
from infra.stack.label_studio import find_label_studio, seed_database
from infra.stack.lock import alone
from infra.stack.ports import claim_ports
from infra.stack.processes import find_process, start_detached
from infra.stack.runs import drop_missed_runs, requeue_runs, unfinished_runs
from infra.stack.services import describe_service, label_studio_home
from infra.stack.state import ServiceName, StackState, read_state

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]
"""Called with one line for each thing that is done."""

_SELF_STANDING = (ServiceName.LABEL_STUDIO, ServiceName.PREFECT, ServiceName.MLFLOW)
"""Need nothing of each other, so they start at once; Label Studio, the slowest, first."""

_Port = Field(default=None, ge=1, le=65535, description="Empty: last time's, or a free one.")


class StackOptions(BaseModel):
    """What a person may choose about the local stack."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label_studio_port: int | None = _Port
    prefect_port: int | None = _Port
    mlflow_port: int | None = _Port
    gateway_port: int | None = _Port

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
    with alone(home, tell):
        ensure_credentials(home)
        state = read_state(home) or StackState(home=home)
        missing = [name for name in ServiceName if find_process(state.processes.get(name)) is None]
        named = (options or StackOptions()).named_ports
        _refuse_to_move(state, missing, named)
        with claim_ports(missing, named, state.ports) as ports:
            state = state.model_copy(update={"ports": ports})
            _bring_up(state, missing, tell)
    return state


def _bring_up(state: StackState, missing: list[ServiceName], tell: Progress) -> None:
    if ServiceName.LABEL_STUDIO in missing:
        seed_database(find_label_studio(), label_studio_home(state))
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
        ensure_work_pool(client)
        fingerprint = registry_fingerprint()
        deploying = start_deploying(state) if fingerprint != state.deployed else None
        if ServiceName.WORKER in missing:
            again, dropped = requeue_runs(client, unfinished_runs(client)), drop_missed_runs(client)
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
    _await(ServiceName.LABEL_STUDIO, state, tell)


def _start(name: ServiceName, state: StackState) -> None:
    service = describe_service(name, state)
    state.processes[name] = start_detached(
        service.arguments, service.environment, state.log_path(name), folder=state.home
    )
    state.save()  # after each one: `down` must find them also when this command is killed


def _await(name: ServiceName, state: StackState, tell: Progress) -> None:
    wait_for(describe_service(name, state), state)
    age_s = time.time() - state.processes[name].created
    tell(f"{name} is up" + (f" after {age_s:.0f} s" if age_s < 300 else ""))


def _make_folders(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
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
