"""Median and MAD: nothing that a minority of values does may move them far."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tasks.triage.robust_z import spread_of

some = arrays.arrays(np.float64, st.integers(3, 60), elements=st.floats(-100, 100))


def test_no_value_has_no_spread() -> None:
    assert spread_of(np.array([]), 0.1) is None
    assert spread_of(np.array([np.nan, np.inf]), 0.1) is None


def test_one_value_is_its_own_middle_and_spreads_by_the_floor() -> None:
    spread = spread_of(np.array([3.0]), 0.1)
    assert spread is not None
    assert (spread.middle, spread.sigma) == (3.0, 0.1)


def test_sigma_of_normal_numbers_is_their_standard_deviation() -> None:
    spread = spread_of(np.random.default_rng(0).normal(5, 2, 20_000), 0.1)
    assert spread is not None
    assert spread.middle == pytest.approx(5, abs=0.05)
    assert spread.sigma == pytest.approx(2, abs=0.05)


def test_mean_deviation_stands_in_where_most_values_are_equal() -> None:
    spread = spread_of(np.array([1.0] * 9 + [11.0]), 0.01)
    assert spread is not None
    assert spread.sigma == pytest.approx(1.2533141373155)


def test_a_value_that_is_no_number_is_infinitely_far() -> None:
    spread = spread_of(np.array([1.0, 2.0, 3.0]), 0.1)
    assert spread is not None
    assert spread.z(np.array([np.nan, np.inf])).tolist() == [np.inf, np.inf]


@given(some, st.floats(-50, 50), st.floats(0.5, 20))
def test_z_does_not_change_when_all_values_are_shifted_and_scaled(
    values: np.ndarray, shift: float, scale: float
) -> None:
    spread, moved = spread_of(values, 1e-9), spread_of(values * scale + shift, 1e-9 * scale)
    assert spread is not None
    assert moved is not None
    if spread.sigma > 1e-3:
        np.testing.assert_allclose(moved.z(values * scale + shift), spread.z(values), rtol=1e-4, atol=1e-4)


@given(some)
def test_the_middle_stays_among_the_values_whatever_a_third_of_them_does(values: np.ndarray) -> None:
    wild = np.concatenate([values, np.full(len(values) // 3, 1e9)])
    spread = spread_of(wild, 0.1)
    assert spread is not None
    assert values.min() <= spread.middle <= values.max()
