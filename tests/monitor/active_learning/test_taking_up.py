"""A loop that is started again goes on with the batch that its earlier life had begun, and leaves those of others."""

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed, Paused, Running
from sqlalchemy import Engine

from blocks.database.engine import reading
from blocks.database.tables import Batch
from tasks.intake.batches import open_batch
from tasks.monitor.steps import take_up
from tests.intake.test_batches import fill

pytestmark = [
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@flow
def inner() -> str:
    """Take a batch, as a labelling run inside of a loop does; say which run it is."""
    from prefect.runtime import flow_run

    return str(flow_run.id)


@flow
def outer() -> tuple[str, str]:
    """Run a flow inside of a flow."""
    from prefect.runtime import flow_run

    return str(flow_run.id), inner()


def owner_of(engine: Engine, batch_id: str) -> str | None:
    with reading(engine) as session:
        return session.get_one(Batch, batch_id).flow_run_id


def test_a_batch_that_a_dead_process_had_begun_is_freed_although_its_run_seems_to_go_on(
    engine: Engine, client: SyncPrefectClient, prefect_api: str
) -> None:
    fill(engine, "ab")
    loop_id, label_id = outer()
    client.set_flow_run_state(label_id, Running(), force=True)  # type: ignore[arg-type]
    open_batch(engine, "b1", "lots", 2, label_id)
    assert take_up(engine, "lots", "00000000-0000-0000-0000-000000000000") is None, "of another loop that may go on"
    left = take_up(engine, "lots", loop_id)
    assert left is not None
    assert (left.id, left.size, owner_of(engine, "b1")) == ("b1", 2, None)


@pytest.mark.parametrize(
    ("state", "is_taken"),
    [(Failed(), True), (Cancelled(), True), (Completed(), False), (Running(), False), (Paused(), False)],
    ids=["failed", "cancelled", "completed", "running", "paused"],
)
def test_what_another_run_left_is_taken_up_where_that_ended_badly(
    engine: Engine, client: SyncPrefectClient, state: State, is_taken: bool
) -> None:
    fill(engine, "ab")
    open_batch(engine, "b1", "lots", 2, str(client.create_flow_run(inner, state=state).id))
    assert (take_up(engine, "lots", None) is not None) == is_taken


def test_without_an_open_batch_nothing_is_taken_up(engine: Engine, client: SyncPrefectClient) -> None:
    assert take_up(engine, "lots", None) is None
