"""Watching a run from a terminal: what carries it on must live, or the person is told at once."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx

from blocks.errors import StackError
from infra.cli.readiness import await_prefect, refuse_dead, refuse_full_disk, refuse_paused
from infra.stack.state import StackState, open_stack

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

CHECK_S = 5.0
"""Between two looks at what carries the run: processes and disk cost nothing, the pool two requests."""


class RunWatch:
    """Looks at one run, and now and then at the processes, the pool and the disk that carry it.

    A run is left as it is where something is dead: it goes on after `labelline up`.
    """

    def __init__(self, client: "SyncPrefectClient", state: StackState, say: Callable[[str], None]) -> None:
        self._client = client
        self._state = state
        self._say = say
        self._next_check = time.monotonic()

    def read(self, run: "FlowRun") -> "FlowRun":
        """Return the run as it is now; wait where Prefect is only slow.

        Raises:
            StackError: Nothing carries it on; or Prefect does not answer.
        """
        try:
            try:
                return self._look(run)
            except httpx.TransportError:  # dead, or slow
                await_prefect(open_stack(self._state.home), self._say)
                return self._look(run)
        except httpx.TransportError as error:
            raise StackError(f"Prefect answers and fails in turn ({type(error).__name__}). {left_as(run)}") from error
        except StackError as error:
            raise StackError(f"{error}. {left_as(run)}") from error

    def _look(self, run: "FlowRun") -> "FlowRun":
        from blocks.servers.orchestrator import asking_prefect

        if time.monotonic() >= self._next_check:
            refuse_dead(open_stack(self._state.home))  # read anew: somebody may have run `labelline up` meanwhile
            refuse_full_disk(self._state.home)
            refuse_paused(self._client)
            self._next_check = time.monotonic() + CHECK_S
        with asking_prefect(f"run {run.name}"):
            return self._client.read_flow_run(run.id)


def left_as(run: "FlowRun") -> str:
    """Say in which state a run is left, and that nothing of it is lost."""
    name = (run.state.name if run.state else None) or "Scheduled"
    return (
        f"Run {run.name} was last seen as {name.lower()}; nothing of it is lost: it goes on when that is mended, and "
        "the same command follows it again"
    )
