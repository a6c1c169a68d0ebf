"""Is the risk that a consensus states the share that is wrong? People of known slips answer; what settles is counted.

`python -m tests.bench.risk` lets two people (then more while in doubt) answer items whose truth is known, through the
comparers of boxes, spans and outlines, and prints per crowd what the settled ones say of themselves and what is true.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blocks.shapes import Polygon
from tasks.review.consensus.answer_groups import Group
from tasks.review.consensus.comparers.boxes import BOXES
from tasks.review.consensus.comparers.outlines import POLYGONS
from tasks.review.consensus.comparers.protocol import Comparer
from tasks.review.consensus.comparers.spans import SPANS
from tasks.review.consensus.overlap_rule import Slots, Step
from tasks.review.questions.kinds.correct import CorrectPayload
from tasks.review.questions.queue import Queue, mark_missed_queue, mark_spans_queue
from tasks.review.questions.queues.outlines import mark_outlines_queue
from tasks.review.questions.staffing import OverlapRule
from tests.review.consensus.comparers.groups import group_of

CLASSES = ("car", "van", "truck")
CLASS_SHARES = (0.6, 0.25, 0.15)
CELLS, COLUMNS, CELL_PX = 100, 10, 100
"""Places of an item that do not overlap: one object, or one false mark, has one."""

SPOTS = 4
"""Places of an item on which half of the false marks fall."""

ASKED = CorrectPayload(width=COLUMNS * CELL_PX, height=CELLS // COLUMNS * CELL_PX)


@dataclass(frozen=True, slots=True)
class Slips:
    """How one person answers."""

    miss: float
    """Share of the objects that they do not mark."""
    false: float
    """Marks around nothing, per item."""
    right: float = 0.97
    """How often they name the class."""


@dataclass(frozen=True, slots=True)
class World:
    """Items, and who answers them."""

    people: tuple[Slips, ...]
    items: int = 150
    objects: float = 3.0
    """Per item, on average."""
    crowded: bool = True
    """Whether some items have many objects and others none, or about as many each."""
    most: int = 3


@dataclass(frozen=True, slots=True)
class Risk:
    """What settled, of all seeds together."""

    items: int
    settled: int
    asked: int
    """Answers, over all items."""
    labels: int
    """In the settled items."""
    stated: float
    """Wrong labels in these, as the consensus expects them."""
    wrong: int
    """Wrong labels in these: too many, missing, or of a wrong class."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of answers: how it is drawn, and compared."""

    comparer: Comparer[Any]
    queue: Queue
    draw: Callable[[int, np.random.Generator], dict[str, Any]]
    """Returns what a person says who marks a cell."""
    cell: Callable[[Any], int]
    """Returns where a candidate is."""


def _box(cell: int, rng: np.random.Generator) -> dict[str, Any]:
    left, top = cell % COLUMNS * CELL_PX + 10, cell // COLUMNS * CELL_PX + 10
    edges = np.array([left, top, left + 60, top + 60]) + rng.normal(0, 1.5, 4).clip(-6, 6)
    return dict(zip(("x_min", "y_min", "x_max", "y_max"), edges.tolist(), strict=True))


def _polygon(cell: int, rng: np.random.Generator) -> dict[str, Any]:
    one = _box(cell, rng)
    corners = [
        (one[x], one[y]) for x, y in (("x_min", "y_min"), ("x_max", "y_min"), ("x_max", "y_max"), ("x_min", "y_max"))
    ]
    return {"shape": Polygon(points=tuple(corners)).model_dump(mode="json")}


