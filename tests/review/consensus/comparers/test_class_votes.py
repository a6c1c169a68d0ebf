"""What is believed of ticked classes, on people whose slips are drawn: what is said to be sure is as often right."""

from typing import Any

import numpy as np
import pytest

from blocks.errors import UnknownClass
from tasks.review.consensus.answer_groups import Group
from tasks.review.consensus.comparers.class_votes import believe_in_classes, learn_tickers, unknown_tickers
from tasks.review.consensus.comparers.classes import SETS_OF_CLASSES, ClassesConsensus, match_classes
from tasks.review.consensus.overlap_rule import Slots, Step
from tasks.review.questions.kinds.choose_several import ClassesPayload
from tasks.review.questions.queue import Queue
from tasks.review.questions.queues.classes import choose_classes_queue
from tasks.review.questions.staffing import OverlapRule
from tests.review.consensus.comparers.groups import group_of

PEOPLE = ("ada", "ben", "cy", "dan", "eve")
ITEMS, SEEDS = 300, 2
RULE = OverlapRule(least=2, most=3)
FREQUENT = {"two frequent": (0.9, 0.8), "three rare": (0.3, 0.3, 0.3), "three of all sorts": (0.7, 0.6, 0.5)}


def ticked(*names: str) -> list[dict[str, Any]]:
    return [{"class_name": name, "untouched": False} for name in names]


class Line:
    """Items of which two people of five are asked, and a third where that is called for."""

    def __init__(self, shares: tuple[float, ...], seed: int, miss: float = 0.1, false: float = 0.05) -> None:
        draw = np.random.default_rng(seed)
        self.names = [f"class {number}" for number in range(len(shares))]
        self.queue: Queue = choose_classes_queue(self.names)
        self.truth = draw.random((ITEMS, len(shares))) < shares
        chance = np.where(self.truth, 1 - miss, false)
        self.said = draw.random((ITEMS, len(PEOPLE), len(shares))) < chance[:, None]
        self.order = [draw.permutation(len(PEOPLE)) for _ in range(ITEMS)]

    def group(self, item: int, people: int) -> Group:
        names = {PEOPLE[who]: ticked(*self.named(self.said[item, who])) for who in self.order[item][:people]}
        return group_of(ClassesPayload(options=self.names), f"q{item:03}", **names)

    def named(self, holds: Any) -> list[str]:
        return [name for name, one in zip(self.names, holds, strict=True) if one]

    def is_wrong(self, item: int, opinion: ClassesConsensus) -> bool:
        return [one.class_name for one in opinion.found] != self.named(self.truth[item])

    def settle(self) -> dict[int, tuple[int, ClassesConsensus]]:
        """Return, of each item that settles, how many answered and what they come to."""
        settled: dict[int, tuple[int, ClassesConsensus]] = {}
        asked = dict.fromkeys(range(ITEMS), 2)
        for people in (2, 3):
            groups = {item: self.group(item, count) for item, count in asked.items()}
            agreed = SETS_OF_CLASSES.agree(self.queue, list(groups.values()), [], [])
            for item in [item for item in asked if item not in settled]:
                opinion = agreed[groups[item].id]
                if SETS_OF_CLASSES.next_step(opinion, Slots(people), RULE).step is Step.SETTLED:
                    settled[item] = people, opinion
                else:
                    asked[item] = 3
        return settled


def expected_wrong(opinion: ClassesConsensus) -> float:
    """Return how many classes of a consensus are wrong, as it says itself."""
    return opinion.missed + sum(one.wrong for one in opinion.candidates)


@pytest.mark.parametrize("shares", FREQUENT.values(), ids=FREQUENT)
def test_what_settles_is_as_often_wrong_as_is_said(shares: tuple[float, ...]) -> None:
    stated, wrong, count = 0.0, 0, 0
    for seed in range(SEEDS):
        line = Line(shares, seed)
        settled = line.settle()
        assert any(people == 3 for people, _ in settled.values()), "nobody was asked a third time"
        stated += sum(expected_wrong(opinion) for _, opinion in settled.values())
        wrong += sum(line.is_wrong(item, opinion) for item, (_, opinion) in settled.items())
        count += len(settled)
    print(f"{count} of {SEEDS * ITEMS} settled, {wrong / count:.1%} wrong, {stated / count:.1%} stated")
    assert count > 0.6 * SEEDS * ITEMS
    assert wrong / count < 0.06
    assert stated / 2 < wrong < 2 * stated


def test_people_and_classes_are_learnt_where_three_answer() -> None:
    line = Line((0.7, 0.4, 0.1), seed=5, miss=0.2, false=0.03)
    groups = [line.group(item, 3) for item in range(ITEMS)]
    learnt = learn_tickers([match_classes(one.id, one.counted) for one in groups], line.names)
    assert learnt.newcomer.miss == pytest.approx(0.2, abs=0.04)
    assert learnt.newcomer.false == pytest.approx(0.03, abs=0.02)
    assert learnt.shares == pytest.approx((0.7, 0.4, 0.1), abs=0.06)


def test_only_classes_that_there_are_can_be_missed() -> None:
    only = choose_classes_queue(("a",))
    group = group_of(ClassesPayload(options=["a"]), ada=ticked("a"))
    assert SETS_OF_CLASSES.agree(only, [group], [], [])[group.id].missed == 0.0


def test_classes_that_nobody_ever_ticked_are_hardly_expected() -> None:
    names = ["a", *(f"never {number}" for number in range(40))]
    groups = [group_of(ClassesPayload(options=names), f"q{number}", ada=ticked("a"), ben=[]) for number in range(60)]
    matched = [match_classes(one.id, one.counted) for one in groups]
    beliefs = believe_in_classes(matched, learn_tickers(matched, names))
    assert beliefs.shape == (60, 41)
    assert beliefs[:, 1:].sum(axis=1).max() < 0.01


def test_without_answers_nothing_is_learnt_and_an_unknown_class_is_refused() -> None:
    assert learn_tickers([], ("a", "b")) == unknown_tickers(("a", "b"))
    matched = match_classes("q", group_of(ClassesPayload(options=["a"]), ada=ticked("z")).counted)
    with pytest.raises(UnknownClass, match="'z'"):
        learn_tickers([matched], ("a", "b"))
    with pytest.raises(UnknownClass, match="'z'"):
        believe_in_classes([matched], unknown_tickers(("a", "b")))
