"""What a round asks follows from what is known: few pages first, more while they are good, none of what is not sure."""

import numpy as np
import pytest

from tasks.suggest.paging.plan import (
    FIRST_PAGES,
    OpenItems,
    RoundOptions,
    SaidOfSure,
    first_wave,
    pages_allowed,
    plan_round,
)

OPTIONS = RoundOptions(first=10, singles=4, page_size=5)


def standing(chance, best=None, vectors=None, **known):
    """Items with chances; of one class and all unlike each other unless said otherwise."""
    n = len(chance)
    ids = tuple(f"i{at}" for at in range(n))
    best = np.zeros(n, dtype=np.intp) if best is None else np.array(best)
    vectors = np.eye(n) if vectors is None else vectors
    return OpenItems(ids, best, np.array(chance, dtype=float), vectors, **{"labelled": 50, **known})


def good(pages, round_=0, expected=1.0):
    return tuple(SaidOfSure(round_, 48, 0, expected) for _ in range(pages))


def test_nothing_open_asks_nothing():
    plan = plan_round(standing([], vectors=np.zeros((0, 2))), OPTIONS)
    assert (plan.pages, plan.singles, plan.places()) == ((), (), ())


def test_the_first_round_is_drawn_by_lot_whatever_is_suggested():
    plan = plan_round(standing([0.999] * 30, labelled=0), OPTIONS)
    assert plan.pages == () and len(set(plan.singles)) == 10
    other = plan_round(standing([0.999] * 30, labelled=0), OPTIONS.model_copy(update={"seed": 1}))
    assert other.singles != plan.singles


def test_a_page_is_of_one_class_surest_first_and_of_nothing_that_is_not_sure():
    chance = [0.995, 0.999, 0.5, 0.998, 0.6]
    plan = plan_round(standing(chance, best=[0, 0, 0, 1, 1], pages=good(9)), OPTIONS)
    assert plan.pages == ((1, 0), (3,))
    assert set(plan.singles) == {2, 4}


def test_every_place_is_asked_once_and_in_the_end_all():
    plan = plan_round(standing([0.999] * 7 + [0.4] * 3, pages=good(9)), OPTIONS)
    assert sorted(plan.places()) == list(range(10))


def test_chances_are_doubted_until_pages_bear_them_out():
    barely = standing([0.975] * 20)
    assert plan_round(barely, OPTIONS).pages == ()
    assert plan_round(standing([0.975] * 20, pages=good(4)), OPTIONS).pages
    wrong = (*good(4), SaidOfSure(1, 48, 6, 1.0))
    assert plan_round(standing([0.975] * 20, pages=wrong), OPTIONS).pages == ()


def test_pages_double_while_they_are_good():
    assert pages_allowed((), 0.97, 1) == FIRST_PAGES
    assert pages_allowed(good(8), 0.97, 1) == 16


def test_after_bad_pages_there_are_none_for_a_while_and_longer_each_time():
    bad = tuple(SaidOfSure(round_, 48, 9, 1.0) for round_ in (1, 3))
    assert [pages_allowed(bad[:1], 0.97, round_) for round_ in (2, 3)] == [0, FIRST_PAGES]
    assert [pages_allowed(bad, 0.97, round_) for round_ in (4, 6, 7)] == [0, 0, FIRST_PAGES]
    assert pages_allowed((*bad, *good(4, round_=7)), 0.97, 8) == 8


@pytest.mark.parametrize(("wrong", "bad"), [(0, False), (1, False), (3, False), (5, True), (48, True)])
def test_a_page_is_bad_where_chance_hardly_makes_so_many_wrong(wrong, bad):
    assert SaidOfSure(0, 48, wrong, 1.0).is_bad(0.97) is bad


@pytest.mark.parametrize(("pages", "first"), [(0, 0), (1, 1), (2, 2), (5, 2), (30, 10)])
def test_a_third_of_the_pages_comes_first(pages, first):
    assert first_wave(pages) == first


def test_of_near_duplicates_one_is_asked_and_the_other_later():
    vectors = np.repeat(np.eye(6), 2, axis=0)
    plan = plan_round(standing([0.5] * 12, vectors=vectors), OPTIONS)
    assert len({place // 2 for place in plan.singles}) == 4
    first = plan_round(standing([0.0] * 12, vectors=vectors, labelled=0), RoundOptions(first=6, singles=4))
    assert len({place // 2 for place in first.singles}) == 6


def test_items_without_a_vector_are_asked_too():
    plan = plan_round(standing([0.0, 0.0, 0.9], vectors=np.array([[np.nan], [np.nan], [1.0]])), OPTIONS)
    assert set(plan.singles) == {0, 1, 2}
