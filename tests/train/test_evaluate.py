"""Average precision is checked against numbers worked out by hand; the rest runs real detectors on drawn squares."""

from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from sqlalchemy import Engine

from blocks.errors import BadWeights, NotEnoughData
from blocks.stores import Store
from tasks.dataset.snapshots import SnapshotRef, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.evaluate import average_precision, compare, evaluate
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.train.conftest import keep_weights, save_weights


def boxes(*rows: tuple[float, float, float, float, int, float]) -> sv.Detections:
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return sv.Detections(table[:, :4].astype(np.float32), class_id=table[:, 4].astype(int), confidence=table[:, 5])


CAR, BUS = (0, 0, 10, 10, 0), (50, 50, 90, 90, 1)


def test_perfect_boxes_score_one() -> None:
    result = average_precision([boxes((*CAR, 0.9), (*BUS, 0.8))], [boxes((*CAR, 1), (*BUS, 1))], ("car", "bus"))
    assert (result["map50"], result["map50_95"], result["map50_any_class"]) == (1.0, 1.0, 1.0)


def test_nothing_found_scores_zero() -> None:
    result = average_precision([boxes()], [boxes((*CAR, 1))], ("car", "bus"))
    assert (result["map50"], result["map50_95"]) == (0.0, 0.0)
    assert list(result["by_class"]) == ["car"]


def test_a_wrong_class_counts_for_any_class_only() -> None:
    result = average_precision([boxes((0, 0, 10, 10, 1, 0.9))], [boxes((*CAR, 1))], ("car", "bus"))
    assert result["map50"] == 0.0
    assert result["map50_any_class"] == pytest.approx(1.0)


def test_one_of_two_found_is_half_by_hand() -> None:
    truths = boxes((*CAR, 1), (20, 20, 30, 30, 0, 1))
    found = boxes((*CAR, 0.9), (60, 60, 70, 70, 0, 0.3))
    result = average_precision([found], [truths], ("car",))
    assert result["map50"] == pytest.approx(51 / 101)  # precision 1 at the recall points 0, 0.01 … 0.50
    assert result["by_class"]["car"].truths == 2


def test_loose_boxes_count_at_the_lower_thresholds_only() -> None:
    found = boxes((0, 0, 10, 8, 0, 0.9))  # IoU 0.8: right at 0.5, 0.55 … 0.8
    result = average_precision([found], [boxes((*CAR, 1))], ("car",))
    assert result["map50"] == pytest.approx(1.0)
    assert result["map50_95"] == pytest.approx(0.7)


def test_the_mean_is_over_classes_with_truths() -> None:
    truths = boxes((*CAR, 1), (*BUS, 1))
    found = boxes((*CAR, 0.9), (0, 50, 9, 60, 2, 0.9))
    result = average_precision([found], [truths], ("car", "bus", "van"))
    assert result["map50"] == pytest.approx(0.5)
    assert set(result["by_class"]) == {"car", "bus"}


def test_all_of_a_crowded_picture_count() -> None:
    corners = [(x * 12.0, y * 12.0) for x in range(20) for y in range(20)]
    truths = boxes(*[(x, y, x + 10, y + 10, 0, 1.0) for x, y in corners])
    assert average_precision([truths], [truths], ("car",))["map50"] == pytest.approx(1.0)


def test_both_are_judged_on_the_same_test_items(
    store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    other = keep_weights(store, save_weights(tmp_path / "other.pt", ("red", "blue"), seed=1))
    result = compare(store, snapshot.id, base, other, tiling, run_id="r")
    assert result.champion.detector == base
    assert result.challenger.detector == other
    assert result.champion.items == result.challenger.items == 2
    assert result.champion.truths == result.challenger.truths == 8
    assert set(result.champion.by_class) == {"red", "blue"}


def test_unknown_classes_count_as_missed(
    store: Store, snapshot: SnapshotRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    partly = evaluate(store, snapshot.id, keep_weights(store, save_weights(tmp_path / "p.pt", ("dog", "red"))), tiling)
    assert partly.unknown_classes == ("blue",)
    assert partly.by_class["blue"].ap50 == 0.0
    foreign = evaluate(store, snapshot.id, keep_weights(store, save_weights(tmp_path / "f.pt", ("dog", "cat"))), tiling)
    assert foreign.unknown_classes == ("blue", "red")
    assert foreign.map50 == foreign.map50_any_class == 0.0


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
    assert evaluate(store, snapshot.id, base, tiling).map50 == 0.0
    assert "counts as missed" in caplog.text


def test_other_weights_under_a_known_name_are_refused(
    store: Store, snapshot: SnapshotRef, base: DetectorRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    store.put(base.weights_key, save_weights(tmp_path / "swapped.pt", ("red", "blue"), seed=9))
    with pytest.raises(BadWeights, match="have version"):
        evaluate(store, snapshot.id, base, tiling)
