"""`down`: everything that was started ends, and interrupted runs are left so that the next start goes on with them."""

import logging
from collections.abc import Callable
from pathlib import Path

import httpx

from infra.stack.connection import connected
from infra.stack.health import is_well
from infra.stack.lock import alone
from infra.stack.processes import find_process, stop_trees
from infra.stack.runs import requeue_runs, unfinished_runs
from infra.stack.services import describe_service
from infra.stack.state import ServiceName, StackState, read_state

logger = logging.getLogger(__name__)


def stop_stack(home: Path, on_progress: Callable[[str], None] | None = None) -> int:
    """End every process of the local stack; data stay.

    Args:
        home: The state folder.
        on_progress: Told of each thing that is done.

    Returns:
        How many processes ended; 0 where nothing ran.
    """
    tell = on_progress or logger.info
    home = home.resolve()
    if read_state(home) is None:
        return 0
    with alone(home, tell):
        state = read_state(home)
        if state is None:
            return 0
        ended = _stop_worker(state, tell)
        rest = [record for name, record in state.processes.items() if name is not ServiceName.WORKER]
        ended += stop_trees(rest)
        state.processes.clear()
        state.save()
    return ended


def _stop_worker(state: StackState, tell: Callable[[str], None]) -> int:
    """End the worker and the runs' processes while Prefect still listens, so that the runs can be scheduled again."""
    worker = state.processes.get(ServiceName.WORKER)
    if worker is None or find_process(worker) is None:
        return 0
    if not is_well(describe_service(ServiceName.PREFECT, state), state):
        return stop_trees([worker], grace_s=5)
    try:
        with connected(state) as client:
            interrupted = unfinished_runs(client)
            ended = stop_trees([worker], grace_s=5)
            if interrupted:
                requeue_runs(client, interrupted)
                tell(f"{len(interrupted)} interrupted runs will go on after the next `labelline up`")
    except httpx.HTTPError as error:  # the next start finds and schedules them
        logger.warning("Prefect did not take the interrupted runs back (%s)", type(error).__name__)
        return stop_trees([worker], grace_s=5)
    return ended
