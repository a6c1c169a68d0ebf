"""Is the risk that a consensus of choices states the share that is wrong? People of known slips choose a class.

`python -m tests.bench.risk_choices` lets two of some people (then more while in doubt) answer questions whose truth is
known, and prints per crowd what the settled ones say of themselves and what is true: by one best estimate of
everybody's confusions (before), and as the comparer of choices does it (now).
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.review.consensus.choice_consensus import ChoiceConsensus, Chosen, agree_on_choices
from tasks.review.consensus.dawid_skene import Ints
from tasks.review.consensus.overlap_rule import Slots, Step, next_step_of_choice
from tasks.review.questions.staffing import OverlapRule
from tests.bench.one_estimate import agree_by_one_estimate
from tests.bench.risk import Risk

Agree = Callable[[Sequence[Chosen], Sequence[str]], Mapping[str, ChoiceConsensus]]


@dataclass(frozen=True, slots=True)
class Quiz:
    """Questions, and who answers them."""

    right: tuple[float, ...] = (0.92, 0.92)
    """How often each person names the true class, in the mean over the classes."""
    classes: int = 5
    questions: int = 300
    rarest: float = 1.0
    """How frequent the last class is beside the first; those between fall evenly."""
    alike: float = 0.5
    """Share of the wrong choices that fall on the class that looks like the true one; the others fall on any."""
    most: int = 2
    hard: float = 0.5
    """Standard deviation, in log odds, of how hard classes are for a person."""


class DrawnQuiz:
    """a quiz drawn by lot: what is true, and what everybody would say."""

    def __init__(self, world: Quiz, seed: int) -> None:
        self.world = world
        rng = np.random.default_rng(seed)
        size = world.classes
        self.names = [f"class {number}" for number in range(size)]
        shares = np.geomspace(1.0, world.rarest, size)
        self.truth: Ints = rng.choice(size, world.questions, p=shares / shares.sum())
        twin = (np.arange(size) + 1) % size
        self.said = np.zeros((world.questions, len(world.right)), int)
        for who, right in enumerate(world.right):
            odds = np.log(right / (1 - right)) + rng.normal(0, world.hard, size)
            good = rng.random(world.questions) < (1 / (1 + np.exp(-odds)))[self.truth]
            any_other = (self.truth + rng.integers(1, size, world.questions)) % size
            wrong = np.where(rng.random(world.questions) < world.alike, twin[self.truth], any_other)
            self.said[:, who] = np.where(good, self.truth, wrong)
        self.order = np.array([rng.permutation(len(world.right)) for _ in range(world.questions)])

    def settle(self, agree: Agree) -> Risk:
        """Ask two people, and one more while in doubt."""
        world = self.world
        rule = OverlapRule(least=2, most=min(world.most, len(world.right)))
        asked = dict.fromkeys(range(world.questions), 2)
        open_, stated, wrong = set(asked), 0.0, 0
        for people in range(2, rule.most + 1):
            agreed = agree([one for item, count in asked.items() for one in self._chosen(item, count)], self.names)
            for item in sorted(open_):
                opinion = agreed[f"q{item:05}"]
                step = next_step_of_choice(opinion, Slots(people, people_left=rule.most - people), rule)
                if step.step is Step.SETTLED:
                    open_.remove(item)
                    stated, wrong = stated + step.expected_wrong, wrong + (opinion.choice != self._true(item))
                elif people < rule.most:
                    asked[item] += 1
        settled = world.questions - len(open_)
        return Risk(world.questions, settled, sum(asked.values()), settled, stated, wrong)

    def _true(self, item: int) -> str:
        return self.names[int(self.truth[item])]

    def _chosen(self, item: int, people: int) -> list[Chosen]:
        who = self.order[item][:people]
        return [Chosen(f"q{item:05}", f"person {one}", self.names[self.said[item, one]]) for one in who]


def settle(world: Quiz, agree: Agree, seeds: Sequence[int]) -> Risk:
    """Return what settles in a world, over some seeds."""
    runs = [DrawnQuiz(world, seed).settle(agree) for seed in seeds]
    return Risk(*(sum(getattr(run, name) for run in runs) for name in Risk.__slots__))


USUAL, CAREFUL, HASTY = 0.92, 0.98, 0.75
PAIR = Quiz()
WORLDS = {
    "two usual": PAIR,
    "two careful": replace(PAIR, right=(CAREFUL,) * 2),
    "two hasty": replace(PAIR, right=(HASTY,) * 2),
    "one careful, one hasty": replace(PAIR, right=(CAREFUL, HASTY)),
    "two usual, 10 questions": replace(PAIR, questions=10),
    "two usual, 30 questions": replace(PAIR, questions=30),
    "two careful, 10 questions": replace(PAIR, right=(CAREFUL,) * 2, questions=10),
    "two hasty, 10 questions": replace(PAIR, right=(HASTY,) * 2, questions=10),
    "two usual, 3,000 questions": replace(PAIR, questions=3000),
    "two usual, 2 classes": replace(PAIR, classes=2),
    "two usual, 2 classes, 2 % rare": replace(PAIR, classes=2, rarest=0.02),
    "two careful, 2 classes, 2 % rare": replace(PAIR, classes=2, rarest=0.02, right=(CAREFUL,) * 2),
    "two careful, 2 classes": replace(PAIR, classes=2, right=(CAREFUL,) * 2),
    "two usual, 5 classes, 2 % rare": replace(PAIR, rarest=0.02),
    "two usual, 30 classes": replace(PAIR, classes=30),
    "two usual, 200 classes": replace(PAIR, classes=200),
    "two usual, 200 classes, 1 % rare": replace(PAIR, classes=200, rarest=0.01),
    "two hasty, 200 classes": replace(PAIR, classes=200, right=(HASTY,) * 2),
    "pairs of three usual": replace(PAIR, right=(USUAL,) * 3),
    "pairs of three, one each": replace(PAIR, right=(CAREFUL, USUAL, HASTY)),
    "pairs of three, 2 classes": replace(PAIR, right=(CAREFUL, USUAL, HASTY), classes=2),
    "pairs of three, 200 classes": replace(PAIR, right=(CAREFUL, USUAL, HASTY), classes=200),
    "three usual": replace(PAIR, right=(USUAL,) * 3, most=3),
    "three, one each": replace(PAIR, right=(CAREFUL, USUAL, HASTY), most=3),
    "three hasty": replace(PAIR, right=(HASTY,) * 3, most=3),
    "three usual, 2 classes": replace(PAIR, right=(USUAL,) * 3, most=3, classes=2),
    "three usual, 200 classes": replace(PAIR, right=(USUAL,) * 3, most=3, classes=200),
    "five usual": replace(PAIR, right=(USUAL,) * 5, most=3),
    "five of all sorts": replace(PAIR, right=(CAREFUL, USUAL, USUAL, HASTY, HASTY), most=3),
    "five of all sorts, 2 classes": replace(PAIR, right=(CAREFUL, USUAL, USUAL, HASTY, HASTY), most=3, classes=2),
    "five hasty": replace(PAIR, right=(HASTY,) * 5, most=5),
}


def main(seeds: int = 5, only: str = "") -> None:
    """Print the table."""
    heads = ("settled", "asked", "stated", "wrong")
    print(
        f"{'':34}" + "   ".join(f"{head:^16}" for head in heads) + "\n" + " " * 34 + "  before →    now  " * len(heads)
    )
    for name, world in WORLDS.items():
        if only not in name:
            continue
        many = max(1, 1000 * seeds // (5 * world.questions))
        both = [settle(world, agree, range(max(many, seeds))) for agree in (agree_by_one_estimate, agree_on_choices)]
        told = [
            (
                f"{one.settled / one.items:.0%}",
                f"{one.asked / one.items:.2f}",
                f"{one.stated / max(one.labels, 1):.2%}",
                f"{one.wrong / max(one.labels, 1):.2%} {one.wrong}/{one.labels}",
            )
            for one in both
        ]
        print(f"{name:34}" + "  ".join(f"{was:>7} → {now:>7}" for was, now in zip(*told, strict=True)), flush=True)


if __name__ == "__main__":
    main(*(kind(given) for kind, given in zip((int, str), sys.argv[1:], strict=False)))
