"""`labelline label` starts runs while there is work: new items, and what an earlier run left behind. And it ends."""

from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Failed, Running
from sqlalchemy import Engine

from infra.cli.commands import line_commands
from infra.cli.commands.line_commands import has_work, label_batches
from infra.cli.label_request import LabelRequest
from infra.stack.state import ServiceName, StackState
from tasks.intake import steps
from tasks.intake.batches import open_batch
from tests.intake.test_batches import fill

pytestmark = pytest.mark.slow
REQUEST = LabelRequest(Path("/pictures"), "lots", ("car",), "champion", {}, 0.6, 640, None, 2)


@flow
def some_line() -> None:
    """Nothing: only its runs' states matter."""


@pytest.fixture
def started(engine: Engine, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Batches that runs took, in order: a run here takes its batch as the line does, and completes without settling."""
    batches: list[str] = []

    def start(_client: SyncPrefectClient, _deployment: str, **_parameters: Any) -> FlowRun:
        return client.create_flow_run(some_line, state=Running())

    def follow(_client: SyncPrefectClient, _state: StackState, _engine: Engine, run: FlowRun) -> None:
        batches.append(steps.open_batch.fn("lots", 2, str(run.id)).id)
        assert len(batches) < 9, "the loop does not end"
        client.set_flow_run_state(run.id, Completed(), force=True)

    monkeypatch.setattr(steps, "open_catalog", lambda _plugs: engine)
    monkeypatch.setattr(line_commands, "start_run", start)
    monkeypatch.setattr(line_commands, "follow_label", follow)
    return batches


def label_all(client: SyncPrefectClient, engine: Engine, home: Path) -> None:
    state = StackState(home=home, ports=dict.fromkeys(ServiceName, 9))
    label_batches(client, state, engine, REQUEST, wait=True)


def left_by(client: SyncPrefectClient, engine: Engine, batch_id: str, state: Any) -> None:
    open_batch(engine, batch_id, "lots", 2, str(client.create_flow_run(some_line, state=state).id))


def test_after_a_failed_run_its_batch_is_work_although_nothing_is_new(
    engine: Engine, client: SyncPrefectClient, started: list[str], tmp_path: Path
) -> None:
    assert not has_work(engine, "lots")
    fill(engine, "ab")
    left_by(client, engine, "failed", Failed())
    assert has_work(engine, "lots")
    label_all(client, engine, tmp_path)
    assert started == ["failed"]


def test_what_every_run_leaves_behind_again_is_tried_once_each_and_stops_nobody(
    engine: Engine, client: SyncPrefectClient, started: list[str], tmp_path: Path
) -> None:
    fill(engine, "abcdefgh")
    left_by(client, engine, "stuck-1", Completed())
    left_by(client, engine, "stuck-2", Completed())
    label_all(client, engine, tmp_path)
    assert [name if name.startswith("stuck") else "new" for name in started] == ["new", "new", "stuck-1", "stuck-2"]


def test_a_batch_whose_run_goes_on_is_no_work(engine: Engine, client: SyncPrefectClient, started: list[str]) -> None:
    fill(engine, "ab")
    left_by(client, engine, "asleep", Running())
    assert not has_work(engine, "lots")


def test_a_run_that_is_under_way_is_followed_before_others_start(
    engine: Engine, client: SyncPrefectClient, started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, "abcd")
    left_by(client, engine, "asleep", Running())
    followed: list[str] = []

    def follow(_client: SyncPrefectClient, _state: StackState, _engine: Engine, run: FlowRun) -> None:
        followed.append(steps.open_batch.fn("lots", 2, str(run.id)).id)
        client.set_flow_run_state(run.id, Completed(), force=True)
        assert len(followed) < 5, "the loop does not end"

    monkeypatch.setattr(line_commands, "follow_label", follow)
    label_all(client, engine, tmp_path)
    assert followed[0] == "asleep"
    assert len(followed) > 1, "what is new is labelled after it"
