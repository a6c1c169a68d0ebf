"""Which kind a box is, from several people's choices."""

import numpy as np
import pytest

from blocks.errors import UnknownClass
from tasks.review.consensus.choice_consensus import Chosen, agree_on_choices, learn_choosers, unknown_choosers

KINDS = ("golf", "polo", "up")


def chosen(question: str, **choices: str | None) -> list[Chosen]:
    return [Chosen(question, person, choice) for person, choice in choices.items()]


def test_no_choices_have_no_consensus() -> None:
    assert agree_on_choices([], unknown_choosers(KINDS)) == {}
    assert learn_choosers([], KINDS) == unknown_choosers(KINDS)


def test_people_who_agree_are_believed() -> None:
    agreed = agree_on_choices(chosen("q", ada="polo", ben="polo"), unknown_choosers(KINDS))["q"]
    assert agreed.choice == "polo"
    assert agreed.ranking[0][1] > 0.95
    assert agreed.people == ("ada", "ben")


def test_who_cannot_tell_says_nothing_against_who_can() -> None:
    agreed = agree_on_choices(chosen("q", ada="polo", ben=None, chi=None), unknown_choosers(KINDS))["q"]
    assert agreed.choice == "polo"
    assert agreed.cannot_tell == 2


def test_nobody_can_tell() -> None:
    agreed = agree_on_choices(chosen("q", ada=None, ben=None), unknown_choosers(KINDS))["q"]
    assert agreed.choice is None


def test_a_choice_that_is_not_offered_is_refused() -> None:
    with pytest.raises(UnknownClass, match="'gold'"):
        agree_on_choices(chosen("q", ada="gold"), unknown_choosers(KINDS))


def test_experts_are_found_and_outvote_a_majority_of_guessers() -> None:
    rng = np.random.default_rng(2)
    skills = {"ada": 0.9, "ben": 0.85, "chi": 0.75, "dina": 0.6, "emre": 0.5}
    truth = rng.choice(KINDS, 800)
    said = [
        Chosen(f"q{n}", person, str(true if rng.random() < right else rng.choice([k for k in KINDS if k != true])))
        for n, true in enumerate(truth)
        for person, right in skills.items()
    ]
    choosers = learn_choosers(said, KINDS)
    for person, right in skills.items():
        assert choosers.right_share(person) == pytest.approx(right, abs=0.05)
    agreed = agree_on_choices(said, choosers)
    right = np.mean([agreed[f"q{n}"].choice == true for n, true in enumerate(truth)])
    best = np.mean([one.choice == truth[int(one.question_id[1:])] for one in said if one.person == "ada"])
    votes = [[one.choice for one in said[5 * n : 5 * n + 5]] for n in range(800)]
    majority = np.mean([max(sorted(set(v)), key=v.count) == true for v, true in zip(votes, truth, strict=True)])
    assert right > max(best, majority)


def test_the_order_of_answers_changes_nothing() -> None:
    said = chosen("q1", ada="polo", ben="up") + chosen("q2", ada="golf", ben="golf")
    assert learn_choosers(said, KINDS) == learn_choosers(said[::-1], KINDS)
    assert agree_on_choices(said, unknown_choosers(KINDS)) == agree_on_choices(said[::-1], unknown_choosers(KINDS))
