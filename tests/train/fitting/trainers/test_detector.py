"""A detector of boxes that begins with nobody: a real training of a small network from random numbers."""

import pytest
from sqlalchemy import Engine

from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef, take_snapshot
from tasks.detect.backends.safe_weights import open_network
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.evaluate import compare
from tasks.train.fitting.training import finetune
from tasks.train.meant import find_meant
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import promote
from tasks.train.registry import CHALLENGER, aliased, champion_of, resolve_detector
from tests.dataset.scenes import draw_scene, settle_scenes

NOBODY = DetectorRef.nobody("lot")
SHORT = TrainOptions(epochs=1, min_train_boxes=1, min_test_boxes=1, device="cpu", mosaic=0.0)


@pytest.fixture
def squares(engine: Engine, store: Store) -> SnapshotRef:
    scenes = [draw_scene(n, size_wh=(96, 96), squares=4, sequence=f"s{n % 6}") for n in range(36)]
    settle_scenes(engine, store, scenes, {"s0": "test"} | {f"s{n}": "train" for n in range(1, 6)})
    return take_snapshot(engine, store, "lot")


def test_from_nobody_to_champion(
    engine: Engine, experiments: Experiments, store: Store, squares: SnapshotRef, tiling: TilingOptions
) -> None:
    # From random numbers a training is a matter of chance: with half as many epochs one seed in four finds little.
    options = SHORT.model_copy(update={"epochs": 32, "batch": 8, "lr0": 0.004, "scale": 0.0})
    trained = finetune(experiments, store, squares.id, NOBODY, options, tiling=tiling)
    run = experiments.client.get_run(trained.run_id)
    assert "A new detector trained" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["train/taken_over_share"] == 0
    network = open_network(store.local_path(trained.weights_key))
    assert sum(parameter.numel() for parameter in network.parameters()) < 1e6
    assert tuple(network.names.values()) == ("blue", "red")

    comparison = compare(store, squares.id, NOBODY, trained.detector, tiling, run_id=trained.run_id)
    report = promote(engine, store, experiments, comparison, PromoteOptions())
    assert (report.promoted, report.before, report.reason) == (True, 0.0, "there is no champion yet")
    assert report.after > 0.3, "it finds squares"
    assert resolve_detector(experiments, store, "lot", "champion") == trained.detector
    further = finetune(experiments, store, squares.id, trained.detector, SHORT, tiling=tiling)
    assert experiments.client.get_run(further.run_id).data.metrics["train/taken_over_share"] == 1


def test_one_that_has_learnt_nothing_does_not_begin_to_propose_and_nobody_goes_on(
    engine: Engine, experiments: Experiments, store: Store, squares: SnapshotRef, tiling: TilingOptions
) -> None:
    trained = finetune(experiments, store, squares.id, NOBODY, SHORT, tiling=tiling)
    comparison = compare(store, squares.id, NOBODY, trained.detector, tiling, run_id=trained.run_id)
    report = promote(engine, store, experiments, comparison, PromoteOptions(min_gain=0.3))
    assert not report.promoted
    assert "not better by at least 0.3: map50 0.000 → " in report.reason
    assert champion_of(experiments, "lot") is None
    challenger = aliased(experiments, "lot", CHALLENGER)
    assert challenger is not None and challenger.ref == trained.detector
    assert resolve_detector(experiments, store, "lot", "champion").is_nobody
    assert find_meant(experiments, store, "lot", "champion").is_nobody
