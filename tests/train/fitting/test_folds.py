"""Folds instead of a val split: sequences stay whole, test stays away, and all is trained on as long as was best."""

import pytest
from sqlalchemy import Engine

from blocks.servers.experiments import LEARNED, Experiments
from blocks.storage.stores import Store
from tasks.dataset.manifest import Manifest
from tasks.dataset.snapshots import SnapshotRef, read_snapshot, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.fitting.folds import FoldedManifest, best_epoch, deal_sequences
from tasks.train.fitting.training import finetune
from tasks.train.fitting.watch import EpochReport
from tasks.train.options import TrainOptions
from tests.dataset.scenes import draw_scene, settle_scenes

FOLDED = TrainOptions(
    epochs=2, folds=2, min_test_boxes=1, batch=4, min_train_boxes=5, min_val_boxes=1_000, device="cpu"
)


@pytest.fixture
def manifest(engine: Engine, store: Store) -> Manifest:
    scenes = [draw_scene(number, sequence=f"s{number % 7}") for number in range(14)]
    splits = {f"s{n}": "train" for n in range(5)} | {"s5": "val", "s6": "test"}
    settle_scenes(engine, store, scenes, splits)
    return read_snapshot(store, take_snapshot(engine, store, "lot").id)


def folded(manifest: Manifest, held_out: frozenset[str]) -> FoldedManifest:
    return FoldedManifest(
        manifest.id, manifest.collection, manifest.classes, manifest.path, manifest.kind, held_out=held_out
    )


def test_every_sequence_is_held_out_once_and_test_is_never_touched(manifest: Manifest) -> None:
    folds = deal_sequences(manifest, 3)
    assert sorted(sequence for fold in folds for sequence in fold) == ["s0", "s1", "s2", "s3", "s4", "s5"]
    tests = [item.id for item in manifest.items("test")]
    for fold in folds:
        mine = folded(manifest, fold)
        assert {item.sequence for item in mine.items("val")} == fold
        assert {item.sequence for item in mine.items("train")} == {"s0", "s1", "s2", "s3", "s4", "s5"} - fold
        assert [item.id for item in mine.items("test")] == tests
        assert len(list(mine.items())) == 14
        assert {item.split for item in mine.items("val")} == {"val"}


def test_folds_are_about_as_large_as_each_other(manifest: Manifest) -> None:
    sizes = [
        sum(len(item.labels) for item in folded(manifest, fold).items("val")) for fold in deal_sequences(manifest, 2)
    ]
    assert max(sizes) <= 1.5 * min(sizes)


def test_there_are_no_more_folds_than_sequences(manifest: Manifest) -> None:
    assert len(deal_sequences(manifest, 20)) == 6


@pytest.mark.parametrize(
    ("curves", "epoch"),
    [([[0.1, 0.5, 0.4], [0.1, 0.3, 0.6]], 3), ([[0.2, 0.2]], 1), ([[0.0, 0.9, 0.1], [0.1, 0.2]], 2)],
)
def test_the_best_epoch_is_best_in_the_mean_of_all(curves: list[list[float]], epoch: int) -> None:
    assert best_epoch(curves) == epoch


def test_a_small_set_is_trained_on_whole_for_as_long_as_its_folds_say(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions
) -> None:
    reports: list[EpochReport] = []
    trained = finetune(experiments, store, snapshot.id, base, FOLDED, tiling=tiling, progress=reports.append)
    run = experiments.client.get_run(trained.run_id)
    assert run.data.tags[LEARNED] == "train,val"
    assert run.data.params["train_items"] == "6"
    assert run.data.params["folds_held_out"] == "2"
    assert int(run.data.params["epochs_by_folds"]) == trained.epochs <= 2
    assert len(experiments.client.get_metric_history(run.info.run_id, "folds/fitness")) == 2
    of_folds = [(report.epoch, report.epochs) for report in reports if report.epochs == 6]
    assert of_folds == [(1, 6), (2, 6), (3, 6), (4, 6)]


def test_without_a_sequence_to_hold_out_the_last_epoch_stands(
    engine: Engine, experiments: Experiments, store: Store, base: DetectorRef, tiling: TilingOptions
) -> None:
    settle_scenes(engine, store, [draw_scene(n, sequence=f"s{n % 2}") for n in range(6)], {"s0": "train", "s1": "test"})
    ref = take_snapshot(engine, store, "lot")
    trained = finetune(experiments, store, ref.id, base, FOLDED, tiling=tiling)
    assert trained.epochs == 2
    assert "folds_held_out" not in experiments.client.get_run(trained.run_id).data.params


def test_folds_make_another_job_and_none_the_same_as_ever(tiling: TilingOptions) -> None:
    none = FOLDED.model_copy(update={"folds": 0})
    assert FOLDED.job("s", "b", tiling) != none.job("s", "b", tiling)
    assert none.job("s", "b", tiling) == none.model_copy(update={"folds": 1}).job("s", "b", tiling)
