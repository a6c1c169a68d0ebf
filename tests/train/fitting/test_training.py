import re
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.errors import BadWeights, LabellingError, NotEnoughData
from blocks.servers.experiments import LEARNED, Experiments
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef, take_snapshot
from tasks.detect.backends.safe_weights import open_network, version_of
from tasks.detect.models import open_detector
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.fitting.training import finetune
from tasks.train.fitting.watch import EpochReport
from tasks.train.options import TrainOptions
from tasks.train.registry import versions_of
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.train.conftest import keep_weights, save_weights

SHORT = TrainOptions(epochs=2, min_test_boxes=1, batch=4, min_train_boxes=5, min_val_boxes=1, device="cpu")


def runs_of(experiments: Experiments) -> list[str]:
    ids = [experiments.experiment_id("lot")]
    return [run.info.status for run in experiments.client.search_runs(ids)]


def test_a_training_leaves_a_finished_run_with_all_that_belongs_to_it(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions
) -> None:
    reports: list[EpochReport] = []
    trained = finetune(experiments, store, snapshot.id, base, SHORT, tiling=tiling, progress=reports.append)
    assert trained.version == version_of(store.local_path(trained.weights_key)) != base.version
    assert open_detector(store, trained.detector, 96).classes == snapshot.classes
    run = experiments.client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["tile_px"] == "96"
    assert run.data.params["train_items"] == "4"
    assert run.inputs.dataset_inputs[0].dataset.digest == snapshot.id[:36]
    losses = {"train/box_loss", "val/box_loss"}
    wanted = losses | {"val/map50", "val/map50_95", "train/learning_rate", "machine/memory_gib"}
    assert wanted <= run.data.metrics.keys()
    assert {name.partition("/")[0] for name in run.data.metrics} == {"train", "val", "machine"}, "groups of charts"
    assert len(experiments.client.get_metric_history(run.info.run_id, "train/learning_rate")) == 2
    assert re.fullmatch(r"lot round 1 \d{4}-\d\d-\d\d \d\d:\d\d", run.info.run_name)
    assert "snapshot" in run.data.tags["mlflow.note.content"]
    kept = {
        file.path for folder in ("", "weights") for file in experiments.client.list_artifacts(trained.run_id, folder)
    }
    assert {"curves.png", trained.weights_key} <= kept
    assert [(report.epoch, report.epochs) for report in reports if report.done == 1] == [(1, 2), (2, 2)]
    assert str(reports[-1]).startswith("epoch 2 of 2, loss ")
    assert reports[-1].seconds_left == 0.0


def test_where_val_is_small_the_last_epoch_stands_and_val_is_trained_on(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions
) -> None:
    options = SHORT.model_copy(update={"min_val_boxes": 1_000})
    run = experiments.client.get_run(finetune(experiments, store, snapshot.id, base, options, tiling=tiling).run_id)
    assert run.data.tags[LEARNED] == "train,val"
    assert run.data.params["train_items"] == "6"
    assert not {"val/map50", "val/box_loss"} & run.data.metrics.keys()
    assert "train/box_loss" in run.data.metrics


def test_a_training_that_is_done_is_not_done_again(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions
) -> None:
    first = finetune(experiments, store, snapshot.id, base, SHORT, tiling=tiling)
    assert finetune(experiments, store, snapshot.id, base, SHORT, tiling=tiling) == first
    assert runs_of(experiments) == ["FINISHED"]


def test_it_learns(
    engine: Engine, experiments: Experiments, store: Store, base: DetectorRef, tiling: TilingOptions
) -> None:
    scenes = [draw_scene(n, size_wh=(96, 96), squares=6, sequence=f"s{n % 6}") for n in range(36)]
    splits = {"s0": "test", "s1": "val"} | {f"s{n}": "train" for n in range(2, 6)}
    settle_scenes(engine, store, scenes, splits)
    ref = take_snapshot(engine, store, "lot")
    # Untrained weights have no statistics worth keeping.
    options = SHORT.model_copy(update={"epochs": 12, "lr0": 0.01, "mosaic": 0.0, "keep_norms": False})
    reports: list[EpochReport] = []
    finetune(experiments, store, ref.id, base, options, tiling=tiling, progress=reports.append)
    reports = [report for report in reports if report.done == 1]
    assert reports[-1].metrics["train_cls_loss"] < 0.8 * reports[0].metrics["train_cls_loss"]


