"""Deployments under names that earlier versions gave them: `up` takes them away, once no run needs them any more.

Prefect cannot rename a deployment, and a run that sleeps is started again by the one it was begun from.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.stack.orchestration.deployments import registered

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

EARLIER = tuple(f"{flow}/local" for flow in ("intake", "label", "retrain", "loop", "second-look", "sweep", "monitor"))
"""Full names that are ours and given no more. A deployment that somebody else made is never touched."""

KEPT = "Under its earlier name, for the runs that still sleep; it goes when they have ended."


def retire_earlier(client: "SyncPrefectClient", tell: Callable[[str], None]) -> None:
    """Take schedules and triggers off the deployments of earlier versions, and delete those without unfinished runs.

    Args:
        client: Of the stack's Prefect server.
        tell: Told what went and what stays.
    """
    gone, kept = [], []
    for name, found in _earlier(client).items():
        client.delete_resource_owned_automations(f"prefect.deployment.{found.id}")
        for schedule in found.schedules:
            client.delete_deployment_schedule(found.id, schedule.id)  # and what it had planned
        if _has_unfinished_runs(client, found):
            _describe(client, found)
            kept.append(name)
        else:
            client.delete_deployment(found.id)
            gone.append(name)
    if gone:
        tell(f"took away the deployments of an earlier version: {', '.join(gone)}")
    if kept:
        tell(f"kept for runs that have not ended: {', '.join(kept)}")


def _earlier(client: "SyncPrefectClient") -> dict[str, "DeploymentResponse"]:
    from prefect.exceptions import ObjectNotFound

    found = {}
    present = {one.name for one in registered()}
    for name in EARLIER:
        if name not in present:
            try:
                found[name] = client.read_deployment_by_name(name)
            except ObjectNotFound:
                continue
    return found


def _has_unfinished_runs(client: "SyncPrefectClient", found: "DeploymentResponse") -> bool:
    from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter

    unfinished = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]
    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": unfinished}}}),
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [found.id]}}),
        limit=1,
    )
    return bool(runs)


def _describe(client: "SyncPrefectClient", found: "DeploymentResponse") -> None:
    from prefect.client.schemas.actions import DeploymentUpdate

    if found.description != KEPT:
        client.update_deployment(found.id, DeploymentUpdate(description=KEPT))
