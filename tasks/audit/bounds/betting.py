"""How sure audits make us: a bet against the claim that too much is wrong, valid at every look and for clustered boxes.

The claim to refute is "of all accepted boxes a share `rate` or more is wrong". A draw (an item, or a single box) brings
`judged` accepted boxes of which `wrong` are wrong; the claim says that the deviation `wrong - rate * judged` is on
average not negative. A gambler who stakes a share of his wealth against it multiplies it by `1 - stake * deviation` at
every draw: if the claim holds he cannot expect to gain, so his wealth ever reaches 1/δ with probability δ at most
(Ville's inequality). Why this and nothing else:

- The unit is the draw. Nothing is assumed of how the boxes of an item depend on each other. Clopper-Pearson over the
  boxes of whole items assumes that they do not, and breaks its promise when they do.
- The error rate is a ratio of sums over items: what a user of the labels meets. A mean of per-item rates is another
  number when crowded items are worse.
- It holds at every look, and audits never stop; what was proven at one draw stays proven. The price is small: 178
  single boxes with nothing wrong prove 2 % at 95 %; Clopper-Pearson with one look allowed needs 149. Hoeffding's bound
  would need 3,745: it ignores that errors are rare.
- Every test of a bounded mean that is valid at all times and cannot be improved is such a bet; what is open is the
  stake. Fixed stakes, mixed, need no tuning.
- Without replacement from a known population (`population`), the claim fixes what the remaining draws must average.

Assumed: draws are random from what they speak of (a batch), or independent and alike (a stream of items).

Source:
    Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024, and "Confidence
    sequences for sampling without replacement", NeurIPS 2020; Waudby-Smith, Stark and Ramdas, "RiLACS", 2021.
"""

import numpy as np
from scipy.special import logsumexp

from tasks.audit.bounds.evidence import Floats

BET_SIZES = (0.99, 0.75, 0.5, 0.25)
"""Stakes as shares of the largest safe one. For single boxes, 1 - p/rate is best when a share p is wrong."""
BET_WEIGHTS = (0.4, 0.3, 0.2, 0.1)
"""Wealth at the start by stake: most on nearly error-free detectors, the only ones that a threshold pays for."""
MOST_DRAWS = 10_000_000
"""Above this, "so many more audits" is no advice."""


def log_evidence_below(
    wrong: Floats,
    judged: Floats,
    rate: Floats | float,
    largest: Floats | float,
    population: Floats | float | None = None,
) -> Floats:
    """Return the most that the gambler ever had against "a share `rate` or more is wrong" (log of his wealth).

    Args:
        wrong: Shape (..., n), wrong boxes of each draw, in drawing order. n may be 0: the wealth is 1.
        judged: Shape (..., n), accepted boxes of each draw; draws with 0 are no draws and change nothing.
        rate: The claim, above 0 and below 1; a number, or shape (...).
        largest: The most boxes that a draw can bring; a number, or shape (...).
        population: How many draws with accepted boxes there are at all, drawn without replacement; None: a stream.

    Returns:
        Shape (...); log(1/δ) or more refutes the claim with confidence 1 - δ. Infinite where it has become impossible.
    """
    path = log_wealth(wrong, judged, rate, largest, population)
    if population is None:
        return np.asarray(path.max(axis=-1, initial=0.0))
    rate_ = np.asarray(rate, float)
    left = np.asarray(population, float) - (judged > 0).sum(-1)
    still_possible = (wrong - rate_[..., None] * judged).sum(-1) + left * (1 - rate_) * np.asarray(largest, float)
    return np.where(still_possible < -1e-9, np.inf, path.max(axis=-1, initial=0.0))


