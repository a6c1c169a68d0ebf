"""What a round asks follows from what is known: single questions first, pages of what a sample of them can certify."""

import numpy as np
import pytest

from tasks.suggest.paging.plan import (
    STAGE,
    OpenItems,
    RoundOptions,
    SaidOfSure,
    entropy_of,
    first_wave,
    plan_round,
)

OPTIONS = RoundOptions(first=10, singles=4, page_size=5, most_drawn=0.4)


def a_third(size, expected):
    """What it takes to certify a frame, where hardly anything is expected to be wrong."""
    return [(-(-size // 3), 0.9)] if expected < 0.02 else []


def never(size, expected):
    return []


def plan(known, options=OPTIONS, ways_to_certify=a_third):
    return plan_round(known, options, ways_to_certify)


def standing(chance, vectors=None, **known):
    """Items with chances; of one class and all unlike each other unless said otherwise."""
    n = len(chance)
    ids = tuple(f"i{at}" for at in range(n))
    vectors = np.eye(n) if vectors is None else vectors
    return OpenItems(
        ids, np.zeros(n, dtype=np.intp), np.array(chance, dtype=float), vectors, **{"labelled": 50, **known}
    )


def said(wrong, expected=1.0, round_=0):
    return (SaidOfSure(round_, 48, wrong, expected),)


def test_nothing_open_asks_nothing():
    found = plan(standing([], vectors=np.zeros((0, 2))))
    assert (found.on_pages, found.drawn, found.singles, found.places()) == ((), (), (), ())


def test_the_first_round_is_drawn_by_lot_whatever_is_suggested():
    found = plan(standing([0.999] * 30, labelled=0))
    assert found.on_pages == () and len(set(found.singles)) == 10
    other = plan(standing([0.999] * 30, labelled=0), OPTIONS.model_copy(update={"seed": 1}))
    assert other.singles != found.singles


def test_of_the_surest_some_are_drawn_by_lot_and_the_others_wait_surest_first():
    known = standing([0.9, 0.99, 0.1, 0.98, 0.2, 0.97, 0.95, 0.96, 0.94, 0.93])
    found = plan(known)
    assert len(found.drawn) == 2 and not {2, 4} & {*found.drawn, *found.on_pages}
    chances = known.chance[list(found.on_pages)].tolist()
    assert chances == sorted(chances, reverse=True) and {2, 4} <= set(found.singles)
    later = plan(standing([0.99] * 30, round=1))
    assert later.drawn != plan(standing([0.99] * 30, round=2)).drawn, "each round draws its own"


def test_where_nothing_can_be_certified_there_are_no_pages_and_singles_go_on():
    found = plan(standing([0.999] * 30), ways_to_certify=never)
    assert found.drawn == found.on_pages == () and len(found.singles) == 4


def test_no_more_than_the_asked_share_is_drawn():
    assert plan(standing([0.999] * 30)).on_pages
    assert not plan(standing([0.999] * 30), OPTIONS.model_copy(update={"most_drawn": 0.3})).on_pages


def test_a_frame_is_smaller_after_one_that_was_not_certified_until_one_is():
    def framed(*tried):
        found = plan(standing([0.999] * 100, tried=tried))
        return len(found.drawn) + len(found.on_pages)

    assert [framed(), framed(True), framed(False, True)] == [60, 60, 60]
    assert [framed(False), framed(False, False), framed(False, False, True)] == [30, 15, 30]


def test_no_frame_before_there_are_some_labels():
    assert not plan(standing([0.999] * 30, labelled=24)).on_pages
    assert plan(standing([0.999] * 30, labelled=25)).on_pages


def test_items_of_the_test_split_come_onto_no_page():
    found = plan(standing([0.999] * 30, held_out=frozenset(["i3", "i4"])))
    assert found.on_pages and not {3, 4} & {*found.drawn, *found.on_pages}


def test_a_frame_that_is_hardly_ever_certified_is_not_tried():
    assert plan(standing([0.999] * 30), ways_to_certify=lambda size, _: [(5, 0.3), (6, 0.6)]).drawn
    assert not plan(standing([0.999] * 30), ways_to_certify=lambda size, _: [(5, 0.3)]).drawn


def test_of_a_large_frame_some_are_drawn_first_and_whether_more_is_decided_by_what_is_said():
    found = plan(standing([0.999] * 600))
    assert (len(found.drawn), len(found.on_pages)) == (STAGE, 360 - STAGE)


def test_every_place_is_asked_once():
    found = plan(standing([0.999] * 7 + [0.4] * 3))
    assert sorted(found.places()) == list(range(10))


def test_what_people_said_of_sure_items_is_believed():
    sure = [0.8] * 20
    assert plan(standing(sure)).on_pages, "of the surest hardly any are expected to be wrong, before anything was said"
    assert not plan(standing(sure, blind=said(6))).on_pages
    assert not plan(standing(sure, pages=said(6))).on_pages
    assert plan(standing(sure, pages=said(6), blind=said(0, 90, round_=1))).on_pages, "more was said since, and better"


@pytest.mark.parametrize(("wrong", "bad"), [(0, False), (1, False), (3, False), (5, True), (48, True)])
def test_a_page_is_bad_where_chance_hardly_makes_so_many_wrong(wrong, bad):
    assert SaidOfSure(0, 48, wrong, 1.0).is_bad(0.97) is bad


@pytest.mark.parametrize(("pages", "first"), [(0, 0), (1, 1), (2, 2), (5, 2), (30, 10)])
def test_a_third_of_the_pages_comes_first(pages, first):
    assert first_wave(pages) == first


def test_of_near_duplicates_one_is_asked_and_the_other_later():
    vectors = np.repeat(np.eye(6), 2, axis=0)
    found = plan(standing([0.5] * 12, vectors=vectors), ways_to_certify=never)
    assert len({place // 2 for place in found.singles}) == 4
    first = plan(standing([0.0] * 12, vectors=vectors, labelled=0), RoundOptions(first=6, singles=4))
    assert len({place // 2 for place in first.singles}) == 6


def test_single_questions_are_the_least_certain_ones_and_among_these_unlike_each_other():
    chance = np.linspace(0.5, 0.9, 60)
    vectors = np.eye(60)
    vectors[1:8] = vectors[0]  # the eight least certain are one picture
    found = plan(standing(chance, vectors=vectors), ways_to_certify=never)
    assert found.singles[0] == 0, "the least certain one comes first: of highest entropy, where classes are two"
    assert not set(range(1, 8)) & set(found.singles), "and its near-duplicates wait for what it teaches"
    assert max(found.singles) < 4 * 8, "the others are among the least certain"


def test_with_many_classes_entropy_tells_what_is_least_certain():
    chances = np.array([[0.5, 0.5, 0, 0], [0.51, 0.17, 0.16, 0.16], [0.97, 0.01, 0.01, 0.01]])
    entropy = entropy_of(chances)
    assert entropy[1] > entropy[0] > entropy[2] > 0
    found = plan(standing([0.5, 0.51, 0.97], entropy=entropy), OPTIONS.model_copy(update={"singles": 1}), never)
    assert found.singles == (1,)
    assert entropy_of(np.array([[0.4, 0.0]])) == pytest.approx(entropy_of(np.array([[0.4, 0.6]])))


def test_items_without_a_vector_are_asked_too():
    found = plan(standing([0.0, 0.0, 0.9], vectors=np.array([[np.nan], [np.nan], [1.0]])), ways_to_certify=never)
    assert set(found.singles) == {0, 1, 2}
