"""Whether things have changed: inputs, by the energy distance of embeddings; agreement, by a difference of means.

Both are tested by permutation (scipy). Frames of one sequence look alike, so where both sides have sequences enough,
whole sequences are exchanged; where not, single items are, and the report says that such a p-value comes out too small.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import OtherModelVersion
from tasks.monitor.judged import JudgedItem
from tasks.monitor.options import MonitorOptions

Floats = NDArray[np.float64]

LEAST_SEQUENCES = 5
"""On each side: with 5 and 5 the smallest possible p-value is 1/252."""


class Drift(BaseModel):
    """A difference between then and now, and how likely chance alone makes one so large."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    before: int = Field(description="items")
    now: int = Field(description="items")
    distance: float | None = Field(description="None: not enough evidence")
    p_value: float | None = None
    unit: Literal["items", "sequences"] = "items"
    alarm: bool = False
    words: str


def input_drift(
    before: Floats, now: Floats, sequences: tuple[Sequence[str], Sequence[str]], options: MonitorOptions
) -> Drift:
    """Test whether images look different than before, by the energy distance of their embeddings' directions.

    Args:
        before: Shape (n, d), finite. n may be 0.
        now: Shape (m, d), finite. m may be 0.
        sequences: The sequence of each image, before and now.
        options: Least items, permutations, alarm.

    Raises:
        OtherModelVersion: The vectors are of different lengths, so of different models.

    Source:
        Székely and Rizzo, "Energy statistics: a class of statistics based on distances", 2013, with a permutation test.
    """
    from scipy.spatial.distance import cdist

    if len(before) and len(now) and before.shape[1] != now.shape[1]:
        raise OtherModelVersion(
            f"embeddings of {before.shape[1]} and of {now.shape[1]} numbers cannot be compared: they are of different "
            "models; scan the earlier images with the present detector first"
        )
    sides = (len(before), len(now))
    if min(sides) < options.least_items:
        return _unknown("inputs", sides, options)
    both = _unit(np.concatenate([before, now]))
    distances = cdist(both, both)

    def energy(is_now: NDArray[np.bool_]) -> float:
        across = distances[np.ix_(~is_now, is_now)].mean()
        within = distances[np.ix_(~is_now, ~is_now)].mean() + distances[np.ix_(is_now, is_now)].mean()
        return float(2 * across - within)

    return _tested("inputs", energy, sides, sequences, options)


def agreement_drift(judged: Sequence[JudgedItem], options: MonitorOptions) -> Drift:
    """Test whether people agree with the detector as before: the later half of items against the earlier half.

    Agreement of an item is 2 × right / (proposed + objects) (Dice); items with neither say nothing. Blind items only.

    Args:
        judged: In the order in which people answered, of one detector version.
        options: Score from which proposals count, least items, permutations, alarm.
    """
    found = [(item, *item.found(options.show_score)) for item in judged if item.blind]
    dice = [(item, 2 * right / (proposed + objects)) for item, proposed, right, objects in found if proposed + objects]
    half = len(dice) // 2
    sides = (half, len(dice) - half)
    if min(sides) < options.least_items:
        return _unknown("agreement", sides, options)
    values = np.array([value for _, value in dice])
    names = [item.sequence for item, _ in dice]

    def difference(is_now: NDArray[np.bool_]) -> float:
        return float(abs(values[is_now].mean() - values[~is_now].mean()))

    drift = _tested("agreement", difference, sides, (names[:half], names[half:]), options)
    then, now = values[:half].mean(), values[half:].mean()
    return drift.model_copy(update={"words": f"agreement {then:.3f}, then {now:.3f}: {drift.words}"})


def _tested(
    what: str,
    statistic: Callable[[NDArray[np.bool_]], float],
    sides: tuple[int, int],
    sequences: tuple[Sequence[str], Sequence[str]],
    options: MonitorOptions,
) -> Drift:
    """Run the permutation test of a statistic that takes a mask of the items that are now."""
    from scipy.stats import permutation_test

    groups, unit = _groups(sides, sequences)
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    first = np.unique(codes[: sides[0]])
    second = np.setdiff1d(np.arange(len(names)), first)

    def of_groups(_before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
        return float(statistic(np.isin(codes, now)))

    rng = np.random.default_rng(options.seed)
    found = permutation_test(
        (first, second),
        of_groups,
        permutation_type="independent",
        n_resamples=options.resamples,
        alternative="greater",
        rng=rng,
    )
    p_value = float(found.pvalue)
    alarm = p_value < options.alarm_p
    caution = "" if unit == "sequences" else "; items of one sequence are alike, so p is too small"
    words = f"{'changed' if alarm else 'no change shown'}, p = {p_value:.3g} over {unit}{caution}"
    return Drift(
        what=what,
        before=sides[0],
        now=sides[1],
        distance=float(found.statistic),
        p_value=p_value,
        unit=unit,
        alarm=alarm,
        words=words,
    )


def _groups(
    sides: tuple[int, int], sequences: tuple[Sequence[str], Sequence[str]]
) -> tuple[list[str], Literal["items", "sequences"]]:
    before, now = (set(names) for names in sequences)
    if min(len(before), len(now)) >= LEAST_SEQUENCES and not before & now:
        return [*sequences[0], *sequences[1]], "sequences"
    return [f"{place:09d}" for place in range(sum(sides))], "items"


def _unknown(what: str, sides: tuple[int, int], options: MonitorOptions) -> Drift:
    words = f"not enough evidence: {sides[0]} items then and {sides[1]} now, {options.least_items} of each are needed"
    return Drift(what=what, before=sides[0], now=sides[1], distance=None, words=words)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
