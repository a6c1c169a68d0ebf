"""Whoever may start a run may not thereby start every program; `tests/running` asks a real worker."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from infra.stack.orchestration.work_pool import JOB_TEMPLATE, RUNS_AT_ONCE, ensure_work_pool
from infra.stack.servers.services import WORK_POOL

CHOICES: list[dict[str, Any]] = [
    {"command": "touch /tmp/by-a-stranger"},
    {"env": {"PYTHONPATH": "/home/stranger"}},
    {"env.PYTHONPATH": "/home/stranger"},
    {"working_dir": "/home/stranger"},
    {"name": "{{ prefect.blocks.labelline-label-studio.local.api_token }}"},
]


@flow
def some_flow() -> None:
    """Never runs."""


@pytest.fixture
def older_pool(client: SyncPrefectClient) -> Iterator[None]:
    """The pool as Prefect's own template makes it, without our limit."""
    remove_pool(client)
    template = ProcessWorker.get_default_base_job_template()
    client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=template))
    yield
    remove_pool(client)


def remove_pool(client: SyncPrefectClient) -> None:
    try:
        client.delete_work_pool(WORK_POOL)
    except ObjectNotFound:
        return


def deployed(client: SyncPrefectClient, **job_variables: Any) -> UUID:
    flow_id = client.create_flow(some_flow)
    return client.create_deployment(flow_id, "some", work_pool_name=WORK_POOL, job_variables=job_variables)


def test_a_pool_of_an_older_version_gets_our_template(client: SyncPrefectClient, older_pool: None) -> None:
    told: list[str] = []
    ensure_work_pool(client, told.append)
    pool = client.read_work_pool(WORK_POOL)
    assert pool.base_job_template == JOB_TEMPLATE
    assert pool.concurrency_limit == RUNS_AT_ONCE
    ensure_work_pool(client, told.append)
    assert len(told) == 1 and "command" in told[0], "what is as it should be was written again"


def test_a_pool_is_made_with_our_template_and_a_limit_that_was_chosen_stays(client: SyncPrefectClient) -> None:
    remove_pool(client)
    ensure_work_pool(client, pytest.fail)
    assert client.read_work_pool(WORK_POOL).base_job_template == JOB_TEMPLATE
    client.request("PATCH", "/work_pools/{name}", path_params={"name": WORK_POOL}, json={"concurrency_limit": 9})
    ensure_work_pool(client, pytest.fail)
    assert client.read_work_pool(WORK_POOL).concurrency_limit == 9
    remove_pool(client)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_run_or_deployment_that_names_more_than_its_output_is_refused(
    client: SyncPrefectClient, older_pool: None, choice: dict[str, Any]
) -> None:
    ensure_work_pool(client, lambda _line: None)
    plain = deployed(client, stream_output=True)
    client.create_flow_run_from_deployment(plain, job_variables={"stream_output": False})
    with pytest.raises(PrefectHTTPStatusError, match="Additional properties"):
        client.create_flow_run_from_deployment(plain, job_variables=choice)
    with pytest.raises(PrefectHTTPStatusError, match="Additional properties"):
        deployed(client, **choice)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_that_came_past_the_door_does_not_reach_the_process(
    client: SyncPrefectClient, choice: dict[str, Any]
) -> None:
    """A run made before the pool had our template still carries what it named."""

    async def configure() -> ProcessJobConfiguration:
        values = {**choice, "stream_output": False}
        return await ProcessJobConfiguration.from_template_and_values(JOB_TEMPLATE, values)

    assert asyncio.run(configure()) == ProcessJobConfiguration(stream_output=False)
