"""The runs of one collection that have not ended, whatever flow they are of; and how they are cancelled."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from infra.stack.servers.services import WORK_POOL

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

GOING_ON = ["RUNNING", "PENDING", "PAUSED", "SCHEDULED", "CANCELLING"]


def runs_of(client: "SyncPrefectClient", collection: str) -> "list[FlowRun]":
    """Return the unfinished runs of this stack whose parameters name a collection, oldest first.

    Those that Prefect's schedules planned ahead are left out: none is of one collection.
    """
    return [run for run in unfinished_runs(client) if collection in collections_in(run.parameters)]


def unfinished_runs(client: "SyncPrefectClient") -> "list[FlowRun]":
    """Return the runs of this stack that have not ended, oldest first, but those that schedules planned ahead."""
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter

    found: list[FlowRun] = []
    while page := client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": GOING_ON}}}),
        work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [WORK_POOL]}}),
        limit=200,
        offset=len(found),
    ):
        found += page
    mine = [run for run in found if not run.auto_scheduled]
    return sorted(mine, key=lambda run: run.created.timestamp() if run.created else 0.0)


def collections_in(parameters: Mapping[str, Any]) -> set[str]:
    """Return the collections that a run's parameters name: its own, or those of its line or options."""
    return set(_named(parameters))


def _named(parameters: Mapping[str, Any]) -> Iterator[str]:
    for name, value in parameters.items():
        if name == "collection" and isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _named(value)


def cancel_run(client: "SyncPrefectClient", run: "FlowRun") -> None:
    """Ask Prefect to cancel a run; what runs is ended by its worker, what sleeps or waits is cancelled at once.

    The runs of flows inside of it end with its process and are written down as cancelled: their batches would wait for
    them otherwise.
    """
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.states import Cancelled, Cancelling

    from blocks.servers.orchestrator import asking_prefect

    with asking_prefect(f"run {run.name}"):
        client.set_flow_run_state(run.id, Cancelling())
        inside = FlowRunFilter.model_validate({"parent_flow_run_id": {"any_": [str(run.id)]}})
        for part in client.read_flow_runs(flow_run_filter=inside):
            if part.state is None or not part.state.is_final():
                client.set_flow_run_state(part.id, Cancelled(message="the run around it was cancelled"), force=True)