def test_new_classes_get_a_new_head_on_the_old_backbone(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    base = keep_weights(store, save_weights(tmp_path / "other.pt", ("dog", "cat", "red")))
    frozen = SHORT.model_copy(update={"epochs": 1, "freeze": 5})
    trained = finetune(experiments, store, snapshot.id, base, frozen, tiling=tiling)
    old, new = open_detector(store, base, 96), open_detector(store, trained.detector, 96)
    assert new.classes == ("blue", "red")
    picture = draw_scene(3).pixels[:96, :96]
    assert new.embed([picture]) == pytest.approx(old.embed([picture]), abs=0.05)  # frozen; stored in half precision


@pytest.mark.parametrize("keep", [True, False])
def test_statistics_of_the_first_weights_are_kept_on_request(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions, keep: bool
) -> None:
    options = SHORT.model_copy(update={"epochs": 1, "keep_norms": keep})
    trained = finetune(experiments, store, snapshot.id, base, options, tiling=tiling)
    old, new = (open_network(store.local_path(ref.weights_key)) for ref in (base, trained.detector))
    name = "model.0.bn.running_mean"
    assert bool((old.state_dict()[name] == new.state_dict()[name]).all()) == keep


def test_too_few_labels_says_how_many_more(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions
) -> None:
    options = TrainOptions(min_train_boxes=100)
    with pytest.raises(
        NotEnoughData, match=r"has 16 labels on 4 items to train on, and 100 are needed: settle 84 more"
    ):
        finetune(experiments, store, snapshot.id, base, options, tiling=tiling)
    assert runs_of(experiments) == []


def test_no_test_labels_is_said_before_training(
    engine: Engine, experiments: Experiments, store: Store, base: DetectorRef, tiling: TilingOptions
) -> None:
    settle_scenes(engine, store, [draw_scene(n) for n in range(3)], {"s0": "train"})
    ref = take_snapshot(engine, store, "lot")
    with pytest.raises(NotEnoughData, match="0 items and no label to test on"):
        finetune(experiments, store, ref.id, base, SHORT, tiling=tiling)


def test_a_snapshot_without_val_items_trains_all_the_same(
    engine: Engine, experiments: Experiments, store: Store, base: DetectorRef, tiling: TilingOptions
) -> None:
    scenes = [draw_scene(n, sequence=f"s{n % 2}") for n in range(6)]
    settle_scenes(engine, store, scenes, {"s0": "train", "s1": "test"})
    ref = take_snapshot(engine, store, "lot")
    assert finetune(experiments, store, ref.id, base, SHORT, tiling=tiling).epochs == 2


def test_a_failed_training_leaves_a_failed_run_and_no_version(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions
) -> None:
    def stumble(_report: EpochReport) -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(LabellingError, match=r"failed: RuntimeError: out of memory.*nothing was promoted"):
        finetune(experiments, store, snapshot.id, base, SHORT, tiling=tiling, progress=stumble)
    assert runs_of(experiments) == ["FAILED"]
    assert versions_of(experiments, "lot") == []
    again = finetune(experiments, store, snapshot.id, base, SHORT, tiling=tiling)
    assert again.epochs == 2


def test_unsafe_weights_are_refused(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.pt"
    bad.write_bytes(b"no weights")
    with pytest.raises(BadWeights):
        finetune(experiments, store, snapshot.id, keep_weights(store, bad), SHORT, tiling=tiling)
    assert runs_of(experiments) == [], "said before a run is opened"


def test_a_time_limit_shortens_the_plan(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions
) -> None:
    options = SHORT.model_copy(update={"epochs": 900, "time_limit_s": 1.0})
    reports: list[EpochReport] = []
    trained = finetune(experiments, store, snapshot.id, base, options, tiling=tiling, progress=reports.append)
    assert trained.epochs == len(reports) < 100
    assert reports[-1].epochs == reports[-1].epoch
    assert len(reports) == 1 or reports[-1].metrics["lr"] < reports[0].metrics["lr"]


def test_another_seed_is_another_job(tiling: TilingOptions) -> None:
    jobs = {
        TrainOptions(seed=seed).job(snapshot, base, tiling) for seed in (0, 1) for snapshot in "ab" for base in "xy"
    }
    assert len(jobs) == 8
