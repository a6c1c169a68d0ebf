"""Do certified thresholds keep their promise, and do they accept anything? Many worlds with a known error rate.

In a world, a hidden state of each item (its light, its crowd) makes all its boxes better or worse: within an item,
wrong boxes are beta-binomial with correlation ρ, and crowded items are worse. `python -m tests.bench.thresholds` prints
the table, and below it why a threshold is proven by boxes of its own batch and not by those of earlier ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.stats import beta

from tasks.audit.bounds.across_batches import BatchSample, wrong_together
from tasks.audit.bounds.certify import Promise, certify
from tasks.audit.bounds.evidence import Flags, Floats, Ints, JudgedSample, SampleUnit
from tasks.audit.bounds.sampling import draw_order, draw_share
from tasks.audit.bounds.scope import Scope, Stream, WholeBatch
from tasks.audit.bounds.thresholds import ThresholdGrid

LEVELS = np.linspace(0.025, 0.975, 39)
STATES = 48
SMALL, LARGE = (2, 9), (14, 24)
"""Boxes of a small item and of a crowded one, both ends included."""

CURVES: Mapping[str, Callable[[Floats], Floats]] = {
    "perfect": lambda scores: np.full_like(scores, 1e-6),
    "good": lambda scores: np.full_like(scores, 0.004),
    "mostly good": lambda scores: 0.3 * (1 - scores) ** 3,
    "usable": lambda scores: 0.25 * (1 - scores) ** 1.5,
    "just too bad": lambda scores: np.full_like(scores, 0.0201),
    "upside down": lambda scores: 0.001 + 0.03 * scores**4,
    "bad": lambda scores: 0.4 * (1 - scores) + 0.02,
}
"""Share of wrong boxes by score."""


@dataclass(frozen=True, slots=True)
class World:
    """A detector and its pictures: how scores, crowds and errors go together."""

    level_weight: Floats
    """Shape (levels,), sums to 1."""
    wrong_share: Floats
    """Shape (levels, states), probability that a box is wrong by score level and state of its item."""
    crowded: Floats
    """Shape (states,), probability that an item is crowded."""

    def true_rate(self, threshold: float) -> float:
        """Return the exact share of wrong boxes among all boxes at or above a threshold."""
        size = np.mean(SMALL) * (1 - self.crowded) + np.mean(LARGE) * self.crowded
        taken = self.level_weight * (threshold - 1e-9 <= LEVELS)
        by_state = taken @ self.wrong_share / taken.sum()
        return float(by_state @ size / size.sum())

    def draw(self, items: int, rng: np.random.Generator) -> tuple[Ints, Floats, Flags]:
        """Draw items; returns the item, score and wrongness of each of their boxes, shapes (boxes,)."""
        state = rng.integers(STATES, size=items)
        crowded = rng.random(items) < self.crowded[state]
        sizes = np.where(
            crowded, rng.integers(*LARGE, items, endpoint=True), rng.integers(*SMALL, items, endpoint=True)
        )
        item = np.repeat(np.arange(items), sizes)
        level = rng.choice(len(LEVELS), size=len(item), p=self.level_weight)
        wrong = rng.random(len(item)) < self.wrong_share[level, state[item]]
        return item.astype(np.int64), LEVELS[level].astype(np.float64), wrong

    def on_a_day(self, rng: np.random.Generator, states: int) -> "World":
        """Return the world as it is on one day: of all the states of items only so many neighbouring ones occur."""
        first = int(rng.integers(len(self.crowded) - states + 1))
        today = first + np.arange(len(self.crowded)) % states
        return replace(self, wrong_share=self.wrong_share[:, today], crowded=self.crowded[today])


@lru_cache(maxsize=64)
def build_world(curve: str, correlation: float) -> World:
    """Build the world with a curve of `CURVES` and a correlation of wrong boxes within an item, 0 to below 1."""
    places = (np.arange(STATES) + 0.5) / STATES
    mean = CURVES[curve](LEVELS.astype(np.float64))
    weight = LEVELS**1.5
    crowded = 0.1 + 0.5 * places
    if correlation == 0:
        share = np.repeat(mean[:, None], STATES, axis=1)
    else:
        total = 1 / correlation - 1
        share = beta.ppf(places[None, :], mean[:, None] * total, (1 - mean[:, None]) * total)
        # the quantile grid misses a little of the tail: bring the mean back to the curve where that stays below 1
        share *= np.minimum(mean / np.maximum(share.mean(axis=1), 1e-12), 1 / np.maximum(share.max(axis=1), 1e-12))[
            :, None
        ]
    return World(weight / weight.sum(), share, crowded)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of many worlds of one kind."""

    worlds: int
    broken: int
    """Worlds in which, at any look, a threshold was certified whose true error is above ε."""
    accepted: float
    """Mean share of boxes accepted at the last look."""
    oracle: float
    """Mean share that somebody who knows the true error would accept."""

    @property
    def power(self) -> float:
        """Share of what the oracle accepts; 1 where it accepts nothing."""
        return self.accepted / self.oracle if self.oracle else 1.0


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """How a stream is audited: after which numbers of items somebody looks, and what share of each item is judged."""

    looks: tuple[int, ...]
    share: float


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How a batch is audited: of how many items it is, and after which numbers of judged boxes somebody looks."""

    items: int
    looks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EarlierPlan:
    """How a batch is accepted by what was judged in others: how many, of how many items, boxes judged in each."""

    batches: int
    items: int
    judged: int
    states_a_day: int
    """Each batch is of one day; with all `STATES` every day is like any other."""


WHOLE_ITEMS = StreamPlan(looks=(150, 300, 600), share=1.0)
ONE_BOX_EACH = StreamPlan(looks=(400, 800, 1600), share=1 / LARGE[1])
SINGLE_BOXES = BatchPlan(items=300, looks=(150, 300, 600))
ALIKE_DAYS = EarlierPlan(batches=10, items=120, judged=300, states_a_day=STATES)
OTHER_DAYS = replace(ALIKE_DAYS, states_a_day=STATES // 3)


def stream_outcome(plan: StreamPlan, curve: str, correlation: float, worlds: int, seed: int) -> Outcome:
    """Audit items of a stream as they come, looking after given numbers of items."""
    world, promise = build_world(curve, correlation), Promise()
    rng = np.random.default_rng(seed)
    grid = ThresholdGrid.of(rng.choice(LEVELS, 20_000, p=world.level_weight))
    rates = np.array([world.true_rate(threshold) for threshold in grid.thresholds])
    shares = np.array([world.level_weight[threshold - 1e-9 <= LEVELS].sum() for threshold in grid.thresholds])
    scope = Stream(largest_draw=int(np.ceil(LARGE[1] * plan.share - 1e-9)))
    broken, accepted = 0, 0.0
    for _ in range(worlds):
        item, scores, wrong = world.draw(plan.looks[-1], rng)
        drawn = draw_share(item.tolist(), plan.share, rng)
        places = []
        for look in plan.looks:
            seen = drawn[item[drawn] < look]
            evidence = JudgedSample.of(item[seen].tolist(), scores[seen], wrong[seen], SampleUnit.ITEMS)
            places.append(_place(evidence, grid, promise, scope))
        broken += any(place is not None and rates[place] > promise.max_error_rate for place in places)
        accepted += 0.0 if places[-1] is None else float(shares[places[-1]])
    oracle = shares[rates <= promise.max_error_rate].max(initial=0.0)
    return Outcome(worlds, broken, accepted / worlds, float(oracle))


def batch_outcome(plan: BatchPlan, curve: str, correlation: float, worlds: int, seed: int) -> Outcome:
    """Audit single boxes of a batch, looking after given numbers of boxes; the truth is that of the batch itself."""
    world, promise = build_world(curve, correlation), Promise()
    rng = np.random.default_rng(seed)
    broken, accepted, oracle = 0, 0.0, 0.0
    for _ in range(worlds):
        item, scores, wrong = world.draw(plan.items, rng)
        batch = WholeBatch.of(item.tolist(), scores)
        grid = ThresholdGrid.of(scores)
        rates = np.array([wrong[scores >= threshold].mean() for threshold in grid.thresholds])
        shares = np.array([(scores >= threshold).mean() for threshold in grid.thresholds])
        drawn = draw_order(len(item), rng)
        places = []
        for look in plan.looks:
            seen = drawn[:look]
            evidence = JudgedSample.of(item[seen].tolist(), scores[seen], wrong[seen], SampleUnit.BOXES)
            places.append(_place(evidence, grid, promise, batch))
        broken += any(place is not None and rates[place] > promise.max_error_rate for place in places)
        accepted += 0.0 if places[-1] is None else float(shares[places[-1]])
        oracle += float(shares[rates <= promise.max_error_rate].max(initial=0.0))
    return Outcome(worlds, broken, accepted / worlds, oracle / worlds)


@dataclass(frozen=True, slots=True)
class Together:
    """What is stated of the boxes accepted in several batches together, over many worlds."""

    worlds: int
    broken: int
    """Worlds in which more of them were wrong than stated."""
    at_most: float
    """Mean share that is wrong at most, as stated; 0 where no batch has a threshold."""
    true: float
    """Mean share that is wrong."""


def together_outcome(plan: BatchPlan, batches: int, curve: str, worlds: int, seed: int) -> Together:
    """Certify thresholds of several batches, each of another day, and state how much is wrong in all they accept."""
    world, promise = build_world(curve, 0.3), Promise()
    rng = np.random.default_rng(seed)
    stated, true = [], []
    for _ in range(worlds):
        parts, wrong_in_all = [], 0
        for _ in range(batches):
            item, scores, wrong = world.on_a_day(rng, STATES // 3).draw(plan.items, rng)
            drawn = draw_order(len(item), rng)[: plan.looks[-1]]
            evidence = JudgedSample.of(item[drawn].tolist(), scores[drawn], wrong[drawn], SampleUnit.BOXES)
            scope = WholeBatch.of(item.tolist(), scores)
            threshold = certify("car", [evidence], ThresholdGrid.of(scores), promise, scope)
            if threshold.accept_from is not None:
                taken, seen = scores >= threshold.accept_from, scores[drawn] >= threshold.accept_from
                parts.append(BatchSample(wrong[drawn][seen].astype(np.float64), int(taken.sum())))
                wrong_in_all += int(wrong[taken].sum())
        accepted = max(sum(part.population for part in parts), 1)
        stated.append(wrong_together(parts, promise.delta, batches - len(parts)) / accepted)
        true.append(wrong_in_all / accepted)
    broken = sum(share > most for share, most in zip(true, stated, strict=True))
    return Together(worlds, broken, float(np.mean(stated)), float(np.mean(true)))


def earlier_outcome(plan: EarlierPlan, curve: str, correlation: float, worlds: int, seed: int) -> Outcome:
    """Accept of a batch what boxes judged in earlier batches would prove if they were its own: what we do not do."""
    world, promise = build_world(curve, correlation), Promise()
    rng = np.random.default_rng(seed)
    grid = ThresholdGrid.of(rng.choice(LEVELS, 20_000, p=world.level_weight))
    broken, accepted, oracle = 0, 0.0, 0.0
    for _ in range(worlds):
        parts = []
        for _ in range(plan.batches):
            item, scores, wrong = world.on_a_day(rng, plan.states_a_day).draw(plan.items, rng)
            drawn = draw_order(len(item), rng)[: plan.judged]
            parts.append((scores[drawn], wrong[drawn]))
        judged, said = (np.concatenate(column) for column in zip(*parts, strict=True))
        evidence = JudgedSample.of([f"box {n}" for n in range(len(judged))], judged, said, SampleUnit.ITEMS)
        place = _place(evidence, grid, promise, Stream(largest_draw=1))
        _, scores, wrong = world.on_a_day(rng, plan.states_a_day).draw(plan.items, rng)
        taken = [scores >= threshold for threshold in grid.thresholds]
        keeps = [bool(wrong[mask].mean() <= promise.max_error_rate) for mask in taken]
        broken += place is not None and not keeps[place]
        accepted += 0.0 if place is None else float(taken[place].mean())
        oracle += max((float(mask.mean()) for mask, kept in zip(taken, keeps, strict=True) if kept), default=0.0)
    return Outcome(worlds, broken, accepted / worlds, oracle / worlds)


def _place(evidence: JudgedSample, grid: ThresholdGrid, promise: Promise, scope: Scope) -> int | None:
    threshold = certify("car", [evidence], grid, promise, scope)
    return None if threshold.accept_from is None else int(np.flatnonzero(grid.thresholds == threshold.accept_from)[0])


def main(worlds: int = 300) -> None:
    """Print how often the promise was broken, and how much was accepted, for every kind of world."""
    promise = Promise()
    promised = f"ε = {promise.max_error_rate:.0%}, δ = {promise.delta:.0%}"
    print(f"{promised}, {worlds} worlds a cell; broken / accepted / oracle")
    print(f"{'':19} | {'stream, whole items':>21} | {'stream, 1 box an item':>21} | batch, single boxes")
    plans = f"{'600 items, 6000 boxes':>21} | {'1600 items, 680 boxes':>21} | 600 boxes"
    print(f"{'detector':13} {'corr.':>5} | {plans}")
    for curve in CURVES:
        for correlation in (0.0, 0.1, 0.4):
            outcomes = (
                stream_outcome(WHOLE_ITEMS, curve, correlation, worlds, seed=1),
                stream_outcome(ONE_BOX_EACH, curve, correlation, worlds, seed=2),
                batch_outcome(SINGLE_BOXES, curve, correlation, worlds, seed=3),
            )
            cells = (f"{one.broken / worlds:6.1%}{one.accepted:7.1%} {one.oracle:7.1%}" for one in outcomes)
            print(f"{curve:13} {correlation:5.1f} | {' | '.join(cells)}", flush=True)
    print("all that ten batches of unlike days accept: more wrong than stated / stated at 95 % / wrong")
    for curve in ("perfect", "good", "mostly good"):
        found = together_outcome(SINGLE_BOXES, 10, curve, worlds, seed=6)
        print(f"{curve:13}  0.3 | {found.broken / worlds:6.1%}{found.at_most:7.2%} {found.true:7.2%}", flush=True)
    print("accepted by what was judged in ten earlier batches, days alike | days unlike: what we do not do")
    for curve in ("good", "mostly good", "usable"):
        earlier = (earlier_outcome(plan, curve, 0.4, worlds, seed=4) for plan in (ALIKE_DAYS, OTHER_DAYS))
        cells = (f"{one.broken / worlds:6.1%}{one.accepted:7.1%} {one.oracle:7.1%}" for one in earlier)
        print(f"{curve:13} {0.4:5.1f} | {' | '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