def log_wealth(
    wrong: Floats,
    judged: Floats,
    rate: Floats | float,
    largest: Floats | float,
    population: Floats | float | None = None,
) -> Floats:
    """Return the log of the gambler's wealth after every draw, shape (..., n); arguments as in `log_evidence_below`."""
    rate_, largest_ = np.asarray(rate, float)[..., None], np.asarray(largest, float)[..., None]
    deviation = wrong - rate_ * judged
    is_draw = judged > 0
    expected = np.zeros_like(deviation)
    if population is not None:
        left = np.asarray(population, float)[..., None] - (np.cumsum(is_draw, -1) - is_draw)
        before = np.cumsum(deviation, -1) - deviation
        expected = np.where(left > 0, -before / np.maximum(left, 1), 0.0)
    room = (1 - rate_) * largest_ - expected
    playable = is_draw & (room > 1e-12)
    surprise = np.where(playable, (deviation - expected) / np.where(playable, room, 1.0), 0.0)
    paths = [np.cumsum(np.log1p(-bet * surprise), axis=-1) + np.log(share) for bet, share in _bets()]
    return np.asarray(logsumexp(np.stack(paths), axis=0)) if deviation.shape[-1] else deviation


def upper_bound(wrong: Floats, judged: Floats, delta: float, largest: float, population: float | None = None) -> float:
    """Return the share that is wrong at most, with confidence 1 - δ, at every look.

    Args:
        wrong: Shape (n,), see `log_evidence_below`.
        judged: Shape (n,).
        delta: Allowed probability of a broken promise.
        largest: The most boxes of a draw.
        population: See `log_evidence_below`.

    Returns:
        The smallest share that is refuted, never below the one observed; 1.0 where nothing is (no draws, all wrong).
    """
    needed = np.log(1 / delta)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if log_evidence_below(wrong, judged, middle, largest, population) >= needed:
            high = middle
        else:
            low = middle
    return max(high, float(wrong.sum() / max(judged.sum(), 1)))


def log_evidence_above(wrong: Floats, judged: Floats, rate: float, largest: float) -> Floats:
    """Return the log wealth, after every draw, of a gambler against "at most a share `rate` is wrong".

    He spreads his bets over the draw at which things went bad, since most detectors do not fail on the first day.

    Args:
        wrong: Shape (n,), wrong boxes of each draw, in drawing order.
        judged: Shape (n,), boxes of each draw, at most `largest`.
        rate: The promise.
        largest: The most boxes of a draw.

    Returns:
        Shape (n,). The chance that it ever reaches log(1/α) while the promise holds is at most α.

    Source:
        Shin, Ramdas and Rinaldo, "E-detectors", New England Journal of Statistics in Data Science 2024.
    """
    if not len(judged):
        return np.empty(0)
    stakes = np.geomspace(0.5, 0.5 / rate, 6) / largest
    growth = np.cumsum(np.log1p(stakes[:, None] * (wrong - rate * judged)), axis=1)
    draw = np.arange(len(judged))
    begun = -np.log((draw + 1.0) * (draw + 2.0))  # wealth set aside for "it began at this draw"; all of it sums to 1
    before = np.concatenate([np.zeros((len(stakes), 1)), growth[:, :-1]], axis=1)
    wealth = growth + np.logaddexp.accumulate(begun - before, axis=1)
    unspent = -np.log(draw + 2.0)
    return np.asarray(np.logaddexp(logsumexp(wealth, axis=0) - np.log(len(stakes)), unspent))


def draws_needed(wrong: Floats, judged: Floats, rate: float, largest: float, delta: float) -> int | None:
    """Estimate how many draws it takes in all to refute "a share `rate` or more is wrong", if they go on as they began.

    Args:
        wrong: Shape (n,). With n = 0, full draws without a wrong box are imagined: then it is the least it can take.
        judged: Shape (n,).
        rate: The claim.
        largest: The most boxes of a draw.
        delta: Allowed probability of a broken promise.

    Returns:
        The number of draws, or None where more audits of this detector would not help: too much is wrong.
    """
    is_draw = judged > 0
    deviation = (wrong - rate * judged)[is_draw] if is_draw.any() else np.array([-rate * largest])
    surprise = deviation / ((1 - rate) * largest)
    growth = np.array([np.log1p(-bet * surprise).mean() for bet, _ in _bets()])
    start = np.log([share for _, share in _bets()])
    low, high = 0, MOST_DRAWS
    if np.logaddexp.reduce(start + high * growth) < np.log(1 / delta):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if np.logaddexp.reduce(start + middle * growth) >= np.log(1 / delta) else (middle, high)
        )
    return high


def _bets() -> list[tuple[float, float]]:
    return list(zip(BET_SIZES, BET_WEIGHTS, strict=True))
