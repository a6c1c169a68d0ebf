import numpy as np
import pytest

from blocks.errors import BadOption
from tasks.audit.bounds.thresholds import ThresholdGrid, passed_in_order

SCORES = np.linspace(0.01, 1.0, 100)


def test_thresholds_accept_the_shares_asked_for() -> None:
    grid = ThresholdGrid.of(SCORES, shares=(0.3, 0.7, 1.0), starts={0.3: 1.0})
    assert [(threshold <= SCORES).mean() for threshold in grid.thresholds] == pytest.approx([0.3, 0.7, 1.0])
    assert grid.starts.tolist() == [1.0, 0.0, 0.0]


def test_equal_scores_give_one_threshold_with_all_of_delta() -> None:
    grid = ThresholdGrid.of(np.full(50, 0.8))
    assert grid.thresholds.tolist() == [0.8]
    assert grid.starts.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("scores", [np.empty(0), np.full(3, np.nan)])
def test_without_scores_there_is_no_threshold(scores: np.ndarray) -> None:
    assert len(ThresholdGrid.of(scores).thresholds) == 0


def test_one_proposal_is_a_grid_of_one() -> None:
    assert ThresholdGrid.of(np.array([0.4])).thresholds.tolist() == [0.4]


@pytest.mark.parametrize(
    ("shares", "starts"), [((0.0,), {1.0: 1.0}), ((1.1,), {1.0: 1.0}), ((1.0,), {1.0: 0.9}), ((), {1.0: 1.0})]
)
def test_shares_and_starts_that_make_no_sense_are_refused(
    shares: tuple[float, ...], starts: dict[float, float]
) -> None:
    with pytest.raises(BadOption, match="expected shares"):
        ThresholdGrid.of(SCORES, shares, starts)


def test_a_chain_ends_where_a_test_fails() -> None:
    strong = np.log(1 / 0.05) + 0.01
    passed = passed_in_order(np.array([strong, strong, 0.0, strong]), np.array([1.0, 0, 0, 0]), 0.05)
    assert passed.tolist() == [True, True, False, False]


def test_a_second_start_has_only_its_own_share_unless_the_first_succeeds() -> None:
    enough_for_all, enough_for_half = np.log(1 / 0.05) + 0.01, np.log(1 / 0.025) + 0.01
    starts = np.array([0.5, 0.5])
    assert passed_in_order(np.array([0.0, enough_for_all]), starts, 0.05).tolist() == [False, False]
    assert passed_in_order(np.array([0.0, enough_for_half]), starts, 0.05).tolist() == [False, True]
    assert passed_in_order(np.array([enough_for_half, enough_for_all]), starts, 0.05).tolist() == [True, True]
