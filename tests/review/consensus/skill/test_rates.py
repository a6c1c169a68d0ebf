"""Alike votes are learnt from once, with their number: what comes of it is what comes of each by itself."""

import numpy as np
import pytest

from tasks.review.consensus.box_matching import match_boxes
from tasks.review.consensus.skill.rates import believe_evenly, first_guess, learn, plain_prior, tally
from tasks.review.consensus.votes import collect_votes
from tests.bench.crowd import CLASSES, MIXED, draw_crowd
from tests.review.people import HERE, said


def test_alike_votes_are_put_together_and_count_as_often() -> None:
    matched = [match_boxes(f"q{n}", [said("ada", HERE), said("ben", *[HERE] * (n < 3))]) for n in range(10)]
    tallied = tally(collect_votes(matched, ["car"], ["ada", "ben"]))
    assert tallied.votes.asked.tolist() == [[1.0, 1.0]]
    weights = tallied.weighted(np.ones(10))
    assert weights.questions.tolist() == [10.0]
    assert sorted(weights.groups.tolist()) == [3.0, 7.0]


def test_nobody_and_nothing_can_be_tallied() -> None:
    tallied = tally(collect_votes([match_boxes("q", [])], ["car"], []))
    assert tallied.weighted(np.ones(1)).groups.shape == (0,)


def test_what_is_learnt_of_sorts_is_what_is_learnt_of_each() -> None:
    matched = draw_crowd(MIXED, 40, seed=2).matched()
    votes = collect_votes(matched, CLASSES, sorted(MIXED))
    counts = np.random.default_rng(1).exponential(size=len(matched))
    prior = plain_prior(votes)
    tallied = tally(votes)
    rates = first_guess(tallied, {}, prior)
    weights = tallied.weighted(counts)
    learnt = learn(tallied.votes, weights, believe_evenly(tallied.votes, rates), {}, prior)
    each = type(weights)(counts, counts[votes.question])
    plainly = learn(votes, each, believe_evenly(votes, rates), {}, prior)
    assert learnt.people.miss == pytest.approx(plainly.people.miss)
    assert learnt.people.false == pytest.approx(plainly.people.false)
    assert learnt.people.confusion == pytest.approx(plainly.people.confusion)
    assert (learnt.objects, learnt.miss) == pytest.approx((plainly.objects, plainly.miss))
