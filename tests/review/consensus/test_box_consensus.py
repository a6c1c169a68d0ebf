"""A consensus must be worth more than a show of hands and more than its best member, and say how sure it is."""

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.errors import UnknownClass
from tasks.review.consensus.annotator_skill import QueueSkills, Skill, unknown_skills
from tasks.review.consensus.box_consensus import Consensus, agree_on_boxes
from tasks.review.consensus.box_matching import PersonAnswer, match_boxes
from tests.bench.consensus import Score, compare, learn
from tests.bench.crowd import ALIKE, CARELESS, CLASSES, GOOD, MIXED, draw_crowd
from tests.examples import examples
from tests.review.people import HERE, THERE, box, moved, said

PLAIN = unknown_skills(["car", "van"])


def skill(miss: float, false: float, right: float = 0.95) -> Skill:
    confusion = ((right, 1 - right), (1 - right, right))
    return Skill(miss_rate=miss, false_boxes=false, confusion=confusion, edge_noise=0.03, questions=100)


EXPERTS = PLAIN.model_copy(
    update={
        "skills": {"ada": skill(0.02, 0.02, 0.99), "ben": skill(0.4, 0.5, 0.6), "chi": skill(0.4, 0.5, 0.6)},
    }
)


def agree(answers: list[PersonAnswer], skills: QueueSkills = PLAIN) -> Consensus:
    return agree_on_boxes([match_boxes("q", answers)], skills)[0]


@cache
def scores(people: str, seed: int, gold_share: float = 0.0) -> dict[str, Score]:
    return compare({"mixed": MIXED, "alike": ALIKE, "good": GOOD, "careless": CARELESS}[people], 200, seed, gold_share)


def test_no_questions_have_no_consensus() -> None:
    assert agree_on_boxes([], PLAIN) == []


def test_a_question_nobody_answered_may_hold_anything() -> None:
    alone = agree([])
    assert alone.boxes == ()
    assert alone.missed == pytest.approx(PLAIN.objects_per_question, rel=0.5)


def test_two_people_who_see_nothing_are_nearly_sure() -> None:
    empty = agree([said("ada"), said("ben")])
    assert empty.boxes == ()
    assert 0 < empty.missed < 0.02


def test_two_people_who_agree_are_sure_and_their_edges_meet_in_the_middle() -> None:
    both = agree([said("ada", HERE), said("ben", moved(HERE, 2))])
    (one,) = both.boxes
    assert one.x_min == pytest.approx(101)
    assert one.exists > 0.99
    assert one.drawn_by == ("ada", "ben")


def test_a_kept_proposal_keeps_its_id() -> None:
    drawn, kept = box(HERE, name="a1"), box(HERE, name="p7")
    assert agree([said("ada", drawn), said("ben", kept), said("chi", kept)]).boxes[0].region == "p7"


def test_one_expert_outvotes_two_who_are_careless() -> None:
    ada_sees = [said("ada", THERE), said("ben"), said("chi")]
    assert [one.drawn_by for one in agree(ada_sees, EXPERTS).boxes] == [("ada",)]
    assert agree(ada_sees).boxes == ()
    ada_does_not = [said("ada"), said("ben", THERE), said("chi", THERE)]
    assert agree(ada_does_not, EXPERTS).candidates[0].exists < agree(ada_does_not).candidates[0].exists


def test_the_class_is_the_experts_too() -> None:
    answers = [said("ada", box(HERE, "van")), said("ben", box(HERE, "car")), said("chi", box(HERE, "car"))]
    assert agree(answers, EXPERTS).boxes[0].class_name == "van"
    assert agree(answers).boxes[0].class_name == "car"


def test_a_box_of_one_among_three_is_in_doubt_and_left_out() -> None:
    lone = agree([said("ada", THERE), said("ben"), said("chi")])
    assert lone.boxes == ()
    assert lone.candidates[0].wrong == pytest.approx(lone.candidates[0].exists)


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(UnknownClass, match="'bus'"):
        agree([said("ada", box(HERE, "bus"))])


@given(st.permutations(["ada", "ben", "chi", "dina", "emre"]), st.integers(0, 19))
@settings(max_examples=examples(30), deadline=None)
def test_the_order_of_people_changes_nothing_to_the_last_bit(order: list[str], scene: int) -> None:
    answers = list(draw_crowd(MIXED, 20, seed=8).answers.values())[scene]
    by_name = {one.person: one for one in answers}
    assert agree([by_name[name] for name in order], MIXED_SKILLS) == agree(list(answers), MIXED_SKILLS)


@given(st.integers(0, 19), st.randoms(use_true_random=False))
@settings(max_examples=examples(20), deadline=None)
def test_people_of_whom_nothing_is_known_are_interchangeable(scene: int, chance: random.Random) -> None:
    answers = list(draw_crowd(MIXED, 20, seed=8).answers.values())[scene]
    names = [one.person for one in answers]
    chance.shuffle(names)
    swapped = [PersonAnswer(name, one.boxes) for name, one in zip(names, answers, strict=True)]
    before, after = agree(list(answers), UNKNOWN_SKILLS), agree(swapped, UNKNOWN_SKILLS)
    assert [one.exists for one in after.candidates] == pytest.approx([one.exists for one in before.candidates])
    assert [one.x_min for one in after.candidates] == pytest.approx([one.x_min for one in before.candidates])


MIXED_SKILLS = unknown_skills(CLASSES).model_copy(update={"skills": MIXED})
UNKNOWN_SKILLS = unknown_skills(CLASSES)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("people", ["mixed", "good"])
def test_weighted_consensus_beats_majority_and_the_best_single_person(people: str, seed: int) -> None:
    ways = scores(people, seed)
    assert ways["weighted"].f1 > max(ways["majority"].f1, ways["best person"].f1)
    assert ways["weighted"].iou > max(ways["majority"].iou, ways["best person"].iou)


def test_among_equals_it_loses_nothing_against_a_majority() -> None:
    ways = scores("alike", 0)
    assert ways["weighted"].f1 > ways["majority"].f1 - 0.002
    assert ways["weighted"].f1 > ways["best person"].f1


def test_one_good_person_among_four_careless_ones_is_found() -> None:
    # Four who miss half and confuse half have next to nothing to add to the fifth; a majority would ruin it.
    ways = scores("careless", 0)
    assert ways["weighted"].f1 > ways["majority"].f1 + 0.15
    assert ways["weighted"].f1 > ways["best person"].f1 - 0.02


def test_what_it_is_sure_of_is_right_as_often_as_it_says() -> None:
    crowd = draw_crowd(MIXED, 250, seed=12)
    skills = learn(crowd)
    agreed = agree_on_boxes(crowd.matched(), skills)
    believed, true = 0.0, 0
    for one, scene in zip(agreed, crowd.scenes, strict=True):
        believed += sum(candidate.exists for candidate in one.candidates) + one.missed
        true += len(scene.objects)
    assert believed == pytest.approx(true, rel=0.03)
