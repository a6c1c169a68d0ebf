"""Evidence of several batches adds up to one bound, which never says less than what was seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadInput
from tasks.audit.bounds.across_batches import BatchSample, wrong_together

DELTA = 0.05


def part(drawn: int, wrong: int = 0, population: int = 1000) -> BatchSample:
    return BatchSample((np.arange(drawn) < wrong) * 1.0, population)


def test_nothing_is_wrong_of_nothing() -> None:
    assert wrong_together([], DELTA) == 0
    assert wrong_together([part(0, population=0)], DELTA) == 0


def test_where_nothing_was_judged_all_may_be_wrong() -> None:
    assert wrong_together([part(0)], DELTA) == 1000
    assert wrong_together([part(500), part(0)], DELTA) >= 1000


def test_where_all_was_judged_all_is_known() -> None:
    assert wrong_together([part(100, 3, 100), part(50, 0, 50)], DELTA) == 3


def test_many_batches_together_are_known_better_than_each() -> None:
    shares = [wrong_together([part(400)] * batches, DELTA) / (1000 * batches) for batches in (1, 3, 10, 30)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.01 < shares[0] < 0.03


def test_wrong_boxes_more_confidence_and_batches_without_a_threshold_all_raise_it() -> None:
    plain = wrong_together([part(400)] * 5, DELTA)
    assert wrong_together([part(400, 2)] * 5, DELTA) > plain
    assert wrong_together([part(400)] * 5, 0.01) > plain
    assert wrong_together([part(400)] * 5, DELTA, without_threshold=5) > plain


def test_more_drawn_than_there_is_is_refused() -> None:
    with pytest.raises(BadInput, match="11 boxes were drawn of 10"):
        wrong_together([part(11, 0, 10)], DELTA)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 300)), min_size=1, max_size=5))
def test_the_bound_lies_between_what_was_seen_and_what_is_possible(batches: list[tuple[int, int, int]]) -> None:
    parts = [part(drawn, min(wrong, drawn), drawn + more) for drawn, wrong, more in batches]
    seen = sum(int(one.wrong.sum()) for one in parts)
    right = sum(len(one.wrong) for one in parts) - seen
    assert seen <= wrong_together(parts, DELTA) <= sum(one.population for one in parts) - right
