"""Runs of deployments: how one is started, and what becomes of those whose process is gone.

With the stack down nothing runs, whatever Prefect's records say.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from blocks.apart import Failures
from blocks.errors import StackError
from infra.stack.obstacles import check_can_start
from infra.stack.servers.services import PLUGS, WORK_POOL

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
        StackError: It is not deployed, refuses its parameters, or would wait since somebody switched something off.
    """
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    check_can_start(client)
    try:
        found = client.read_deployment_by_name(deployment)
        # A run without a scheduled time is due at once.
        return client.create_flow_run_from_deployment(found.id, parameters={**parameters, "plugs": PLUGS})
    except ObjectNotFound as error:
        raise StackError(f"{deployment} is not deployed: run `labelline up`, which deploys prefect.yaml") from error
    except PrefectHTTPStatusError as error:
        if error.response.status_code >= 500:
            raise StackError(
                f"Prefect failed inside (HTTP {error.response.status_code}) when {deployment} was started: its log in "
                "the state folder says why, `labelline doctor` what is wrong with this machine"
            ) from error
        raise StackError(f"{deployment} refused its parameters: {refusal_in_words(error.response.text)}") from error


def unfinished_runs(client: "SyncPrefectClient") -> list["UUID"]:
    """Return the runs that a worker has started and that have not ended."""
    return [run.id for run in _runs(client, ["RUNNING", "PENDING"]) if run.deployment_id is not None]


def requeue_runs(client: "SyncPrefectClient", run_ids: Iterable["UUID"]) -> int:
    """Schedule runs again that lost their process; started anew, they find their finished steps done.

    One that somebody has just deleted keeps no other from going on.

    Returns:
        How many.
    """
    from prefect.states import AwaitingRetry

    from blocks.servers.crashed_runs import ENDED_WITH_STACK
    from blocks.servers.orchestrator import asking_prefect

    failures, count = Failures(), 0
    for run_id in run_ids:
        with failures.apart(f"scheduling run {run_id} again"), asking_prefect(f"run {run_id}"):
            client.set_flow_run_state(run_id, AwaitingRetry(message=ENDED_WITH_STACK), force=True)
            count += 1
    return count


def drop_missed_runs(client: "SyncPrefectClient") -> int:
    """Delete scheduled runs that came due while nothing ran, but for one of each deployment, which catches up for all.

    Returns:
        How many were deleted.
    """
    from blocks.servers.orchestrator import asking_prefect

    minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    due = [run for run in _runs(client, ["SCHEDULED"]) if run.auto_scheduled and run.next_scheduled_start_time]
    missed = [run for run in due if run.next_scheduled_start_time and run.next_scheduled_start_time < minute_ago]
    caught_up: set[UUID | None] = set()
    dropped = 0
    for run in missed:
        if run.deployment_id in caught_up:
            with Failures().apart(f"dropping run {run.id}"), asking_prefect(f"run {run.id}"):
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


def refusal_in_words(body: str) -> str:
    """Return what a server's answer says, without the JSON around it."""
    try:
        detail = json.loads(body).get("detail", body)
    except (ValueError, AttributeError):
        detail = body
    if isinstance(detail, list):
        detail = "; ".join(str(each.get("msg", each)) if isinstance(each, dict) else str(each) for each in detail)
    return str(detail)[:400]
