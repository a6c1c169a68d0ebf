"""Runs of one collection are found whatever flow they are of, and cancelled with what runs inside of them."""

import contextlib
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Completed, Running, Suspended

from infra.stack.orchestration.cancelling import cancel_run, collections_in, runs_of
from infra.stack.servers.services import WORK_POOL

pytestmark = pytest.mark.slow


@flow
def some_line(parameters: dict[str, Any]) -> None:
    """Nothing: only its runs' states matter."""


@task
def _step() -> None:
    """The place of a run inside of another."""


def start(client: SyncPrefectClient, parameters: dict[str, Any]) -> FlowRun:
    """Start a run of a deployment in the stack's pool; no worker is there to take it."""
    with contextlib.suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
    flow_id = client.create_flow(some_line)
    deployment = client.create_deployment(flow_id, f"cancel-{uuid4().hex[:8]}", work_pool_name=WORK_POOL)
    return client.create_flow_run_from_deployment(deployment, parameters=parameters)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, set()),
        ({"folder": "/lots"}, set()),
        ({"collection": "lots", "folder": "/x"}, {"lots"}),
        ({"line": {"collection": "lots", "classes": ["collection"]}}, {"lots"}),
        ({"options": {"line": {"collection": "lots"}}}, {"lots"}),
    ],
)
def test_the_collection_of_a_run_stands_in_its_parameters(parameters: dict[str, Any], named: set[str]) -> None:
    assert collections_in(parameters) == named


def test_unfinished_runs_of_the_collection_are_found_and_no_others(client: SyncPrefectClient) -> None:
    mine, other, ended = (f"{name}-{uuid4().hex[:8]}" for name in ("lots", "roads", "lots"))
    runs = [start(client, {"collection": mine}), start(client, {"line": {"collection": mine}})]
    start(client, {"collection": other})
    client.set_flow_run_state(start(client, {"collection": ended}).id, Completed(), force=True)
    assert [run.id for run in runs_of(client, mine)] == [run.id for run in runs]
    assert runs_of(client, ended) == []


def test_what_sleeps_or_waits_is_cancelled_at_once_and_what_runs_is_left_to_its_worker(
    client: SyncPrefectClient,
) -> None:
    waiting, asleep, running = (start(client, {"collection": "lots"}) for _ in range(3))
    client.set_flow_run_state(asleep.id, Running(), force=True)
    client.set_flow_run_state(asleep.id, Suspended(timeout_seconds=600), force=True)
    client.set_flow_run_state(running.id, Running(), force=True)
    for run in (waiting, asleep, running):
        cancel_run(client, run)
    states = [client.read_flow_run(run.id).state for run in (waiting, asleep, running)]
    assert [state.type.value for state in states if state] == ["CANCELLED", "CANCELLED", "CANCELLING"]


def test_a_run_inside_of_another_is_cancelled_with_it(client: SyncPrefectClient) -> None:
    outer = start(client, {"collection": "lots"})
    client.set_flow_run_state(outer.id, Running(), force=True)
    place = client.create_task_run(_step, outer.id, "step-0", name="step", state=Running())
    inner = client.create_flow_run(some_line, parent_task_run_id=place.id, state=Running())
    cancel_run(client, outer)
    state = client.read_flow_run(inner.id).state
    assert state is not None
    assert state.is_cancelled()
