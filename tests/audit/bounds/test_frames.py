"""Of all items on pages no more are wrong than a certificate says, however rounds are chosen by what was met before."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from blocks.errors import BadInput
from tasks.audit.bounds.certify import Promise
from tasks.audit.bounds.frames import (
    Frame,
    draws_to_certify,
    further_draws,
    is_certified,
    prospect_of,
    ways_to_certify,
    wrong_on_pages,
)
from tasks.suggest.paging.plan import STAGE
from tests.bench.drawing import outcome
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
    assert wrong_on_pages([Frame(500, 1, 1)], 0.05) == 499
    assert 475 < wrong_on_pages([Frame(500, 1, 0)], 0.05) < 499, "one right one in hardly any is too lucky"


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
    before, after, later = (
        draws_to_certify(earlier, 1500, 0, PROMISE) for earlier in ([first], [first, failed], [first, failed, failed])
    )
    alone = draws_to_certify([], 1500, 0, PROMISE)
    assert before < alone < after < later < 2 * alone
    assert after == draws_to_certify([first, Frame(1000, 200, 90, is_shown=False)], 1500, 0, PROMISE), (
        "it costs no more"
    )
    assert is_certified([first, failed, Frame(1500, after, 0)], PROMISE)
    both = wrong_on_pages([first, failed, Frame(1500, after, 0)], 0.05)
    assert wrong_on_pages([first], 0.05) < both <= 0.03 * (870 + 1500 - after)


@pytest.mark.parametrize(("population", "drawn"), [(60, 7), (60, 30), (300, 40)])
def test_the_game_is_fair_at_best_whatever_the_truth(population, drawn):
    """On average over all samples that may be drawn it leaves no more than it began with."""
    for true in range(population + 1):
        met = np.arange(max(0, drawn - (population - true)), min(true, drawn) + 1)
        chance = hypergeom.pmf(met, population, true, drawn)
        worth = [np.exp(Frame(population, drawn, int(one)).evidence[true - one]) for one in met]
        assert chance @ worth <= 1 + 1e-9, true


@pytest.mark.parametrize("population", [150, 500, 1140])
def test_who_looks_after_every_draw_breaks_the_promise_no_oftener_than_it_says(population):
    """The exact chance of it, for every number of wrong ones about the limit."""
    passes = [drawn for met in range(7) if (drawn := draws_to_certify([], population, met, PROMISE)) is not None]
    limits = [0.03 * (population - drawn) + met for met, drawn in enumerate(passes)]
    chances = [passing(population, wrong, passes, limits) for wrong in range(1, population // 20)]
    assert max(chances) <= 0.05
    assert not passes or max(chances) > 0.02, "and hardly rarer: no draws are wasted"


def passing(population, wrong, passes, limits):
    """Return the chance that of a frame no more were met at some draw than it passes with, and it holds too many."""
    chance, broken = np.zeros(len(passes) + 1), 0.0
    chance[0] = 1.0
    for drawn in range(max(passes, default=0)):
        next_wrong = np.clip((wrong - np.arange(len(chance))) / (population - drawn), 0, 1)
        chance[1:] = chance[1:] * (1 - next_wrong[1:]) + chance[:-1] * next_wrong[:-1]
        chance[0] *= 1 - next_wrong[0]
        for met, needed_here in enumerate(passes):
            if drawn + 1 >= needed_here:
                broken, chance[met] = broken + chance[met] * (wrong > limits[met]), 0.0
    return broken


def test_at_the_limit_the_claim_is_broken_no_oftener_than_it_says_over_thousands_of_collections():
    """Each frame is one worse than the promise allows; it is drawn from further, given up, and others follow."""
    rng, trials = np.random.default_rng(11), examples(2_000)
    broken = sum(draw_on_and_on(rng) for _ in range(trials))
    assert broken <= binom.ppf(0.999, trials, 0.05)


@cache
def needed(earlier, population, wrong, drawn):
    return draws_to_certify(list(earlier), population, wrong, PROMISE, drawn)


def draw_on_and_on(rng):
    """Return whether more than promised was ever wrong on pages, in three frames that are drawn from in stages."""
    frames, wrong, shown = (), 0, 0
    for population in (500, 300, 200):
        bad, frame = int(0.03 * population) + 1, None
        while (
            upto := needed(frames, population, frame.wrong if frame else 0, frame.drawn if frame else 0)
        ) is not None:
            met, drawn = (frame.wrong, frame.drawn) if frame else (0, 0)
            met += int(rng.hypergeometric(bad - met, population - drawn - (bad - met), upto - drawn))
            frame = Frame(population, upto, met)
            if is_certified([*frames, frame], PROMISE):
                wrong, shown = wrong + bad - met, shown + frame.on_pages
                break
        else:
            frame = frame and replace(frame, is_shown=False)
        frames = (*frames, frame) if frame else frames
        if wrong > PROMISE.max_error_rate * shown:
            return True
    return False


def stages(earlier, population, wrong):
    """Return how a frame with so many wrong ones ends where it is drawn from as a line does, each end with its chance.

    The chances are exact. A frame that nobody would draw from ends as None.
    """
    first = foreseen(earlier, population)
    if first is None:
        return {None: 1.0}
    ends, states = {}, {(0, 0, min(first.draws, STAGE)): 1.0}
    while states:
        (drawn, met, more), weight = states.popitem()
        for fresh in range(min(more, wrong - met) + 1):
            part = weight * hypergeom.pmf(fresh, population - drawn, wrong - met, more)
            frame = Frame(population, drawn + more, met + fresh)
            is_shown, further = what_next(earlier, frame)
            if is_shown or further is None:
                end = replace(frame, is_shown=is_shown)
                ends[end] = ends.get(end, 0.0) + part
            else:
                state = (frame.drawn, frame.wrong, further)
                states[state] = states.get(state, 0.0) + part
    return ends


@cache
def foreseen(earlier, population):
    return prospect_of(list(earlier), population, 0.005, PROMISE)


@cache
def what_next(earlier, frame):
    return is_certified([*earlier, frame], PROMISE), further_draws(list(earlier), frame, PROMISE, 0.5, 0.4, STAGE)


@pytest.mark.parametrize("population", [150, 500, 1140])
def test_who_draws_on_as_a_line_does_breaks_the_promise_no_oftener_than_it_says(population):
    """The exact chance of it, for every number of wrong ones about the limit."""
    chances, drew_on = [], 0.0
    for wrong in range(1, population // 20):
        ends = stages((), population, wrong)
        assert sum(ends.values()) == pytest.approx(1)
        shown = {frame: chance for frame, chance in ends.items() if frame and frame.is_shown}
        chances.append(sum(chance for frame, chance in shown.items() if is_too_many(frame, wrong)))
        drew_on = max(drew_on, sum(chance for frame, chance in shown.items() if frame.wrong))
    assert max(chances) <= 0.05
    assert population < 1000 or drew_on > 0.1, "and one that fails narrowly is often saved"


@pytest.mark.parametrize(("population", "wrong"), [(570, 0), (570, 4), (1140, 2), (1140, 6), (1140, 12)])
def test_a_frame_certified_in_stages_takes_fewer_draws_than_at_once(population, wrong):
    once, staged = (outcome(population, wrong, in_stages=way) for way in (False, True))
    assert staged.chance >= once.chance - 1e-9
    assert staged.each <= once.each * (1 + 1e-9) if not wrong else staged.each < 0.98 * once.each


def is_too_many(frame, wrong):
    return wrong - frame.wrong > PROMISE.max_error_rate * frame.on_pages


def test_two_frames_that_are_drawn_from_further_break_the_promise_no_oftener_than_it_says():
    """The exact chance of it, with the first frame at the limit and any number of wrong ones in the second."""
    first = stages((), 500, 16)
    for second_wrong in range(0, 30, 2):
        broken = 0.0
        for one, chance in first.items():
            if one.is_shown and is_too_many(one, 16):
                broken += chance
                continue
            for other, part in stages((one,), 300, second_wrong).items():
                frames = [(frame, wrong) for frame, wrong in ((one, 16), (other, second_wrong)) if frame]
                on_pages = sum(frame.on_pages for frame, _ in frames)
                wrong = sum(wrong - frame.wrong for frame, wrong in frames if frame.is_shown)
                broken += chance * part * (wrong > PROMISE.max_error_rate * on_pages)
        assert broken <= 0.05, second_wrong


def test_the_prospect_of_a_frame_is_what_happens_to_those_who_draw_from_it():
    rng, share = np.random.default_rng(5), 0.01
    found, drawn, passed = prospect_of([], 1500, share, PROMISE), [], 0
    trials = examples(4_000)
    for _ in range(trials):
        answers = np.cumsum(rng.random(750) < share)
        ends = [(upto, met) for met in range(6) if (upto := needed((), 1500, met, 0)) and answers[upto - 1] <= met]
        passed += bool(ends)
        at = needed((), 1500, 0, 0)
        while answers[at - 1] < 6 and (upto := needed((), 1500, int(answers[at - 1]), 0)) and upto > at:
            at = upto
        drawn.append(at)
    assert found.draws == needed((), 1500, 0, 0)
    assert found.chance == pytest.approx(passed / trials, abs=4 * np.sqrt(0.25 / trials))
    assert found.expected == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(trials))


def test_what_is_hopeless_is_foreseen():
    assert prospect_of([], 1500, 0.002, PROMISE).chance > 0.9
    assert prospect_of([], 1500, 0.04, PROMISE).chance < 0.1
    assert prospect_of([], 100, 0.0, PROMISE) is None
    more = prospect_of([], 1500, 0.002, PROMISE, drawn=113, wrong=1)
    assert more.draws == needed((), 1500, 1, 113) - 113 and more.chance < 1


def test_one_wrong_answer_is_drawn_on_and_many_are_given_up():
    narrow, lost = Frame(1140, 114, 1), Frame(1140, 114, 5)
    further = further_draws([], narrow, PROMISE, 0.5, 0.4, 1_000)
    assert further == needed((), 1140, 1, 114) - 114
    assert further_draws([], narrow, PROMISE, 0.5, 0.4, STAGE) == STAGE, "and in stages, so that one may give up"
    assert is_certified([Frame(1140, 114 + further, 1)], PROMISE)
    assert further_draws([], lost, PROMISE, 0.5, 0.4, STAGE) is None
    assert further_draws([], narrow, PROMISE, 0.2, 0.4, STAGE) is None, "no more is drawn than the line allows"


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
