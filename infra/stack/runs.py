"""Runs of deployments: how one is started, and what becomes of those whose process is gone.

With the stack down nothing runs, whatever Prefect's records say.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from blocks.errors import StackError
from infra.stack.services import PLUGS, WORK_POOL

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun


def start_run(client: "SyncPrefectClient", deployment: str, **parameters: Any) -> "FlowRun":
    """Start a run of a deployment, at once and with the stack's own blocks.

    Args:
        client: Of the stack's Prefect server.
        deployment: Its name, `flow/name`.
        parameters: Of the flow, but for `plugs`.

    Raises:
        StackError: It is not deployed, or refuses its parameters.
    """
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    try:
        found = client.read_deployment_by_name(deployment)
        # A run without a scheduled time is due at once.
        return client.create_flow_run_from_deployment(found.id, parameters={**parameters, "plugs": PLUGS})
    except ObjectNotFound as error:
        raise StackError(f"{deployment} is not deployed: run `labelline up`, which deploys prefect.yaml") from error
    except PrefectHTTPStatusError as error:
        raise StackError(f"{deployment} refused its parameters: {error.response.text[:500]}") from error


def unfinished_runs(client: "SyncPrefectClient") -> list["UUID"]:
    """Return the runs that a worker has started and that have not ended."""
    return [run.id for run in _runs(client, ["RUNNING", "PENDING"]) if run.deployment_id is not None]


def requeue_runs(client: "SyncPrefectClient", run_ids: Iterable["UUID"]) -> int:
    """Schedule runs again that lost their process; started anew, they find their finished steps done.

    Returns:
        How many.
    """
    from prefect.states import AwaitingRetry

    count = 0
    for run_id in run_ids:
        client.set_flow_run_state(run_id, AwaitingRetry(message="its process ended with the stack"), force=True)
        count += 1
    return count


def drop_missed_runs(client: "SyncPrefectClient") -> int:
    """Delete scheduled runs that came due while nothing ran, but for one of each deployment, which catches up for all.

    Returns:
        How many were deleted.
    """
    minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    due = [run for run in _runs(client, ["SCHEDULED"]) if run.auto_scheduled and run.next_scheduled_start_time]
    missed = [run for run in due if run.next_scheduled_start_time and run.next_scheduled_start_time < minute_ago]
    caught_up: set[UUID | None] = set()
    dropped = 0
    for run in missed:
        if run.deployment_id in caught_up:
            client.delete_flow_run(run.id)
            dropped += 1
        caught_up.add(run.deployment_id)
    return dropped


def _runs(client: "SyncPrefectClient", states: list[str]) -> list["FlowRun"]:
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter

    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": states}}}),
        work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [WORK_POOL]}}),
    )
