"""Whether the stack can take a run, said at once and in words: what is dead, paused, slow or full, and what to do.

Asked before anything is written, and again and again while a run is followed: a run whose worker is dead waits for ever
without a word of its own.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import StackError
from infra.stack.obstacles import check_can_start
from infra.stack.orchestration.connection import connected
from infra.stack.servers.health import Health, health_of, worker_is_online
from infra.stack.servers.processes import find_process, wait_until
from infra.stack.servers.services import describe_service
from infra.stack.state import ServiceName, StackState, open_stack

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PATIENCE_S = 60.0
"""How long a server that is slow may take: under load a request takes seconds, and that is no reason to give up."""

LEAST_FREE_MB = 200
"""Of disk space: databases that cannot grow lose what was just said."""

NEEDED = tuple(name for name in ServiceName if name is not ServiceName.MLFLOW)
"""Without these a run does not start, or people see nothing; runs are tracked without MLflow's server."""


def running_stack(home: Path, say: Callable[[str], None] = print) -> StackState:
    """Return the stack, when it can take runs; wait for what is only slow.

    Args:
        home: The state folder.
        say: Told what is waited for.

    Raises:
        StackError: A service is dead or does not answer, the work pool is paused, or the disk is full.
    """
    state = open_stack(home)
    refuse_full_disk(home)
    refuse_dead(state)
    if find_process(state.processes.get(ServiceName.MLFLOW)) is None:
        say("mlflow is dead: what is tracked is kept all the same, `labelline up` starts its pages again")
    await_prefect(state, say)
    with connected(state) as client:
        refuse_paused(client)
    _await_worker(state, say)
    return state


def refuse_dead(state: StackState) -> None:
    """Refuse to go on where a process of the stack has ended.

    Raises:
        StackError: Which, and that `labelline up` starts it again.
    """
    dead = [name for name in NEEDED if find_process(state.processes.get(name)) is None]
    if len(dead) == len(NEEDED):
        raise StackError(f"the stack in {state.home} does not run: start it with `labelline up`")
    if dead:
        logs = ", ".join(str(state.log_path(name)) for name in dead)
        raise StackError(
            f"{' and '.join(dead)} of the stack in {state.home} {'is' if len(dead) == 1 else 'are'} dead: "
            f"`labelline up` starts what is missing (why it ended may stand in {logs})"
        )


def refuse_full_disk(home: Path, least_free_mb: int = LEAST_FREE_MB) -> None:
    """Refuse to go on where the disk of the state folder has no room.

    Raises:
        StackError: How much there is.
    """
    free_mb = shutil.disk_usage(home).free >> 20
    if free_mb < least_free_mb:
        raise StackError(
            f"the disk of {home} is full: {free_mb} MB are free, and {least_free_mb} MB are needed for pictures and "
            "databases. Make room, or move the state folder to a larger disk (`labelline down`, move, `labelline up`)"
        )


def refuse_paused(client: "SyncPrefectClient") -> None:
    """Refuse to go on where nothing that is scheduled would start.

    Raises:
        StackError: The work pool or its queue is paused, or may run nothing at once.
    """
    check_can_start(client)


def await_prefect(state: StackState, say: Callable[[str], None] = print) -> None:
    """Wait until Prefect answers: slow is not dead.

    Raises:
        StackError: Its process is gone, or it does not answer for `PATIENCE_S`.
    """
    prefect = describe_service(ServiceName.PREFECT, state)
    deadline = time.monotonic() + PATIENCE_S
    health = health_of(prefect, state)
    if health is Health.WELL:
        return
    say(f"Prefect is {health}: waiting up to {PATIENCE_S:.0f} s for it")
    while health is not Health.WELL:
        refuse_dead(state)
        if not wait_until(deadline):
            raise StackError(
                f"Prefect runs, but has not answered for {PATIENCE_S:.0f} s: look into {state.log_path('prefect')}; if "
                "this machine is not merely busy, `labelline down` and `labelline up` start it anew"
            )
        health = health_of(prefect, state, timeout_s=15.0)


def _await_worker(state: StackState, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    if worker_is_online(state, timeout_s=15.0):
        return
    say(f"Prefect has not heard of the worker lately: waiting up to {PATIENCE_S:.0f} s for it")
    while not worker_is_online(state, timeout_s=15.0):
        refuse_dead(state)
        if not wait_until(deadline, pause_s=1.0):
            raise StackError(
                f"the worker runs, but Prefect has not heard of it for {PATIENCE_S:.0f} s: look into "
                f"{state.log_path('worker')}; `labelline down` and `labelline up` start it anew"
            )
