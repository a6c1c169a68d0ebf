"""What the thresholds of several batches come to together: of all boxes accepted in them, how many are wrong at most.

Each threshold has its own chance δ of being broken, so of ten of them one may well be, and "each at most 2 %" holds for
all of them together with hardly any confidence. But the evidence adds up. Against any claim of how many are wrong in
each batch the gamblers of `betting.py` play independent games, and the product of their wealth is a fair game too: the
claims that it does not refute hold the truth with confidence 1 - δ, and the largest sum among them is the bound.
Nothing is assumed of the batches: neither that they are alike, nor that one detector saw them.

A threshold's score was chosen by what was judged. So each gambler splits his stake beforehand among all thresholds that
may be chosen, and "none", which is what a batch without a threshold has chosen; this is what `CHOSEN` and `NONE` cost.

Source:
    Vovk and Wang, "E-values: calibration, combination and applications", Annals of Statistics 2021, for the product.
    The largest sum is bounded from above by Lagrange's weak duality, so that no search can miss it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blocks.errors import BadInput
from tasks.audit.bounds.betting import log_wealth
from tasks.audit.bounds.evidence import Floats
from tasks.audit.bounds.thresholds import SHARES

STAKE_ON_NONE = 0.25
NONE = float(-np.log(STAKE_ON_NONE))
CHOSEN = float(-np.log((1 - STAKE_ON_NONE) / len(SHARES)))

STEPS = 120
"""Numbers of wrong boxes that are looked at in each batch, close together where few are wrong; between two of them the
worse is taken."""


@dataclass(frozen=True, slots=True)
class BatchSample:
    """The accepted boxes of one batch, and what people said of those that were drawn from them."""

    wrong: Floats
    """Shape (n,), 0 or 1, in drawing order."""
    population: int
    """How many boxes the threshold accepts, those drawn included."""


def wrong_together(parts: Sequence[BatchSample], delta: float, without_threshold: int = 0) -> int:
    """Bound how many of the boxes accepted in several batches are wrong.

    Args:
        parts: Of each batch with a threshold. May be empty: nothing is wrong of nothing.
        delta: Allowed probability that more are wrong, of all batches together.
        without_threshold: How many other batches were judged and got no threshold: they might have been chosen as well.

    Returns:
        Boxes, at least the wrong ones that were seen, and at most all but the right ones that were seen.

    Raises:
        BadInput: More was drawn of a batch than it has.
    """
    curves = [_curve(part) for part in parts]
    budget = np.log(1 / delta) + len(parts) * CHOSEN + without_threshold * NONE
    most = sum(int(wrong[-1]) for wrong, _ in curves)
    # Each price of evidence gives a bound that holds; the best price gives the best of them.
    bounds = [
        sum(float((wrong - price * strength).max()) for wrong, strength in curves) + price * budget
        for price in np.geomspace(1e-3, max(most, 1) + 1.0, 120)
    ]
    return min(most, int(np.floor(min(bounds) + 1e-9)))


def _curve(part: BatchSample) -> tuple[Floats, Floats]:
    """Return numbers of wrong boxes, rising, and how strongly each, or any from the one before on, is refuted."""
    seen, drawn = int(part.wrong.sum()), len(part.wrong)
    most = part.population - (drawn - seen)
    if most < seen:
        raise BadInput(
            f"{drawn} boxes were drawn of {part.population} that a threshold accepts; expected as many at most"
        )
    highs = np.unique((seen + (most - seen) * np.linspace(0, 1, STEPS) ** 3).round().astype(np.int64))
    lows = np.concatenate([highs[:1], highs[:-1] + 1])
    rates = np.clip(lows / max(part.population, 1), 1e-12, 1 - 1e-9)
    if not drawn:
        return highs.astype(np.float64), np.zeros(len(highs))
    wealth = log_wealth(part.wrong, np.ones(drawn), rates, 1.0, np.full(len(lows), float(part.population)))[:, -1]
    return highs.astype(np.float64), np.minimum.accumulate(wealth[::-1])[::-1]
