"""Average precision against numbers worked out by hand."""

import numpy as np
import pytest
import supervision as sv

from tasks.kinds.boxes.average_precision import average_precision


def boxes(*rows: tuple[float, float, float, float, int, float]) -> sv.Detections:
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return sv.Detections(table[:, :4].astype(np.float32), class_id=table[:, 4].astype(int), confidence=table[:, 5])


CAR, BUS = (0, 0, 10, 10, 0), (50, 50, 90, 90, 1)


def test_perfect_boxes_score_one() -> None:
    result = average_precision([boxes((*CAR, 0.9), (*BUS, 0.8))], [boxes((*CAR, 1), (*BUS, 1))], ("car", "bus"))
    assert (result.numbers["map50"], result.numbers["map50_95"], result.numbers["map50_any_class"]) == (1.0, 1.0, 1.0)


def test_nothing_found_scores_zero() -> None:
    result = average_precision([boxes()], [boxes((*CAR, 1))], ("car", "bus"))
    assert (result.numbers["map50"], result.numbers["map50_95"]) == (0.0, 0.0)
    assert list(result.by_class) == ["car"]


def test_a_wrong_class_counts_for_any_class_only() -> None:
    result = average_precision([boxes((0, 0, 10, 10, 1, 0.9))], [boxes((*CAR, 1))], ("car", "bus"))
    assert result.numbers["map50"] == 0.0
    assert result.numbers["map50_any_class"] == pytest.approx(1.0)


def test_one_of_two_found_is_half_by_hand() -> None:
    truths = boxes((*CAR, 1), (20, 20, 30, 30, 0, 1))
    found = boxes((*CAR, 0.9), (60, 60, 70, 70, 0, 0.3))
    result = average_precision([found], [truths], ("car",))
    assert result.numbers["map50"] == pytest.approx(51 / 101)  # precision 1 at the recall points 0, 0.01 … 0.50
    assert result.by_class["car"]["truths"] == 2


def test_loose_boxes_count_at_the_lower_thresholds_only() -> None:
    found = boxes((0, 0, 10, 8, 0, 0.9))  # IoU 0.8: right at 0.5, 0.55 … 0.8
    result = average_precision([found], [boxes((*CAR, 1))], ("car",))
    assert result.numbers["map50"] == pytest.approx(1.0)
    assert result.numbers["map50_95"] == pytest.approx(0.7)


def test_the_mean_is_over_classes_with_truths() -> None:
    truths = boxes((*CAR, 1), (*BUS, 1))
    found = boxes((*CAR, 0.9), (0, 50, 9, 60, 2, 0.9))
    result = average_precision([found], [truths], ("car", "bus", "van"))
    assert result.numbers["map50"] == pytest.approx(0.5)
    assert set(result.by_class) == {"car", "bus"}


def test_all_of_a_crowded_picture_count() -> None:
    corners = [(x * 12.0, y * 12.0) for x in range(20) for y in range(20)]
    truths = boxes(*[(x, y, x + 10, y + 10, 0, 1.0) for x, y in corners])
    assert average_precision([truths], [truths], ("car",)).value == pytest.approx(1.0)
