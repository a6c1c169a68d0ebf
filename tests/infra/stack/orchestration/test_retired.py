"""An older state folder has deployments under names that are given no more: they go, and no run is lost with them."""

from datetime import timedelta
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Suspended

from infra.stack.orchestration.retired import KEPT, retire_earlier

EVERY_HOUR = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(hours=1)), active=True)


@flow
def label() -> None:
    """Never runs."""


def deploy(client: SyncPrefectClient, name: str) -> UUID:
    """Make a deployment with a schedule and a trigger."""
    flow_id = client.create_flow_from_name("label")
    made = client.create_deployment(flow_id, name, schedules=[EVERY_HOUR], entrypoint="flows.label.label")
    trigger = DeploymentEventTrigger(name=f"{name}__automation_1", expect={"labels"})
    trigger.set_deployment_id(made)
    client.create_automation(trigger.as_automation())
    return made


def automations_of(client: SyncPrefectClient, deployment: UUID) -> list[str]:
    path = {"resource_id": f"prefect.deployment.{deployment}"}
    related = client.request("GET", "/automations/related-to/{resource_id}", path_params=path)
    return [one["name"] for one in related.json()]


def test_an_earlier_deployment_goes_when_its_last_run_has_ended(client: SyncPrefectClient) -> None:
    earlier, somebodys = deploy(client, "local"), deploy(client, "nightly")
    sleeping = client.create_flow_run_from_deployment(earlier).id
    client.set_flow_run_state(sleeping, Suspended(timeout_seconds=3600), force=True)
    told: list[str] = []

    retire_earlier(client, told.append)
    kept = client.read_deployment(earlier)
    assert (kept.schedules, kept.description) == ([], KEPT)
    assert automations_of(client, earlier) == [], "an event would start two trainings"
    assert told == ["kept for runs that have not ended: label/local"]

    client.set_flow_run_state(sleeping, Completed(), force=True)
    retire_earlier(client, told.append)
    with pytest.raises(ObjectNotFound):
        client.read_deployment(earlier)
    assert told[1:] == ["took away the deployments of an earlier version: label/local"]
    assert client.read_flow_run(sleeping).id == sleeping, "what was done stays to be seen"

    retire_earlier(client, told.append)
    assert len(told) == 2, "nothing is left to say"
    untouched = client.read_deployment(somebodys)
    assert len(untouched.schedules) == 1
    assert automations_of(client, somebodys) == ["nightly__automation_1"]
    client.delete_resource_owned_automations(f"prefect.deployment.{somebodys}")
    client.delete_deployment(somebodys)


def test_what_an_earlier_schedule_planned_is_not_done_twice(client: SyncPrefectClient) -> None:
    earlier = deploy(client, "local")
    planned = client.request("POST", "/deployments/{id}/schedule", path_params={"id": earlier}, json={"min_runs": 3})
    assert planned.is_success
    of_it = FlowRunFilter.model_validate({"deployment_id": {"any_": [earlier]}})
    assert client.read_flow_runs(flow_run_filter=of_it)
    retire_earlier(client, lambda _line: None)
    assert client.read_flow_runs(flow_run_filter=of_it) == []
    with pytest.raises(ObjectNotFound):
        client.read_deployment(earlier)
