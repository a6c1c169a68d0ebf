import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from blocks.errors import BadInput, BadOption
from tasks.audit.bounds.missed_objects import AuditedItem, bound_misses


def audited(*counts: tuple[int, int]) -> list[AuditedItem]:
    """Items with (objects, missed)."""
    return [AuditedItem(item_id=f"i{n}", objects=objects, missed=missed) for n, (objects, missed) in enumerate(counts)]


@pytest.mark.parametrize("items", [audited(), audited((0, 0), (0, 0))])
def test_without_objects_nothing_is_said(items: list[AuditedItem]) -> None:
    bound = bound_misses("car", items, 10)
    assert (bound.rate, bound.at_most, bound.objects) == (None, None, 0)


def test_one_item_gives_a_rate_and_hardly_a_bound() -> None:
    bound = bound_misses("car", audited((4, 1)), 4)
    assert bound.rate == pytest.approx(0.25)
    assert bound.at_most is None or bound.at_most > 0.9


def test_single_objects_are_bounded_almost_as_well_as_by_clopper_pearson() -> None:
    bound = bound_misses("car", audited(*[(1, int(n % 20 == 0)) for n in range(400)]), 1)
    exact = beta.ppf(0.95, 21, 380)
    assert bound.at_most is not None
    assert exact <= bound.at_most <= 1.25 * exact


def test_misses_in_one_item_weigh_more_than_scattered_ones() -> None:
    together = bound_misses("car", audited((10, 10), *[(10, 0)] * 99), 10)
    scattered = bound_misses("car", audited(*[(10, 1)] * 10, *[(10, 0)] * 90), 10)
    assert together.rate == scattered.rate
    assert together.at_most is not None and scattered.at_most is not None
    assert together.at_most > scattered.at_most


def test_all_missed_has_no_bound_and_no_number_of_audits() -> None:
    bound = bound_misses("car", audited(*[(3, 3)] * 20), 3)
    assert (bound.rate, bound.at_most) == (1.0, None)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_the_bound_is_never_below_the_rate(pairs: list[tuple[int, int]]) -> None:
    bound = bound_misses("car", audited(*[(max(pair), min(pair)) for pair in pairs]), 5)
    assert bound.at_most is None or (bound.rate is not None and bound.at_most >= bound.rate)


def test_wrong_counts_are_refused() -> None:
    with pytest.raises(BadInput, match="3 'car' missed of 2"):
        bound_misses("car", audited((2, 3)), 5)
    with pytest.raises(BadInput, match="audited twice"):
        bound_misses("car", audited((2, 0)) * 2, 5)
    with pytest.raises(BadOption, match="largest_item is 5; raise it"):
        bound_misses("car", audited((6, 0)), 5)
    with pytest.raises(BadOption, match="below 1"):
        bound_misses("car", [], 0)
    with pytest.raises(BadOption, match="delta"):
        bound_misses("car", [], 5, delta=0.0)
