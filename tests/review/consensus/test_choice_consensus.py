"""Which kind a box is, from several people's choices."""

import numpy as np
import pytest

from blocks.errors import UnknownClass
from tasks.review.consensus.choice_consensus import Chosen, agree_on_choices

KINDS = ("golf", "polo", "up")


def chosen(question: str, **choices: str | None) -> list[Chosen]:
    return [Chosen(question, person, choice) for person, choice in choices.items()]


def test_no_choices_have_no_consensus() -> None:
    assert agree_on_choices([], KINDS) == {}


def test_people_who_agree_are_believed() -> None:
    agreed = agree_on_choices(chosen("q", ada="polo", ben="polo"), KINDS)["q"]
    assert agreed.choice == "polo"
    assert agreed.ranking[0][1] > 0.95
    assert agreed.people == ("ada", "ben")


def test_who_cannot_tell_says_nothing_against_who_can() -> None:
    agreed = agree_on_choices(chosen("q", ada="polo", ben=None, chi=None), KINDS)["q"]
    assert agreed.choice == "polo"
    assert agreed.cannot_tell == 2


def test_nobody_can_tell() -> None:
    agreed = agree_on_choices(chosen("q", ada=None, ben=None), KINDS)["q"]
    assert agreed.choice is None


def test_a_choice_that_is_not_offered_is_refused() -> None:
    with pytest.raises(UnknownClass, match="'gold'"):
        agree_on_choices(chosen("q", ada="gold"), KINDS)


def test_experts_are_found_and_outvote_a_majority_of_guessers() -> None:
    rng = np.random.default_rng(2)
    skills = {"ada": 0.9, "ben": 0.85, "chi": 0.75, "dina": 0.6, "emre": 0.5}
    truth = rng.choice(KINDS, 800)
    said = [
        Chosen(f"q{n}", person, str(true if rng.random() < right else rng.choice([k for k in KINDS if k != true])))
        for n, true in enumerate(truth)
        for person, right in skills.items()
    ]
    agreed = agree_on_choices(said, KINDS)
    right = np.mean([agreed[f"q{n}"].choice == true for n, true in enumerate(truth)])
    best = np.mean([one.choice == truth[int(one.question_id[1:])] for one in said if one.person == "ada"])
    votes = [[one.choice for one in said[5 * n : 5 * n + 5]] for n in range(800)]
    majority = np.mean([max(sorted(set(v)), key=v.count) == true for v, true in zip(votes, truth, strict=True)])
    assert right > max(best, majority)


def test_the_order_of_answers_changes_nothing() -> None:
    said = chosen("q1", ada="polo", ben="up") + chosen("q2", ada="golf", ben="golf")
    assert agree_on_choices(said, KINDS) == agree_on_choices(said[::-1], KINDS)


def test_earlier_questions_tell_how_people_choose_and_have_no_consensus_of_their_own() -> None:
    # Chi is always with Ben; Ada is, half of the time, with nobody: she is the one who errs.
    earlier = [
        one
        for number in range(90)
        for true in [KINDS[number % 3]]
        for one in chosen(f"old {number}", ada=KINDS[number // 3 % 3] if number % 2 else true, ben=true, chi=true)
    ]
    torn = chosen("q", ada="polo", ben="up")
    alone, informed = agree_on_choices(torn, KINDS), agree_on_choices(torn, KINDS, earlier)
    assert set(informed) == {"q"}
    assert alone["q"].ranking[0][1] < 0.9
    assert informed["q"].choice == "up"
    assert informed["q"].ranking[0][1] > 0.9
