"""A step waits for an outside system that is away, and never repeats what cannot get better."""

from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.tasks import Task

from blocks.errors import BadOption, CatalogUnavailable, StoreUnavailable
from blocks.retries import WAITS_S
from blocks.storage.stores import Store
from tasks.dataset import steps as dataset
from tasks.detect import steps as detect
from tasks.intake import steps as intake
from tasks.settle import steps as settle
from tasks.train import steps as train
from tasks.triage import steps as triage
from tests.intake.factories import write_images


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "failures", "looks", "ends"),
    [
        (StoreUnavailable("away"), 2, 3, "Completed"),
        (CatalogUnavailable("locked"), 1, 2, "Completed"),
        (BadOption("no such folder"), 1, 1, "Failed"),
    ],
)
def test_a_step_that_fails_is_tried_again_and_succeeds_where_waiting_helps(
    prefect_api: str,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    failures: int,
    looks: int,
    ends: str,
) -> None:
    write_images(tmp_path / "pictures", 1)
    looked: list[str] = []

    def open_store(plugs: str) -> Store:
        looked.append(plugs)
        if len(looked) <= failures:
            raise error
        return store

    monkeypatch.setattr(intake, "open_store", open_store)
    find_shards = intake.find_shards.with_options(retry_delay_seconds=0)

    @flow
    def line() -> str:
        return str(find_shards(str(tmp_path / "pictures"), return_state=True).name)

    assert (line(), len(looked)) == (ends, looks)


STEPS: list[Task[..., Any]] = [
    detect.detect_shard,
    dataset.take_snapshot,
    intake.find_near_duplicates,
    intake.find_shards,
    intake.list_shards,
    intake.open_batch,
    intake.split_sequences,
    intake.take_in_shard,
    settle.announce_labels,
    settle.settle_batch,
    settle.show_effort,
    settle.show_pictures,
    train.finetune,
    triage.triage_batch,
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_that_opens_an_outside_system_waits_for_it(step: Task[..., Any]) -> None:
    assert (step.retries, step.retry_delay_seconds) == (len(WAITS_S), WAITS_S)
    assert step.retry_condition_fn is not None
