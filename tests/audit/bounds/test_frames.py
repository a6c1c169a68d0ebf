"""Of all items on pages no more are wrong than a certificate says, however rounds are chosen by what was met before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadInput
from tasks.audit.bounds.certify import Promise
from tasks.audit.bounds.frames import Frame, draws_to_certify, is_certified, ways_to_certify, wrong_on_pages
from tests.examples import examples

PROMISE = Promise(max_error_rate=0.03, confidence=0.95)
TRIALS = examples(120)


def rounds_of(rng, rates, eager):
    """Run rounds whose frames have these rates of wrong ones; return how many were wrong on pages, and of how many."""
    frames, wrong, shown, broken = [], 0, 0, False
    for rate in rates:
        population = int(rng.integers(150, 900))
        bad = round(population * rate)
        drawn = draws_to_certify(frames, population, int(eager), PROMISE)
        if drawn is None:
            continue
        met = int(rng.hypergeometric(bad, population - bad, drawn))
        frame = Frame(population, drawn, met)
        if is_certified([*frames, frame], PROMISE):
            wrong, shown = wrong + bad - met, shown + frame.on_pages
        else:
            frame = Frame(population, drawn, met, is_shown=False)
        frames.append(frame)
        broken |= wrong > PROMISE.max_error_rate * shown
    return broken


@pytest.mark.parametrize("eager", [False, True], ids=["none met", "one met"])
@pytest.mark.parametrize(
    "rates", [(0.04, 0.04, 0.04), (0.0, 0.05, 0.08), (0.1, 0.035, 0.0, 0.06)], ids=["all bad", "worse", "mixed"]
)
def test_the_promise_is_broken_no_oftener_than_it_says(rates, eager):
    rng = np.random.default_rng(3)
    broken = sum(rounds_of(rng, rates, eager) for _ in range(TRIALS))
    assert broken <= 0.05 * TRIALS


def test_nothing_drawn_certifies_nothing():
    assert not is_certified([], PROMISE)
    assert wrong_on_pages([], 0.05) == 0
    assert wrong_on_pages([Frame(500, 1, 0)], 0.05) == 499


def test_a_hundred_and_some_right_ones_certify_three_percent_and_a_wrong_one_more_than_doubles_that():
    assert 98 < draws_to_certify([], 1500, 0, PROMISE) < 130
    assert 158 < draws_to_certify([], 1500, 1, PROMISE) < 300
    assert draws_to_certify([], 100, 0, PROMISE) is None


def test_later_rounds_need_fewer_draws():
    first = Frame(1000, 130, 0)
    assert draws_to_certify([first], 600, 0, PROMISE) < 0.6 * draws_to_certify([], 600, 0, PROMISE)


def test_a_frame_that_was_not_shown_costs_draws_and_leaves_what_is_proven_of_those_before_it():
    first, failed = Frame(1000, 130, 0), Frame(1000, 47, 9, is_shown=False)
    assert wrong_on_pages([first, failed], 0.05) == wrong_on_pages([first], 0.05)
    alone, after, later = (
        draws_to_certify(earlier, 1500, 0, PROMISE) for earlier in ([], [first, failed], [first, failed, failed])
    )
    assert alone < after < later < 2.5 * alone
    assert is_certified([first, failed, Frame(1500, after, 0)], PROMISE)
    both = wrong_on_pages([first, failed, Frame(1500, after, 0)], 0.05)
    assert wrong_on_pages([first], 0.05) < both <= 0.03 * (870 + 1500 - after)


def test_more_draws_allow_more_wrong_ones_and_what_is_hopeless_is_unlikely():
    ways = ways_to_certify([], 1500, 0.002, PROMISE)
    assert [drawn for drawn, _ in ways] == sorted({drawn for drawn, _ in ways})
    assert ways[0][0] == draws_to_certify([], 1500, 0, PROMISE)
    assert 0.5 < ways[0][1] < ways[-1][1] < 1
    assert max(chance for _, chance in ways_to_certify([], 1500, 0.04, PROMISE)) < 0.1
    assert ways_to_certify([], 100, 0.0, PROMISE) == []


@given(st.integers(1, 900), st.data())
def test_the_bound_is_at_most_all_and_grows_with_what_is_met(population, data):
    drawn = data.draw(st.integers(1, population))
    wrong = data.draw(st.integers(0, drawn - 1))
    fewer, more = (wrong_on_pages([Frame(population, drawn, met)], 0.05) for met in (wrong, wrong + 1))
    assert 0 <= fewer <= more <= population - drawn


@pytest.mark.parametrize(("population", "drawn", "wrong"), [(10, 11, 0), (10, 0, 0), (10, 5, 6), (10, 5, -1)])
def test_what_does_not_add_up_is_refused(population, drawn, wrong):
    with pytest.raises(BadInput, match="does not add up"):
        Frame(population, drawn, wrong)
