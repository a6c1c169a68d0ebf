"""The three ways of matching, on matrices small enough to see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tasks.kinds.geometry import Floats
from tasks.kinds.matching import ALONE, match_best_first, match_in_order, match_optimally

SIZES = st.tuples(st.integers(0, 5), st.integers(0, 5))
ALIKE = arrays.arrays(np.float64, SIZES, elements=st.floats(0, 1))


@pytest.mark.parametrize("size", [(0, 0), (0, 3), (3, 0)])
def test_nothing_matches_nothing(size: tuple[int, int]) -> None:
    assert match_in_order(np.zeros(size), 0.5).tolist() == [ALONE] * size[0]
    assert match_best_first(np.zeros(size)).tolist() == [ALONE] * size[0]
    assert match_optimally(np.zeros(size)) == []


def test_who_comes_first_takes_the_best_and_who_is_best_comes_first_elsewhere() -> None:
    alike = np.array([[0.6, 0.55], [0.9, 0.0]])
    assert match_in_order(alike, 0.5).tolist() == [0, ALONE]
    assert match_best_first(alike).tolist() == [1, 0]
    assert match_optimally(alike) == [(0, 1), (1, 0)]


def test_at_the_limit_is_a_pair_and_below_is_none() -> None:
    assert match_in_order(np.array([[0.5], [0.5]]), 0.5).tolist() == [0, ALONE]
    assert match_in_order(np.array([[0.49]]), 0.5).tolist() == [ALONE]


def test_what_is_worth_less_than_nothing_is_left_alone() -> None:
    assert match_best_first(np.array([[-0.1, 0.0]])).tolist() == [1]
    assert match_optimally(np.array([[-1.0]])) == []


@given(ALIKE)
def test_nobody_is_matched_twice_and_the_optimum_is_no_worse(alike: Floats) -> None:
    before = alike.copy()
    totals = []
    for partner in (match_in_order(alike, 0.0), match_best_first(alike)):
        taken = partner[partner != ALONE]
        assert len(set(taken.tolist())) == len(taken) == min(alike.shape)
        totals.append(sum(alike[row, column] for row, column in enumerate(partner) if column != ALONE))
    assert sum(alike[pair] for pair in match_optimally(alike)) >= max(totals) - 1e-9
    assert (alike == before).all()
