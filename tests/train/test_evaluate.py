"""Real detectors on drawn squares; what average precision is stands in `tests/kinds/boxes`."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.errors import BadWeights, NotEnoughData
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.evaluate import compare, evaluate
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.train.conftest import keep_weights, save_weights


def test_both_are_judged_on_the_same_test_items(
    store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    other = keep_weights(store, save_weights(tmp_path / "other.pt", ("red", "blue"), seed=1))
    result = compare(store, snapshot.id, base, other, tiling, run_id="r")
    assert result.champion.detector == base
    assert result.challenger.detector == other
    assert result.champion.items == result.challenger.items == 2
    assert result.champion.truths == result.challenger.truths == 8
    assert set(result.champion.metrics.by_class) == {"red", "blue"}


def test_unknown_classes_count_as_missed(
    store: Store, snapshot: SnapshotRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    partly = evaluate(store, snapshot.id, keep_weights(store, save_weights(tmp_path / "p.pt", ("dog", "red"))), tiling)
    assert partly.unknown_classes == ("blue",)
    assert partly.metrics.by_class["blue"]["ap50"] == 0.0
    foreign = evaluate(store, snapshot.id, keep_weights(store, save_weights(tmp_path / "f.pt", ("dog", "cat"))), tiling)
    assert foreign.unknown_classes == ("blue", "red")
    assert foreign.number() == foreign.number("map50_any_class") == 0.0


def test_a_second_evaluation_is_read_and_not_made(
    store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions
) -> None:
    first = evaluate(store, snapshot.id, base, tiling)
    assert evaluate(store, snapshot.id, base, tiling) == first  # `seconds` too: nothing was measured again
    assert evaluate(store, snapshot.id, base, tiling.model_copy(update={"overlap_share": 0.4})).seconds != first.seconds


def test_a_test_split_without_labels_is_not_enough(
    engine: Engine, store: Store, base: DetectorRef, tiling: TilingOptions
) -> None:
    scenes = [draw_scene(0, sequence="s0"), draw_scene(1, sequence="s1", squares=0)]
    settle_scenes(engine, store, scenes, {"s0": "train", "s1": "test"})
    with pytest.raises(NotEnoughData, match="has 1 items and no label"):
        evaluate(store, take_snapshot(engine, store, "lot").id, base, tiling)


def test_a_test_item_that_cannot_be_read_counts_as_missed(
    store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions, caplog: pytest.LogCaptureFixture
) -> None:
    for key in list(store.keys("items/")):
        store.put(key, store.get(key)[:100])
    assert evaluate(store, snapshot.id, base, tiling).number() == 0.0
    assert "counts as missed" in caplog.text


def test_other_weights_under_a_known_name_are_refused(
    store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    store.put(base.weights_key, save_weights(tmp_path / "swapped.pt", ("red", "blue"), seed=9))
    with pytest.raises(BadWeights, match="have version"):
        evaluate(store, snapshot.id, base, tiling)
