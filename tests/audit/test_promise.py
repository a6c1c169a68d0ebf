"""The promise kept, on a thousand worlds with a known error: correlated boxes, crowded items, looks in between.

Promised: in at most δ of worlds is a threshold certified, at any look, whose true error is above ε. And not by
accepting
nothing: the share accepted is compared with that of somebody who knows the true error. The fuller table is printed by
`python -m tests.bench.thresholds`.
"""

import numpy as np
import pytest
from scipy.stats import binom

from tasks.audit.bounds.certify import Promise
from tests.bench.thresholds import (
    OTHER_DAYS,
    BatchPlan,
    Outcome,
    StreamPlan,
    batch_outcome,
    earlier_outcome,
    stream_outcome,
    together_outcome,
)

STREAM = StreamPlan(looks=(800, 1600), share=1 / 24)
WHOLE = StreamPlan(looks=(300, 600), share=1.0)
BATCH = BatchPlan(items=120, looks=(300, 600))
DELTA = Promise().delta
CURVES = ("good", "mostly good", "just too bad", "upside down", "bad")


def all_outcomes() -> list[tuple[str, Outcome]]:
    """1,000 worlds: 350 and 150 streams and 500 batches, with correlations of 0.1 and 0.4 within an item."""
    outcomes = []
    for place, curve in enumerate(CURVES):
        outcomes += [
            (f"stream {curve}", stream_outcome(STREAM, curve, 0.1, 35, seed=place)),
            (f"stream {curve}", stream_outcome(STREAM, curve, 0.4, 35, seed=10 + place)),
            (f"whole {curve}", stream_outcome(WHOLE, curve, 0.4, 30, seed=20 + place)),
            (f"batch {curve}", batch_outcome(BATCH, curve, 0.1, 50, seed=30 + place)),
            (f"batch {curve}", batch_outcome(BATCH, curve, 0.4, 50, seed=40 + place)),
        ]
    return outcomes


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[str, Outcome]]:
    return all_outcomes()


def test_the_promise_is_broken_in_at_most_delta_of_a_thousand_worlds(outcomes: list[tuple[str, Outcome]]) -> None:
    worlds = sum(one.worlds for _, one in outcomes)
    assert worlds == 1000
    assert sum(one.broken for _, one in outcomes) <= binom.ppf(0.999, worlds, DELTA)


def test_it_is_kept_in_every_kind_of_world_not_on_average_only(outcomes: list[tuple[str, Outcome]]) -> None:
    for name, one in outcomes:
        assert one.broken <= binom.ppf(0.9999, one.worlds, DELTA), name


def test_thresholds_accept_a_fair_part_of_what_an_oracle_would(outcomes: list[tuple[str, Outcome]]) -> None:
    kinds = {name for name, _ in outcomes}
    power = {kind: float(np.mean([one.power for name, one in outcomes if name == kind])) for kind in kinds}
    print({name: round(value, 2) for name, value in sorted(power.items())})
    assert power["stream good"] > 0.5
    assert power["batch good"] > 0.5
    assert power["stream mostly good"] > 0.3
    assert power["batch mostly good"] > 0.3


def test_an_almost_perfect_detector_is_accepted_almost_always() -> None:
    assert stream_outcome(STREAM, "perfect", 0.4, 10, seed=1).power > 0.95
    assert batch_outcome(BATCH, "perfect", 0.4, 10, seed=1).power > 0.95


@pytest.mark.parametrize("batches", [2, 8])
def test_what_is_stated_of_several_batches_together_holds_and_says_something(batches: int) -> None:
    """Each batch of another day; ten thresholds of 95 % each would hold together with hardly any confidence."""
    plan = BatchPlan(items=200, looks=(500,))
    found = {curve: together_outcome(plan, batches, curve, 8, seed=7) for curve in ("perfect", "good", "mostly good")}
    assert sum(one.broken for one in found.values()) <= binom.ppf(0.99, 24, DELTA)
    assert found["perfect"].at_most < 0.015
    assert found["good"].at_most < 0.03
    assert found["mostly good"].at_most < 0.04


def test_boxes_judged_in_earlier_batches_would_break_the_promise_where_days_differ() -> None:
    """Why a threshold speaks of the batch whose boxes were judged, and batches do not pool their evidence."""
    for curve in ("mostly good", "usable"):
        pooled = earlier_outcome(OTHER_DAYS, curve, 0.4, 60, seed=5)
        assert pooled.broken > binom.ppf(0.99, pooled.worlds, DELTA), curve
