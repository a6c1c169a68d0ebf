"""Answers that nobody else gave tell nothing of people, and are never turned around: people of known slips.

Learnt from as others are, one person's 200 answers of two classes all came out as the class they had not named.
"""

import numpy as np
import pytest

from tasks.review.consensus.choice_consensus import ChoiceConsensus, Chosen, agree_on_choices
from tasks.review.consensus.overlap_rule import Slots, Step, next_step_of_choice
from tasks.review.questions.staffing import OverlapRule

RIGHT, SPREAD = 0.92, 0.5
"""How often people are right, and by how much that differs by person and class, in log odds."""

LOTS = range(9_000, 9_006)
"""Seeds on which nothing was chosen."""


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("questions", [1, 10, 100, 1_000])
@pytest.mark.parametrize("people", [1, 2])
def test_one_answer_a_question_is_what_comes_out_and_as_sure_as_it_was_expected(
    people: int, questions: int, classes: int
) -> None:
    names = [f"class {number}" for number in range(classes)]
    said = [Chosen(f"q{n}", f"person {n % people}", names[n * 7 % classes]) for n in range(questions)]
    agreed = agree_on_choices(said, names)
    (alone,) = agree_on_choices([Chosen("q0", "person 0", names[0])], names).values()
    for one in said:
        mine = agreed[one.question_id]
        assert mine.ranking[0][0] == mine.choice == one.choice
        assert mine.wrong == pytest.approx(alone.wrong, abs=0.01), "no more is known of it than of a first answer"
    assert 0.08 < alone.wrong < 0.17


@pytest.mark.parametrize(
    "shares", [(0.5, 0.5), (0.9, 0.1), (1 / 3,) * 3, (0.1,) * 10], ids=["2", "2 uneven", "3", "10"]
)
@pytest.mark.parametrize("twice", [0.0, 0.01, 0.05, 0.1, 0.2, 1.0])
@pytest.mark.parametrize("people", [2, 3])
def test_where_some_are_answered_twice_as_much_is_wrong_as_is_said(
    people: int, twice: float, shares: tuple[float, ...]
) -> None:
    counted: dict[int, list[tuple[bool, float]]] = {1: [], 2: []}
    for seed in LOTS:
        said, truth = _answers(np.random.default_rng(seed), people, twice, shares)
        answers: dict[str, list[str | None]] = {}
        for one in said:
            answers.setdefault(one.question_id, []).append(one.choice)
        for name, mine in agree_on_choices(said, [f"class {number}" for number in range(len(shares))]).items():
            assert mine.choice in answers[name], "nobody said so"
            counted[len(answers[name])].append((mine.choice != truth[name], mine.wrong))
    for answered, some in counted.items():
        if not some:
            continue
        wrong, stated = np.sum(some, axis=0)
        noise = 2 * np.sqrt(max(stated, 1.0))
        print(f"{len(some)} answered {answered} times: {wrong:.0f} wrong, {stated:.1f} stated")
        assert wrong < 1.3 * stated + noise, "more than is said"
        assert wrong > 0.5 * stated - noise, "much less than is said"


def test_two_who_always_agree_are_never_taken_for_two_who_are_always_wrong() -> None:
    names = ("car", "van")
    said = [Chosen(f"q{n}", who, names[n % 2]) for n in range(3_000) for who in ("ada", "ben")]
    agreed = agree_on_choices(said, names)
    assert all(agreed[one.question_id].choice == one.choice for one in said)
    assert max(one.wrong for one in agreed.values()) < 0.05


def test_what_nobody_named_does_not_settle_though_it_is_more_probable() -> None:
    opinion = ChoiceConsensus("q", ("ada",), (("car", 0.7), ("van", 0.3)), 0, frozenset({"van"}))
    assert opinion.choice == "van"
    assert opinion.wrong == pytest.approx(0.7)
    rule = OverlapRule(least=1, most=2, tolerated=0.4)
    assert next_step_of_choice(opinion, Slots(1, people_left=1), rule).step is Step.ASK_MORE
    # One answer of a rare class, of people who are often wrong: the frequent class is more probable, and not settled.
    said, _ = _answers(np.random.default_rng(1), 3, 1.0, (0.98, 0.02), right=0.75)
    (mine,) = agree_on_choices([Chosen("new", "person 0", "class 1")], ["class 0", "class 1"], said).values()
    assert mine.ranking[0][0] == "class 0"
    assert mine.choice == "class 1"
    assert mine.wrong > 0.5


def _answers(
    rng: np.random.Generator, people: int, twice: float, shares: tuple[float, ...], right: float = RIGHT
) -> tuple[list[Chosen], dict[str, str]]:
    """Return what people say of 200 questions, half of the mistakes on a lookalike, and what is true."""
    size = len(shares)
    odds = np.log(right / (1 - right)) + rng.normal(0, SPREAD, (people, size))
    said, truth = [], {}
    for number in range(200):
        true, name = int(rng.choice(size, p=shares)), f"q{number:03}"
        truth[name] = f"class {true}"
        for who in rng.choice(people, 1 + (rng.random() < twice), replace=False):
            far = 1 if rng.random() < 0.5 else int(rng.integers(1, size))
            is_right = rng.random() < 1 / (1 + np.exp(-odds[who, true]))
            said.append(Chosen(name, f"person {who}", f"class {true if is_right else (true + far) % size}"))
    return said, truth
