"""Runs that lost their process are started again: those of the sweep's own pool, and not for ever."""

from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Completed, Crashed, Failed, Running

from blocks.servers import crashed_runs
from blocks.servers.crashed_runs import restart_crashed, restart_crashed_in
from infra.stack.orchestration.runs import requeue_runs
from tests.prefect_harness import state_of
from tests.review.waiting_line import waiting_line


def make_pool(client: SyncPrefectClient) -> str:
    return client.create_work_pool(WorkPoolCreate(name=f"pool-{uuid4().hex[:8]}", type="process")).name


def make_run(client: SyncPrefectClient, work_pool: str) -> UUID:
    deployment_id = client.create_deployment(
        flow_id=client.create_flow(waiting_line), name=uuid4().hex[:8], work_pool_name=work_pool, path="."
    )
    run = client.create_flow_run_from_deployment(deployment_id, parameters={"batch_id": "b", "plugs": "p", "trace": ""})
    client.set_flow_run_state(run.id, Running(), force=True)
    return run.id


def test_a_crashed_run_is_scheduled_again_and_others_are_left_alone(client: SyncPrefectClient) -> None:
    pool, strangers = make_pool(client), make_pool(client)
    died, strange = make_run(client, pool), make_run(client, strangers)
    failed, done, busy = (make_run(client, pool) for _ in range(3))
    for run_id, state in [(died, Crashed()), (strange, Crashed()), (failed, Failed()), (done, Completed())]:
        client.set_flow_run_state(run_id, state, force=True)

    assert restart_crashed_in(client, pool) == [str(died)]

    found = [state_of(client, run_id) for run_id in (died, strange, failed, done, busy)]
    assert found == ["AwaitingRetry", "Crashed", "Failed", "Completed", "Running"]
    assert restart_crashed_in(client, pool) == []


def test_a_run_that_crashes_again_and_again_is_left_to_people(
    client: SyncPrefectClient, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(client)
    run_id = make_run(client, pool)
    restarts = []
    for _ in range(crashed_runs.CRASHES + 1):
        client.set_flow_run_state(run_id, Crashed(), force=True)
        restarts.append(bool(restart_crashed_in(client, pool)))
        if restarts[-1]:
            client.set_flow_run_state(run_id, Running(), force=True)
    assert restarts == [True] * (crashed_runs.CRASHES - 1) + [False, False]
    assert state_of(client, run_id) == "Crashed"
    assert "see why, then retry it" in caplog.text


def test_what_was_ended_with_the_stack_has_not_crashed_by_itself(client: SyncPrefectClient) -> None:
    pool = make_pool(client)
    run_id = make_run(client, pool)
    for _ in range(crashed_runs.CRASHES + 1):  # each `down` ends it, and it says so before it is scheduled again
        client.set_flow_run_state(run_id, Crashed(), force=True)
        assert requeue_runs(client, [run_id]) == 1
        client.set_flow_run_state(run_id, Running(), force=True)
    client.set_flow_run_state(run_id, Crashed(), force=True)
    assert restart_crashed_in(client, pool) == [str(run_id)]


def test_what_crashed_long_ago_stays_as_it_is(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool(client)
    run_id = make_run(client, pool)
    client.set_flow_run_state(run_id, Crashed(), force=True)
    with monkeypatch.context() as patched:
        patched.setattr(crashed_runs, "RECENT", crashed_runs.RECENT * 0)
        assert restart_crashed_in(client, pool) == []
    assert restart_crashed_in(client, pool) == [str(run_id)]


def test_outside_of_a_run_nothing_is_started_again() -> None:
    assert restart_crashed() == []
