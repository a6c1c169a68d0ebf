"""One more person only while the outcome is in doubt, and a referee where people cannot agree."""

import pytest
from pydantic import ValidationError

from blocks.errors import BadOption
from tasks.review.consensus.annotator_skill import unknown_skills
from tasks.review.consensus.box_consensus import agree_on_boxes
from tasks.review.consensus.box_matching import PersonAnswer, match_boxes
from tasks.review.consensus.choice_consensus import Chosen, agree_on_choices
from tasks.review.consensus.overlap_rule import (
    NextStep,
    Slots,
    Step,
    next_step_of_boxes,
    next_step_of_choice,
    people_of_slots,
)
from tasks.review.questions.staffing import OverlapRule
from tests.bench.consensus import ask_while_in_doubt
from tests.bench.crowd import GOOD
from tests.review.people import HERE, THERE, box, moved, said

RULE = OverlapRule(least=2, most=4, tolerated=0.05)


def step(*answers: PersonAnswer, waiting: int = 0, people_left: int = 9, rule: OverlapRule = RULE) -> NextStep:
    consensus = agree_on_boxes([match_boxes("q", answers)], unknown_skills(["car", "van"]))[0]
    return next_step_of_boxes(consensus, Slots(len(answers), waiting, people_left), rule)


def test_at_first_as_many_are_asked_as_the_rule_wants_at_least() -> None:
    assert step() == NextStep(Step.ASK_MORE, 2, step().expected_wrong, step().reasons)


def test_one_answer_of_two_waits_for_the_other() -> None:
    assert step(said("ada", HERE), waiting=1).step is Step.WAIT


def test_people_who_agree_settle_it() -> None:
    decision = step(said("ada", HERE), said("ben", moved(HERE, 2)))
    assert decision.step is Step.SETTLED
    assert decision.reasons == ()


def test_two_who_see_nothing_settle_it() -> None:
    assert step(said("ada"), said("ben")).step is Step.SETTLED


def test_a_box_of_one_of_two_needs_a_third() -> None:
    decision = step(said("ada", HERE, THERE), said("ben", HERE))
    assert (decision.step, decision.more) == (Step.ASK_MORE, 1)
    assert "is it there?" in decision.reasons[0]
    assert "400,300" in decision.reasons[0]


def test_the_third_settles_it() -> None:
    assert step(said("ada", HERE, THERE), said("ben", HERE), said("chi", HERE, THERE)).step is Step.SETTLED


def test_while_the_third_is_waited_for_no_fourth_is_asked() -> None:
    assert step(said("ada", HERE, THERE), said("ben", HERE), waiting=1).step is Step.WAIT


def test_a_class_on_which_two_differ_is_in_doubt() -> None:
    decision = step(said("ada", box(HERE, "car")), said("ben", box(HERE, "van")))
    assert decision.step is Step.ASK_MORE
    assert "is it a" in decision.reasons[0]


def test_edges_on_which_two_differ_are_in_doubt() -> None:
    rule = OverlapRule(edge_error=0.02)
    decision = step(said("ada", HERE), said("ben", (100, 100, 160, 180)), rule=rule)
    assert decision.step is Step.ASK_MORE
    assert "edges" in decision.reasons[0]


def test_four_who_cannot_agree_go_to_a_referee() -> None:
    split = [said("ada", THERE), said("ben", THERE), said("chi"), said("dina")]
    assert step(*split).step is Step.REFEREE


def test_where_nobody_is_left_to_ask_a_referee_decides() -> None:
    assert step(said("ada", HERE, THERE), said("ben", HERE), people_left=0).step is Step.REFEREE
    assert step(said("ada", HERE), people_left=0).step is Step.REFEREE


def test_with_least_one_a_sure_person_is_enough_and_an_unsure_one_not() -> None:
    rule = OverlapRule(least=1, most=3, tolerated=0.4)
    assert step(said("ada", HERE), rule=rule).step is Step.SETTLED
    assert step(said("ada", HERE), rule=OverlapRule(least=1, most=3, tolerated=0.01)).step is Step.ASK_MORE


def test_a_rule_nobody_could_meet_is_refused() -> None:
    with pytest.raises(ValidationError, match="nobody could settle"):
        OverlapRule(least=3, most=2)


def test_choices_settle_go_on_or_go_to_a_referee() -> None:
    def decide(**choices: str | None) -> Step:
        chosen = [Chosen("q", person, choice) for person, choice in choices.items()]
        consensus = agree_on_choices(chosen, ["golf", "polo"])["q"]
        return next_step_of_choice(consensus, Slots(len(choices)), OverlapRule(least=2, most=3)).step

    assert decide(ada="golf", ben="golf") is Step.SETTLED
    assert decide(ada="golf", ben="polo") is Step.ASK_MORE
    assert decide(ada=None, ben=None) is Step.ASK_MORE
    assert decide(ada=None, ben=None, chi=None) is Step.REFEREE


def test_slots_part_the_people_and_a_newcomer_moves_nobody() -> None:
    assert people_of_slots(["a", "b", "c"], 2) == [("a", "c"), ("b",)]
    assert people_of_slots(["a", "b", "c", "d"], 2) == [("a", "c"), ("b", "d")]


def test_more_slots_than_people_are_refused() -> None:
    with pytest.raises(BadOption, match="3 slots need 3 people"):
        people_of_slots(["a", "b"], 3)


def test_good_people_need_little_more_than_two_and_err_as_little_as_is_tolerated() -> None:
    asking = ask_while_in_doubt(GOOD, 150, 3, OverlapRule(least=2, most=4, tolerated=0.05))
    assert asking.people < 2.8
    assert asking.wrong < 0.05
    assert asking.wrong == pytest.approx(asking.expected_wrong, abs=0.02)