def _cell_at(x: float, y: float) -> int:
    return int(y // CELL_PX) * COLUMNS + int(x // CELL_PX)


def _cell_of_polygon(one: Any) -> int:
    x_min, y_min, x_max, y_max = one.shape.bounds()
    return _cell_at((x_min + x_max) / 2, (y_min + y_max) / 2)


FORMS = {
    "boxes": Form(
        BOXES,
        mark_missed_queue(CLASSES),
        _box,
        lambda one: _cell_at((one.x_min + one.x_max) / 2, (one.y_min + one.y_max) / 2),
    ),
    "spans": Form(
        SPANS,
        mark_spans_queue(CLASSES),
        lambda cell, _: {"start": 10 * cell, "end": 10 * cell + 7},
        lambda one: int(one.start // 10),
    ),
    "outlines": Form(POLYGONS, mark_outlines_queue(CLASSES), _polygon, _cell_of_polygon),
}


class Drawn:
    """A world drawn by lot: what is there, and what everybody would say."""

    def __init__(self, world: World, form: Form, seed: int) -> None:
        self.world, self.form = world, form
        rng = np.random.default_rng(seed)
        rates = rng.gamma(2.0, world.objects / 2, world.items) if world.crowded else np.full(world.items, world.objects)
        self.truth = [_truth(int(min(rng.poisson(rate), CELLS // 2)), rng) for rate in rates]
        self.said = [self._answers(there, rng) for there in self.truth]
        self.order = [rng.permutation(len(world.people)) for _ in range(world.items)]

    def _answers(self, there: dict[int, str], rng: np.random.Generator) -> list[list[dict[str, Any]]]:
        free = rng.permutation([cell for cell in range(CELLS) if cell not in there])
        return [self._answer(one, there, free, rng) for one in self.world.people]

    def _answer(self, one: Slips, there: dict[int, str], free: Any, rng: np.random.Generator) -> list[dict[str, Any]]:
        marked = {
            cell: name if rng.random() < one.right else str(rng.choice([other for other in CLASSES if other != name]))
            for cell, name in there.items()
            if rng.random() >= one.miss
        }
        for _ in range(rng.poisson(one.false)):
            cell = int(rng.choice(free[:SPOTS] if rng.random() < 0.5 else free[SPOTS:]))
            marked[cell] = str(rng.choice(CLASSES, p=CLASS_SHARES))
        return [
            {"id": f"{cell}", "class_name": name, "untouched": False, **self.form.draw(cell, rng)}
            for cell, name in sorted(marked.items())
        ]

    def group(self, item: int, people: int) -> Group:
        """Return a question as the first so many people answered it."""
        said = {f"person {who}": self.said[item][who] for who in self.order[item][:people]}
        return group_of(ASKED, f"q{item:04}", **said)

    def settle(self) -> Risk:
        """Ask two people, and one more while in doubt."""
        world, comparer = self.world, self.form.comparer
        rule = OverlapRule(least=2, most=min(world.most, len(world.people)))
        asked = dict.fromkeys(range(world.items), 2)
        open_, labels, stated, wrong = set(asked), 0, 0.0, 0
        for people in range(2, rule.most + 1):
            groups = {item: self.group(item, count) for item, count in asked.items()}
            agreed = comparer.agree(self.form.queue, list(groups.values()), [], [])
            for item in sorted(open_):
                opinion = agreed[groups[item].id]
                step = comparer.next_step(opinion, Slots(people, people_left=rule.most - people), rule)
                if step.step is Step.SETTLED:
                    open_.remove(item)
                    found = {self.form.cell(one): one.class_name for one in opinion.candidates if one.is_there}
                    labels, stated = labels + len(found), stated + step.expected_wrong * max(len(found), 1)
                    wrong += len(dict(found.items() ^ self.truth[item].items()))
                elif people < rule.most:
                    asked[item] += 1
        return Risk(world.items, world.items - len(open_), sum(asked.values()), labels, stated, wrong)


def _truth(count: int, rng: np.random.Generator) -> dict[int, str]:
    cells = rng.choice(CELLS, count, replace=False)
    return {int(cell): str(rng.choice(CLASSES, p=CLASS_SHARES)) for cell in cells}


def settle(world: World, form: str, seeds: Sequence[int]) -> Risk:
    """Return what settles in a world, over some seeds."""
    runs = [Drawn(world, FORMS[form], seed).settle() for seed in seeds]
    return Risk(*(sum(getattr(run, name) for run in runs) for name in Risk.__slots__))


USUAL, CAREFUL, HASTY, GREEDY = Slips(0.1, 0.1), Slips(0.02, 0.03), Slips(0.35, 0.1, 0.9), Slips(0.05, 0.8, 0.9)
PAIR = World((USUAL, USUAL), most=2)
WORLDS = {
    "two usual people": PAIR,
    "two careful people": replace(PAIR, people=(CAREFUL, CAREFUL)),
    "two who miss a third": replace(PAIR, people=(HASTY, HASTY)),
    "two who mark too much": replace(PAIR, people=(GREEDY, GREEDY)),
    "one careful, one hasty": replace(PAIR, people=(CAREFUL, HASTY)),
    "one careful, one greedy": replace(PAIR, people=(CAREFUL, GREEDY)),
    "one hasty, one greedy": replace(PAIR, people=(HASTY, GREEDY)),
    "two, rare objects": replace(PAIR, objects=0.3),
    "two, many objects": replace(PAIR, objects=12.0, items=60),
    "two, as many each": replace(PAIR, crowded=False),
    "two, 20 items": replace(PAIR, items=20),
    "two, 400 items": replace(PAIR, items=400),
    "three usual people": World((USUAL,) * 3),
    "three of all sorts": World((CAREFUL, HASTY, GREEDY)),
    "three who mark too much": World((GREEDY,) * 3),
    "five usual people": World((USUAL,) * 5),
    "five of all sorts": World((USUAL, CAREFUL, HASTY, GREEDY, USUAL)),
    "five hasty people": World((HASTY,) * 5),
    "five, up to five": World((USUAL, CAREFUL, HASTY, GREEDY, USUAL), most=5),
}


def main(form: str = "boxes", seeds: int = 3, only: str = "") -> None:
    """Print the table."""
    print(f"{form:26} {'settled':>8} {'asked':>6} {'labels':>7} {'stated':>7} {'wrong':>7} {'ratio':>6}")
    for name, world in WORLDS.items():
        if only not in name:
            continue
        one = settle(world, form, range(seeds))
        labels = max(one.labels, 1)
        print(
            f"{name:26} {one.settled / one.items:8.0%} {one.asked / one.items:6.2f} {one.labels:7} "
            f"{one.stated / labels:7.2%} {one.wrong / labels:7.2%} {one.wrong / max(one.stated, 1e-9):6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(*(kind(given) for kind, given in zip((str, int, str), sys.argv[1:], strict=False)))
