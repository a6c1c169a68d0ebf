"""What somebody has switched off in Prefect is said before a run would wait for it without a word."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.schedules import IntervalSchedule

from blocks.errors import StackError
from infra.stack import obstacles
from infra.stack.obstacles import check_can_start, schedules_off, switched_off
from infra.stack.orchestration import runs
from infra.stack.orchestration.runs import start_run
from tests.review.waiting_line import waiting_line


@pytest.fixture
def pool(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A work pool of the test's own, in the place of the stack's."""
    name = f"pool-{uuid4().hex[:8]}"
    monkeypatch.setattr(obstacles, "WORK_POOL", name)
    monkeypatch.setattr(runs, "WORK_POOL", name)
    client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    yield name
    client.delete_work_pool(name)


def test_nothing_switched_off_is_no_obstacle(client: SyncPrefectClient, pool: str) -> None:
    check_can_start(client)
    assert (switched_off(client), schedules_off(client)) == ([], [])


@pytest.mark.parametrize(
    ("change", "told"),
    [({"is_paused": True}, "is paused, so no run starts: switch it on at http"), ({"concurrency_limit": 0}, "limit 0")],
)
def test_a_pool_that_takes_no_runs_is_said_before_one_is_started(
    client: SyncPrefectClient, pool: str, change: dict[str, bool | int], told: str
) -> None:
    client.create_deployment(
        flow_id=client.create_flow(waiting_line), name=pool, work_pool_name=pool, path=".", entrypoint="x.waiting_line"
    )
    client.update_work_pool(pool, WorkPoolUpdate.model_validate(change))
    with pytest.raises(StackError, match=told):
        start_run(client, f"waiting-line/{pool}")
    assert client.read_flow_runs() == [] or all(run.work_pool_name != pool for run in client.read_flow_runs())


def test_a_paused_queue_is_said(client: SyncPrefectClient, pool: str) -> None:
    (queue,) = client.read_work_queues(work_pool_name=pool)
    client.update_work_queue(queue.id, is_paused=True)
    with pytest.raises(StackError, match=f"the queue {queue.name!r} of work pool {pool!r} is paused"):
        check_can_start(client)


def test_a_pool_that_somebody_deleted_is_said(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "WORK_POOL", f"gone-{uuid4().hex[:8]}")
    with pytest.raises(StackError, match="`labelline up` makes it again"):
        check_can_start(client)


def test_a_schedule_that_is_off_is_told(client: SyncPrefectClient, pool: str) -> None:
    from datetime import timedelta

    schedule = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(minutes=5)), active=False)
    client.create_deployment(
        flow_id=client.create_flow(waiting_line),
        name=pool,
        work_pool_name=pool,
        path=".",
        entrypoint="flows.sweep.sweep",
        schedules=[schedule],
    )
    (told,) = schedules_off(client)
    assert "the schedule of " in told and "what the doorbell misses is not read" in told
