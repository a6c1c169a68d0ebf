"""People of known skill answer drawn scenes; what is learnt of them, without truth, must be what they are."""

from functools import cache

import numpy as np
import pytest

from blocks.errors import UnknownClass
from tasks.review.consensus.annotator_skill import (
    QueueSkills,
    Skill,
    faultless,
    learn_skills,
    unknown_skills,
)
from tasks.review.consensus.box_matching import match_boxes
from tasks.review.consensus.skill.rates import EXPECTED_MISS
from tests.bench.consensus import learn, skill_error
from tests.bench.crowd import CLASSES, GOOD, MIXED, draw_crowd
from tests.review.people import HERE, THERE, box, said


@cache
def mixed_skills() -> QueueSkills:
    return learn(draw_crowd(MIXED, 1500, seed=3))


def test_of_nobody_nothing_is_learnt() -> None:
    assert learn_skills([], CLASSES) == unknown_skills(CLASSES)


def test_questions_without_answers_teach_nothing() -> None:
    assert learn_skills([match_boxes("q", [])], CLASSES) == unknown_skills(CLASSES)


def test_one_question_moves_nobody_far_from_what_is_expected() -> None:
    skills = learn_skills([match_boxes("q", [said("ada", HERE), said("ben")])], ["car"])
    assert skills.skill_of("ada").miss_rate == pytest.approx(EXPECTED_MISS, abs=0.05)
    assert skills.skill_of("ben").miss_rate == pytest.approx(EXPECTED_MISS, abs=0.1)


def test_empty_pictures_on_which_all_agree_are_fine() -> None:
    skills = learn_skills([match_boxes(f"q{n}", [said("ada"), said("ben")]) for n in range(50)], ["car"])
    assert skills.objects_per_question < 0.2
    assert skills.skill_of("ada").false_boxes < 0.05


def test_a_class_that_nobody_knows_is_refused_with_a_hint() -> None:
    with pytest.raises(UnknownClass, match="'carr'"):
        learn_skills([match_boxes("q", [said("ada", box(HERE, "carr"))])], ["car"])


@pytest.mark.parametrize("what", ["miss rate", "false boxes", "confusion", "edge noise"])
def test_skills_are_recovered_within_a_twentieth_without_any_truth(what: str) -> None:
    assert skill_error(draw_crowd(MIXED, 0, seed=3), mixed_skills())[what] < 0.05


def test_a_newcomer_is_expected_to_be_like_the_others() -> None:
    newcomer = mixed_skills().skill_of("somebody new")
    rates = [true.miss_rate for true in MIXED.values()]
    assert newcomer.miss_rate == pytest.approx(np.mean(rates), abs=0.03)
    assert newcomer.questions == 0


def test_who_answered_first_changes_nothing_to_the_last_bit() -> None:
    crowd = draw_crowd(MIXED, 40, seed=5)
    forth = [match_boxes(name, answers) for name, answers in crowd.answers.items()]
    back = [match_boxes(name, answers[::-1]) for name, answers in crowd.answers.items()]
    assert learn_skills(forth, CLASSES) == learn_skills(back, CLASSES)


def test_people_with_other_names_have_the_same_skills() -> None:
    crowd = draw_crowd(MIXED, 60, seed=6)
    renamed = {"ada": "zoe", "emre": "abe"}
    other = [
        match_boxes(name, [type(one)(renamed.get(one.person, one.person), one.boxes) for one in answers])
        for name, answers in crowd.answers.items()
    ]
    before, after = learn_skills(crowd.matched(), CLASSES), learn_skills(other, CLASSES)
    for old in MIXED:
        now = after.skill_of(renamed.get(old, old))
        assert now.miss_rate == pytest.approx(before.skill_of(old).miss_rate, abs=1e-6)
        assert now.edge_noise == pytest.approx(before.skill_of(old).edge_noise, abs=1e-6)


def test_a_known_truth_tells_two_people_apart_who_always_answer_together() -> None:
    truth = faultless(["car"])
    questions = [
        match_boxes(f"q{n}", [said("ada", HERE, THERE), said("ben", HERE), said("(truth)", HERE, THERE)])
        for n in range(60)
    ]
    skills = learn_skills(questions, ["car"], {"(truth)": truth})
    assert skills.skill_of("ada").miss_rate < 0.08
    assert skills.skill_of("ben").miss_rate == pytest.approx(0.5, abs=0.06)
    assert skills.skill_of("(truth)").miss_rate == 0.0


def test_somebody_who_draws_around_nothing_is_found_out() -> None:
    questions = [
        match_boxes(f"q{n}", [said("ada", HERE), said("ben", HERE), said("chi", HERE, THERE if n % 2 else HERE)])
        for n in range(1, 80, 2)
    ]
    skills = learn_skills(questions, ["car"])
    assert skills.skill_of("chi").false_boxes > 0.7
    assert skills.skill_of("ada").miss_rate < 0.1


def test_good_people_are_recognised_as_good() -> None:
    crowd = draw_crowd(GOOD, 250, seed=9)
    skills = learn(crowd)
    assert max(skills.skill_of(name).miss_rate for name in GOOD) < 0.1
    assert skill_error(crowd, skills)["miss rate"] < 0.05


def test_skills_travel_as_json() -> None:
    skills = unknown_skills(CLASSES)
    assert QueueSkills.model_validate_json(skills.model_dump_json()) == skills
    assert Skill.model_validate_json(MIXED["ada"].model_dump_json()) == MIXED["ada"]
