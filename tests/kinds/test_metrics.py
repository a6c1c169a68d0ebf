"""Whether scores mean what they say, and what stands at the head of a model's numbers."""

import numpy as np
import pytest

from tasks.kinds.metrics import BINS, Metrics, expected_calibration_error, score_bins


def test_nothing_has_no_error() -> None:
    assert expected_calibration_error(np.zeros(0), np.zeros(0, dtype=bool)) == 0.0


def test_a_score_that_means_what_it_says_has_no_error() -> None:
    assert expected_calibration_error(np.full(10, 0.7), np.arange(10) < 7) == pytest.approx(0.0)
    assert expected_calibration_error(np.full(10, 1.0), np.arange(10) < 7) == pytest.approx(0.3)


@pytest.mark.parametrize(("score", "place"), [(0.0, 0), (0.3, 3), (0.6, 6), (0.99, 9), (1.0, BINS - 1)])
def test_a_score_at_an_edge_lies_in_the_upper_bin(score: float, place: int) -> None:
    assert score_bins(np.array([score])).tolist() == [place]


def test_the_headline_is_one_of_the_numbers() -> None:
    found = Metrics(headline="map50", numbers={"map50": 0.5, "map50_95": 0.25}, by_class={})
    assert found.value == 0.5
