"""A run that failed leaves a batch that the next run continues; nothing is continued while its own run may go on."""

from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed, Paused, Running, Scheduled
from sqlalchemy import Engine

from blocks.database.engine import reading
from blocks.database.tables import Batch
from tasks.intake import steps
from tasks.intake.batches import open_batch
from tests.intake.test_batches import fill

pytestmark = pytest.mark.slow


@flow
def some_line() -> None:
    """Nothing: only its runs' states matter."""


@pytest.fixture(autouse=True)
def plugged_in(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "open_catalog", lambda _plugs: engine)


def run_in(client: SyncPrefectClient, state: State) -> str:
    return str(client.create_flow_run(some_line, state=state).id)


def batch_of(engine: Engine, run_id: str | None, batch_id: str = "b1") -> str:
    open_batch(engine, batch_id, "lots", 2, run_id)
    return batch_id


@pytest.mark.parametrize("ended", [Failed(), Cancelled(), Completed()], ids=lambda state: str(state.name))
def test_a_batch_whose_run_is_over_is_taken_up_by_the_next_run(
    engine: Engine, client: SyncPrefectClient, ended: State
) -> None:
    fill(engine, "ab")
    first = batch_of(engine, run_in(client, ended))
    second = run_in(client, Running())
    assert [batch.id for batch in steps.left_behind(engine, "lots")] == [first]
    assert steps.open_batch.fn("lots", 2, second).id == first
    with reading(engine) as session:
        assert session.get_one(Batch, first).flow_run_id == second
    assert steps.left_behind(engine, "lots") == []


@pytest.mark.parametrize("state", [Running(), Paused(), Scheduled()], ids=lambda state: str(state.name))
def test_a_batch_whose_run_may_go_on_is_left_to_it(engine: Engine, client: SyncPrefectClient, state: State) -> None:
    fill(engine, "ab")
    run_id = run_in(client, state)
    batch_of(engine, run_id)
    assert steps.left_behind(engine, "lots") == []
    assert steps.open_batch.fn("lots", 2, str(uuid4())).size == 0
    assert steps.open_batch.fn("lots", 2, run_id).id == "b1"


@pytest.mark.parametrize("run_id", [None, "00000000-0000-4000-8000-000000000000"])
def test_a_batch_of_no_known_run_is_continued(engine: Engine, client: SyncPrefectClient, run_id: str | None) -> None:
    fill(engine, "ab")
    batch_of(engine, run_id)
    assert [(batch.id, batch.completed) for batch in steps.left_behind(engine, "lots")] == [("b1", False)]


def test_failed_batches_come_before_new_items_and_those_before_what_a_completed_run_left(
    engine: Engine, client: SyncPrefectClient
) -> None:
    fill(engine, "abcdef")
    batch_of(engine, run_in(client, Completed()), "completed")
    batch_of(engine, run_in(client, Failed()), "failed")
    opened = [steps.open_batch.fn("lots", 2, run_in(client, Running())).id for _ in range(3)]
    assert (opened[0], opened[2]) == ("failed", "completed")
    assert opened[1].startswith("lots-")
