"""The bet behind every threshold: it must never win against a true claim, and must win soon against a false one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from tasks.audit.bounds.betting import draws_needed, log_evidence_above, log_evidence_below, log_wealth, upper_bound
from tests.examples import examples

ZEROS, ONES = np.zeros(1000), np.ones(1000)
NEEDED = np.log(1 / 0.05)


def test_without_draws_nothing_is_shown() -> None:
    empty = np.zeros(0)
    assert log_evidence_below(empty, empty, 0.02, 1.0) == pytest.approx(0.0)
    assert upper_bound(empty, empty, 0.05, 1.0) == 1.0
    assert len(log_evidence_above(empty, empty, 0.02, 1.0)) == 0


def test_178_right_boxes_prove_two_percent_and_177_do_not() -> None:
    assert log_evidence_below(ZEROS[:178], ONES[:178], 0.02, 1.0) >= NEEDED
    assert log_evidence_below(ZEROS[:177], ONES[:177], 0.02, 1.0) < NEEDED
    assert draws_needed(ZEROS[:0], ONES[:0], 0.02, 1.0, 0.05) == 178


def test_all_wrong_is_bounded_by_nothing() -> None:
    assert upper_bound(ONES[:50], ONES[:50], 0.05, 1.0) == 1.0
    assert draws_needed(ONES[:50], ONES[:50], 0.02, 1.0, 0.05) is None


def test_draws_without_an_accepted_box_change_nothing() -> None:
    judged = np.array([1.0, 0, 2, 0, 0, 1])
    wrong = np.array([0.0, 0, 1, 0, 0, 0])
    full = judged > 0
    for population in (None, 9):
        assert log_evidence_below(wrong, judged, 0.1, 2.0, population) == pytest.approx(
            log_evidence_below(wrong[full], judged[full], 0.1, 2.0, population)
        )


@pytest.mark.parametrize("share", [0.0, 0.005, 0.01])
def test_the_bound_is_above_clopper_pearson_but_not_by_much(share: float) -> None:
    n = 1000
    wrong = np.zeros(n)
    wrong[:: int(1 / share) if share else n + 1] = share > 0
    count = int(wrong.sum())
    ours = upper_bound(wrong, np.ones(n), 0.05, 1.0)
    rates = np.linspace(0, 0.2, 20_001)
    exact = rates[np.flatnonzero(binom.cdf(count, n, rates) <= 0.05)[0]]
    assert exact <= ours <= 1.6 * exact


def test_the_chance_of_a_false_proof_is_below_delta_at_all_looks_together() -> None:
    # exact, not simulated: the distribution of the number of wrong boxes, killed at the first proof
    n, rate = 400, 0.02
    alive, proven = np.array([1.0]), 0.0
    for drawn in range(1, n + 1):
        alive = np.append(alive, 0.0) * (1 - rate) + np.append(0.0, alive) * rate
        counts = np.arange(len(alive))
        wrong = (np.arange(drawn)[None, :] < counts[:, None]).astype(float)
        won = log_wealth(wrong[: drawn // 40 + 3], np.ones((1, drawn)), rate, 1.0)[:, -1] >= NEEDED
        proven += alive[: len(won)][won].sum()
        alive[: len(won)][won] = 0.0
    assert 0.01 < proven <= 0.05


@given(wrong=st.lists(st.booleans(), min_size=1, max_size=12), spare=st.integers(0, 8), rate=st.floats(0.02, 0.6))
@settings(max_examples=examples(60), deadline=None)
def test_wealth_without_replacement_is_fair_for_every_population(wrong: list[bool], spare: int, rate: float) -> None:
    """Over all orders of a population in which the claim holds, the mean wealth is at most 1 (checked by sampling)."""
    population = np.array(wrong + [True] * spare, dtype=float)
    if population.mean() < rate:
        return
    rng = np.random.default_rng(0)
    drawn = max(1, len(population) // 2)
    orders = np.array([rng.permutation(population)[:drawn] for _ in range(400)])
    wealth = np.exp(log_wealth(orders, np.ones_like(orders), rate, 1.0, len(population))[:, -1])
    assert wealth.mean() <= 1 + 4 * wealth.std() / 20 + 1e-9


def test_what_was_proven_stays_proven() -> None:
    then_bad = np.append(np.zeros(200), np.ones(20))
    assert log_evidence_below(then_bad, np.ones(220), 0.02, 1.0) >= NEEDED
    assert log_wealth(then_bad, np.ones(220), 0.02, 1.0)[-1] < 0


def test_a_population_judged_whole_is_known_exactly() -> None:
    wrong = np.zeros(100)
    wrong[[3, 50]] = 1
    assert upper_bound(wrong, np.ones(100), 0.05, 1.0, 100) == pytest.approx(0.02, abs=1e-6)
    assert log_evidence_below(wrong, np.ones(100), 0.021, 1.0, 100) == np.inf
    assert log_evidence_below(wrong, np.ones(100), 0.02, 1.0, 100) < np.inf


def test_a_small_population_needs_fewer_draws_and_no_fewer_than_the_exact_test() -> None:
    population, breaking = 372, 8
    ours = next(
        n
        for n in range(1, 372)
        if log_evidence_below(ZEROS[:n], ONES[:n], breaking / population, 1.0, population) >= NEEDED
    )
    exact = next(n for n in range(1, 372) if hypergeom.pmf(0, population, breaking, n) <= 0.05)
    assert exact <= ours < 178
    assert ours <= 1.35 * exact


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30))
@settings(max_examples=examples(80), deadline=None)
def test_evidence_grows_with_the_claimed_rate(draws: list[tuple[int, int]]) -> None:
    judged = np.array([max(pair) for pair in draws], dtype=float)
    wrong = np.array([min(pair) for pair in draws], dtype=float)
    for population in (None, len(draws) + 3):
        evidence = [
            float(log_evidence_below(wrong, judged, rate, 6.0, population)) for rate in np.linspace(0.01, 0.99, 25)
        ]
        assert (np.diff(np.nan_to_num(evidence, posinf=1e9)) >= -1e-9).all()


def test_crowded_draws_prove_less_than_as_many_single_boxes() -> None:
    crowded = log_evidence_below(ZEROS[:50], 10 * ONES[:50], 0.02, 10.0)
    single = log_evidence_below(ZEROS[:500], ONES[:500], 0.02, 1.0)
    assert crowded < single


def test_a_broken_promise_is_noticed_and_a_kept_one_hardly_ever() -> None:
    rng = np.random.default_rng(1)
    alarms = sum(
        bool((log_evidence_above((rng.random(600) < 0.02).astype(float), np.ones(600), 0.02, 1.0) >= NEEDED).any())
        for _ in range(400)
    )
    assert alarms <= binom.ppf(0.999, 400, 0.05)
    late = np.concatenate([np.zeros(300), (rng.random(300) < 0.15)])
    assert log_evidence_above(late, np.ones(600), 0.02, 1.0).max() >= np.log(100)


def test_alarm_wealth_is_the_mixture_over_starting_draws() -> None:
    wrong = np.array([0.0, 1, 0, 0, 1, 1])
    stakes = np.geomspace(0.5, 25, 6)
    factors = 1 + stakes[:, None] * (wrong - 0.02)
    n = len(wrong)
    plain = 1 / (n + 1) + sum(
        factors[:, start:].prod(axis=1).mean() / ((start + 1) * (start + 2)) for start in range(n)
    )
    assert log_evidence_above(wrong, np.ones(n), 0.02, 1.0)[-1] == pytest.approx(np.log(plain))
