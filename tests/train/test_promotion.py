"""Promotion stands on numbers alone, so comparisons are written by hand here; one test trains for real."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.errors import BadOption, LabellingError
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.kinds.boxes.average_precision import WORDS
from tasks.kinds.metrics import Metrics
from tasks.train.evaluate import Comparison, Evaluation, _result_key, compare
from tasks.train.fitting.training import finetune
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import promote
from tasks.train.registry import CHALLENGER, aliased, champion_of, resolve_detector, set_alias, versions_of
from tests.train.conftest import keep_weights, save_weights


class Lot:
    """A line with a champion, and challengers whose numbers are as told."""

    def __init__(self, engine: Engine, store: Store, experiments: Experiments, folder: Path, snapshot_id: str) -> None:
        self.engine, self.store, self.experiments = engine, store, experiments
        self.folder, self.snapshot_id = folder, snapshot_id
        self.tiling = TilingOptions(tile_px=96)
        weights = save_weights(folder / "first.pt", ("red", "blue"))
        self.first = resolve_detector(experiments, store, "lot", str(weights))
        self.score(self.first, 0.5)

    def score(self, ref: DetectorRef, map50: float) -> Evaluation:
        """Decide a detector's numbers, as a kept evaluation."""
        numbers = {"map50": map50, "map50_95": map50 / 2, "map50_any_class": map50, "map50_95_any_class": map50 / 2}
        by_class = {"red": {"truths": 8.0, "ap50": map50, "ap50_95": map50 / 2}}
        metrics = Metrics(headline="map50", numbers=numbers, by_class=by_class, words=WORDS)
        result = Evaluation(
            detector=ref,
            snapshot_id=self.snapshot_id,
            items=2,
            truths=8,
            metrics=metrics,
            unknown_classes=(),
            seconds=1.0,
        )
        key = _result_key(self.snapshot_id, ref, self.tiling, "test")
        self.store.put(key, result.model_dump_json().encode())
        return result

    def challenge(self, seed: int, map50: float) -> Comparison:
        """Compare a new detector with the champion of this moment."""
        weights = save_weights(self.folder / f"{seed}.pt", ("red", "blue"), seed=seed)
        ref = keep_weights(self.store, weights)
        self.score(ref, map50)
        with self.experiments.run("lot", str(seed), {}) as run:
            run.log_file(self.store.local_path(ref.weights_key), "weights")
        champion = champion_of(self.experiments, "lot")
        assert champion is not None
        return compare(self.store, self.snapshot_id, champion.ref, ref, self.tiling, run_id=run.id)

    def champion(self) -> str:
        found = champion_of(self.experiments, "lot")
        assert found is not None
        return found.ref.version


@pytest.fixture
def lot(engine: Engine, store: Store, experiments: Experiments, tmp_path: Path, snapshot: SnapshotRef) -> Lot:
    return Lot(engine, store, experiments, tmp_path, snapshot.id)


def test_a_better_challenger_becomes_champion(lot: Lot) -> None:
    report = promote(lot.engine, lot.store, lot.experiments, lot.challenge(1, 0.6), PromoteOptions())
    assert report.promoted
    assert (report.before, report.after) == (0.5, 0.6)
    assert lot.champion() == report.champion.version == report.comparison.challenger.detector.version
    tags = versions_of(lot.experiments, "lot", report.champion.version)[0].tags
    assert (tags["map50"], tags["snapshot"], tags["tile_px"]) == ("0.6000", lot.snapshot_id, "96")
    assert tags["classes"] == '["blue", "red"]'


@pytest.mark.parametrize("map50", [0.4, 0.5, 0.504])
def test_one_that_is_not_better_by_the_margin_is_only_registered(lot: Lot, map50: float) -> None:
    report = promote(lot.engine, lot.store, lot.experiments, lot.challenge(1, map50), PromoteOptions())
    assert not report.promoted
    assert lot.champion() == lot.first.version == report.champion.version
    challenger = aliased(lot.experiments, "lot", CHALLENGER)
    assert challenger is not None
    assert challenger.number == report.number == "2"


def test_equal_is_not_better_even_without_a_margin(lot: Lot) -> None:
    report = promote(lot.engine, lot.store, lot.experiments, lot.challenge(1, 0.5), PromoteOptions(min_gain=0.0))
    assert not report.promoted


def test_the_metric_is_an_option(lot: Lot) -> None:
    options = PromoteOptions(metric="map50_95", min_gain=0.06)
    report = promote(lot.engine, lot.store, lot.experiments, lot.challenge(1, 0.6), options)
    assert not report.promoted
    assert (report.before, report.after) == (0.25, 0.3)


