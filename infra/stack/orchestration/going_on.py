"""What goes on about each collection: the run that works, sleeps or is about to begin, for who asks what comes next."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.stack.orchestration.cancelling import collections_in, unfinished_runs
from infra.stack.orchestration.connection import connected
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

ANSWER_LIMIT_S = 3.0
"""So long Prefect may take: who asks for counts of the catalogue does not wait for it."""

WORKS, ASLEEP, ENDING, DUE = "works", "asleep", "ending", "due"
_STATES = {"RUNNING": WORKS, "PAUSED": ASLEEP, "CANCELLING": ENDING}
_RANKS = (WORKS, ASLEEP, DUE, ENDING)


@dataclass(frozen=True, slots=True)
class GoingOn:
    """A run of a collection that has not ended."""

    name: str
    state: str
    """`works`, `asleep` until people have answered, `due` and not begun, or `ending`: it is being cancelled."""
    url: str
    """Where Prefect shows it."""


def read_going_on(state: StackState) -> dict[str, GoingOn]:
    """Return what goes on, by collection: of several runs the one that works. Empty if Prefect answers too slowly."""
    import httpx
    from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    patience = {PREFECT_API_REQUEST_TIMEOUT: ANSWER_LIMIT_S, PREFECT_CLIENT_MAX_RETRIES: 0}
    try:
        with temporary_settings(patience), connected(state) as client:
            return going_on_by_collection(client, state.urls.prefect_ui)
    except httpx.HTTPError:
        return {}


def going_on_by_collection(client: "SyncPrefectClient", ui: str) -> dict[str, GoingOn]:
    """Return the run of each collection that has not ended.

    Args:
        client: Of this stack's Prefect.
        ui: Address of its pages.
    """
    found: dict[str, GoingOn] = {}
    for run in unfinished_runs(client):
        one = GoingOn(run.name, _state_of(run), f"{ui}/runs/flow-run/{run.id}")
        for collection in collections_in(run.parameters):
            before = found.get(collection)
            if before is None or _RANKS.index(one.state) < _RANKS.index(before.state):
                found[collection] = one
    return found


def _state_of(run: "FlowRun") -> str:
    return _STATES.get(run.state.type.value if run.state else "", DUE)
