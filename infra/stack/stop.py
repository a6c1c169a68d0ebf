"""`down`: everything that was started ends, and interrupted runs are left so that the next start goes on with them."""

import logging
from collections.abc import Callable
from pathlib import Path

import httpx

from infra.stack.lock import alone
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.runs import requeue_runs, unfinished_runs
from infra.stack.servers.health import is_well
from infra.stack.servers.processes import find_process, stop_marked, stop_trees
from infra.stack.servers.services import describe_service
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
        ended = stop_worker(state, tell)
        rest = [record for name, record in state.processes.items() if name is not ServiceName.WORKER]
        ended += stop_trees(rest)
        ended += stop_marked(home, list(ServiceName))  # what a server that died before had started
        state.processes.clear()
        state.save()
    return ended


def stop_worker(state: StackState, tell: Callable[[str], None]) -> int:
    """End the worker and the runs' processes while Prefect still listens, so that the runs can be scheduled again.

    A run that is asked to end reports itself as crashed, which only scheduling it again takes back. Where Prefect
    cannot be asked for the runs (it is slow, or its password has changed), they get no time for a report: they stay
    running in its records, and the next start finds and schedules them.
    """
    worker = state.processes.get(ServiceName.WORKER)
    if worker is None or find_process(worker) is None:
        return 0
    if not is_well(describe_service(ServiceName.PREFECT, state), state):
        return stop_trees([worker], grace_s=None)
    with connected(state) as client:
        try:
            interrupted = unfinished_runs(client)
        except httpx.HTTPError as error:
            logger.info("Prefect does not tell which runs are under way (%s)", type(error).__name__)
            return stop_trees([worker], grace_s=None)
        ended = stop_trees([worker], grace_s=5)
        if interrupted:
            again = requeue_runs(client, interrupted)
            tell(f"{again} interrupted runs will go on after the next `labelline up`")
    return ended