def test_a_metric_that_is_not_measured_is_refused(lot: Lot) -> None:
    comparison = lot.challenge(1, 0.6)
    with pytest.raises(BadOption, match=r"'accuracy' is not measured.*known: map50, "):
        promote(lot.engine, lot.store, lot.experiments, comparison, PromoteOptions(metric="accuracy"))
    assert lot.champion() == lot.first.version


def test_promoting_twice_changes_nothing(lot: Lot) -> None:
    comparison = lot.challenge(1, 0.6)
    first = promote(lot.engine, lot.store, lot.experiments, comparison, PromoteOptions())
    again = promote(lot.engine, lot.store, lot.experiments, comparison, PromoteOptions())
    assert (again.promoted, again.number) == (True, first.number)
    assert again.reason == "it is the champion already"
    assert len(versions_of(lot.experiments, "lot")) == 2


def test_promotion_takes_the_challenger_alias_away(lot: Lot) -> None:
    promote(lot.engine, lot.store, lot.experiments, lot.challenge(1, 0.4), PromoteOptions())
    promote(lot.engine, lot.store, lot.experiments, lot.challenge(2, 0.6), PromoteOptions())
    assert aliased(lot.experiments, "lot", CHALLENGER) is None


def test_the_slower_of_two_retrains_is_compared_with_the_faster(lot: Lot) -> None:
    fast, slow = lot.challenge(1, 0.8), lot.challenge(2, 0.6)  # both saw the first champion
    promote(lot.engine, lot.store, lot.experiments, fast, PromoteOptions())
    report = promote(lot.engine, lot.store, lot.experiments, slow, PromoteOptions())
    assert not report.promoted
    assert report.comparison.champion.detector == fast.challenger.detector
    assert lot.champion() == fast.challenger.detector.version


def test_retrains_that_end_at_once_leave_the_best_as_champion(lot: Lot) -> None:
    comparisons = [lot.challenge(seed, map50) for seed, map50 in ((1, 0.7), (2, 0.9), (3, 0.8), (4, 0.6))]
    threads = [
        threading.Thread(target=promote, args=(lot.engine, lot.store, lot.experiments, comparison, PromoteOptions()))
        for comparison in comparisons
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lot.champion() == comparisons[1].challenger.detector.version
    assert len(versions_of(lot.experiments, "lot")) == 5


def test_a_champion_put_by_hand_is_respected(lot: Lot) -> None:
    comparison = lot.challenge(1, 0.6)
    by_hand = lot.challenge(2, 0.55)
    promote(lot.engine, lot.store, lot.experiments, by_hand, PromoteOptions(min_gain=0.5))
    set_alias(lot.experiments, "lot", "champion", versions_of(lot.experiments, "lot")[0].number)
    report = promote(lot.engine, lot.store, lot.experiments, comparison, PromoteOptions())
    assert report.promoted
    assert report.before == 0.55


def test_a_comparison_without_a_run_is_refused(lot: Lot) -> None:
    comparison = lot.challenge(1, 0.6).model_copy(update={"run_id": None})
    with pytest.raises(LabellingError, match="names no run"):
        promote(lot.engine, lot.store, lot.experiments, comparison, PromoteOptions())
    assert lot.champion() == lot.first.version


def test_the_table_says_who_won_and_by_how_much(lot: Lot) -> None:
    markdown = promote(lot.engine, lot.store, lot.experiments, lot.challenge(1, 0.6), PromoteOptions()).markdown
    assert markdown.startswith("## Promoted: better: map50 0.500 → 0.600 on 2 frozen test items")
    assert "| mAP50 | 0.500 | 0.600 | +0.100 |" in markdown
    assert "| AP50 red (8 boxes) | 0.500 | 0.600 | +0.100 |" in markdown


def test_from_snapshot_to_champion(
    engine: Engine, store: Store, experiments: Experiments, snapshot: SnapshotRef, tiny_weights: Path,
    tiling: TilingOptions,
) -> None:  # fmt: skip
    base = resolve_detector(experiments, store, "lot", str(tiny_weights))
    options = TrainOptions(epochs=1, min_test_boxes=1, batch=4, min_train_boxes=5, device="cpu")
    trained = finetune(experiments, store, snapshot.id, base, options, tiling=tiling)
    comparison = compare(store, snapshot.id, base, trained.detector, tiling, run_id=trained.run_id)
    report = promote(engine, store, experiments, comparison, PromoteOptions())
    assert report.number == "2"
    assert resolve_detector(experiments, store, "lot", "champion") == report.champion
