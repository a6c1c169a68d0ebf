"""Gold finds who no longer looks, takes back what they said since, and leaves good people alone."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.review.gold.screening import (
    GoldAnswer,
    GoldQuestion,
    PlainAnswer,
    State,
    judge_person,
    lower_bound,
    place_gold,
)
from tasks.review.questions.staffing import GoldRule
from tests.review.builders import NOON

RULE = GoldRule()
POOL = [GoldQuestion(f"g{number}") for number in range(50)]


def at(hour: float) -> datetime:
    return NOON + timedelta(hours=hour)


def golds(results: str, start: int = 0) -> list[GoldAnswer]:
    """Return gold answers, one an hour: + passed, - failed."""
    return [GoldAnswer(f"g{start + n}", at(start + n), mark == "+") for n, mark in enumerate(results)]


def test_the_bound_is_the_exact_one() -> None:
    assert lower_bound(0, 0, 0.95) == 0.0
    assert lower_bound(20, 20, 0.95) == pytest.approx(0.05 ** (1 / 20))
    assert lower_bound(39, 40, 0.95) == pytest.approx(0.887, abs=5e-4)


@given(st.integers(0, 40), st.integers(1, 40))
def test_the_bound_lies_under_what_was_seen(passed: int, of: int) -> None:
    assert lower_bound(min(passed, of), of, 0.95) <= min(passed, of) / of


def test_a_newcomer_is_on_trial() -> None:
    standing = judge_person([], [], RULE)
    assert (standing.state, standing.of, standing.ask_again) == (State.ON_TRIAL, 0, ())


def test_slips_at_the_start_end_nobodys_work() -> None:
    assert judge_person(golds("-++-++"), [], RULE).state is State.ON_TRIAL


def test_who_passes_becomes_good() -> None:
    standing = judge_person(golds("+" * 35), [], RULE)
    assert standing.state is State.GOOD
    assert standing.good_until == at(34)


def test_who_is_hopeless_is_suspended_before_the_trial_ends() -> None:
    standing = judge_person(golds("-" * 10), [PlainAnswer("a", at(-1))], RULE)
    assert standing.state is State.SUSPENDED
    assert standing.of < RULE.trial
    assert standing.ask_again == ("a",)


def test_who_lets_go_is_suspended_and_what_they_said_since_is_asked_again() -> None:
    answers = [PlainAnswer(f"a{hour}", at(hour + 0.5)) for hour in range(60)]
    standing = judge_person(golds("+" * 30 + "-" * 20), answers, RULE)
    assert standing.state is State.SUSPENDED
    assert standing.lower < RULE.min_accuracy
    assert standing.good_until is not None
    assert standing.since is not None
    assert standing.since - standing.good_until == timedelta(hours=1)
    first = int((standing.good_until - NOON) / timedelta(hours=1))
    assert standing.ask_again == tuple(f"a{hour}" for hour in range(first, 60))
    assert "least is 70%" in standing.reason


def test_a_suspension_stands_whatever_comes_after() -> None:
    standing = judge_person(golds("-" * 10 + "+" * 100), [], RULE)
    assert standing.state is State.SUSPENDED
    assert standing.since is not None
    assert standing.since < at(10)


def test_who_is_reinstated_begins_anew_and_loses_nothing_from_before() -> None:
    lifted = at(10.5)
    answers = [PlainAnswer("before", at(5)), PlainAnswer("after", at(12))]
    assert judge_person(golds("-" * 10), answers, RULE, lifted).state is State.ON_TRIAL
    again = judge_person(golds("-" * 30), answers, RULE, lifted)
    assert again.ask_again == ("after",)


def test_the_order_in_which_gold_answers_are_heard_changes_nothing() -> None:
    history = golds("+" * 22 + "-+-+--")
    assert judge_person(history[::-1], [], RULE) == judge_person(history, [], RULE)


def test_old_merits_are_forgotten() -> None:
    assert judge_person(golds("+" * 500 + "+-" * 12), [], RULE).state is State.SUSPENDED


def test_a_rule_that_could_never_be_met_is_refused_with_numbers() -> None:
    with pytest.raises(ValidationError, match="it takes 59 gold answers"):
        GoldRule(min_accuracy=0.95)


def test_good_people_stay_and_bad_ones_go() -> None:
    rng = np.random.default_rng(1)

    def suspended(passes: float) -> float:
        marks = ["".join("+" if luck < passes else "-" for luck in rng.random(60)) for _ in range(60)]
        return float(np.mean([judge_person(golds(one), [], RULE).state is State.SUSPENDED for one in marks]))

    assert suspended(0.98) <= 0.05
    assert suspended(0.6) >= 0.95


def test_no_share_no_pool_or_no_questions_hide_no_gold() -> None:
    assert place_gold(100, POOL, GoldRule(share=0), "s") == ()
    assert place_gold(100, [], RULE, "s") == ()
    assert place_gold(0, POOL, RULE, "s") == ()


@given(st.integers(1, 400), st.floats(0.01, 0.3), st.text(max_size=3))
def test_gold_has_its_share_is_spread_evenly_and_is_never_asked_twice(questions: int, share: float, seed: str) -> None:
    pool = [GoldQuestion(f"g{number}") for number in range(300)]
    placed = place_gold(questions, pool, GoldRule(share=share), seed)
    total = questions + len(placed)
    assert share <= len(placed) / total + 1e-9
    assert (len(placed) - 1) / total < share
    assert len({one.gold_id for one in placed}) == len(placed)
    for index, one in enumerate(placed):
        assert index * total // len(placed) <= one.position < (index + 1) * total // len(placed)


def test_the_same_seed_hides_the_same_and_another_one_other_places() -> None:
    assert place_gold(200, POOL, RULE, "b1") == place_gold(200, POOL[::-1], RULE, "b1")
    assert place_gold(200, POOL, RULE, "b1") != place_gold(200, POOL, RULE, "b2")


def test_the_least_asked_come_first_and_what_somebody_has_seen_not_at_all() -> None:
    pool = [GoldQuestion("worn", 9), GoldQuestion("seen"), GoldQuestion("fresh"), GoldQuestion("new", 1)]
    placed = place_gold(30, pool, RULE, "s", seen={"seen"})
    assert {one.gold_id for one in placed} == {"fresh", "new"}


def test_a_pool_too_small_hides_what_there_is() -> None:
    assert len(place_gold(1000, POOL[:3], RULE, "s")) == 3
