"""Certified pages: of all sure items that rounds let onto pages, how many are wrong at most.

Each round has a frame, the items from a threshold on, set before any of them is judged. A random sample of it is asked
one by one, without suggestions; what is left comes onto pages if the frames shown so far, this one included, are then
certified together. Of W wrong items in a frame a sample of a share f meets X, and E exp(-sX) <= (1 - f(1 - exp(-s)))^W
for every stake s, since draws without replacement are negatively associated. So the product over rounds of
exp(-sX) / (1 - f(1 - exp(-s)))^W is a fair game at best, however each next frame was chosen by what was seen before: it
ever reaches 1/δ with probability δ at most (Ville's inequality), also for a mixture of stakes. The claims of how many
are wrong that are not refuted hold the truth at every look.

Against `across_batches.py`: there each batch pays for stakes of its own and for a choice among eleven thresholds; here
all rounds share one mixture, and each has one threshold, so that a few dozen judgements say something. A frame that is
not certified is not shown and ends a series: what was proven of those before it stands, and those after it are proven
on their own, with a part of δ that was kept for that. One bad frame so costs later ones some draws, and no more.

Source:
    Joag-Dev and Proschan, "Negative association of random variables", Annals of Statistics 1983; Waudby-Smith and
    Ramdas, "Confidence sequences for sampling without replacement", NeurIPS 2020, for the setting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from blocks.errors import BadInput
from tasks.audit.bounds.certify import Promise
from tasks.audit.bounds.evidence import Floats

STAKES = np.array([np.inf, 2.0, 1.0, 0.5])
WEIGHTS = np.array([0.6, 0.2, 0.1, 0.1])
"""Of the stakes; most on the one that wins where nothing wrong is met. Chosen for samples of 50 to 400."""

MOST_WRONG = 6
"""Ways to draw are looked for that allow fewer wrong ones than this."""

KEPT = 0.2
"""Share of what is left of δ that a series leaves to those after it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The sure items of one round, and what was said of those drawn from them.

    Attributes:
        population: Items, those drawn included; 1 or more.
        drawn: Of these, asked one by one; 1 or more.
        wrong: Of those drawn, how many are of another class than was suggested, or were not answered.
        is_shown: Whether the others came onto pages.
    """

    population: int
    drawn: int
    wrong: int
    is_shown: bool = True

    def __post_init__(self) -> None:
        if not (0 < self.drawn <= self.population and 0 <= self.wrong <= self.drawn):
            raise BadInput(f"{self.wrong} wrong of {self.drawn} drawn from {self.population} items does not add up")

    @property
    def on_pages(self) -> int:
        """Items that came onto pages."""
        return self.population - self.drawn if self.is_shown else 0

    @property
    def price(self) -> Floats:
        """How strongly each wrong item of it speaks against the claim, by stake."""
        share = self.drawn / self.population
        return np.asarray(-np.log(np.maximum(1 + share * np.expm1(-STAKES), 1e-300)))

    @property
    def known(self) -> Floats:
        """What is left of the wealth, by stake, with no other wrong items in it than were met; the log of it."""
        return np.asarray(-self.wrong * (STAKES - self.price) if self.wrong else np.zeros(len(STAKES)))


def wrong_on_pages(frames: Sequence[Frame], delta: float) -> int:
    """Bound how many of the items that came onto pages are wrong, whether people took them off or not.

    Args:
        frames: Of all rounds so far, also those that were not shown. May be empty: nothing is wrong of nothing.
        delta: Allowed probability that there are ever more.
    """
    found = 0
    for series in _series(frames):
        found, delta = found + _wrong_in_series(series, (1 - KEPT) * delta), KEPT * delta
    return found


def is_certified(frames: Sequence[Frame], promise: Promise) -> bool:
    """Say whether the last frame may come onto pages: the promise holds of its series, and so of all series together.

    Args:
        frames: Of all rounds so far, the one that is decided last, as one that is shown.
        promise: ε and δ.
    """
    *earlier, last = _series(frames)
    most = sum(frame.on_pages for frame in last)
    delta = (1 - KEPT) * KEPT ** len(earlier) * promise.delta
    return bool(most) and _wrong_in_series(last, delta) <= promise.max_error_rate * most


def _series(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Return the frames that were shown, in series that end where one was not; the last may be empty."""
    found: list[list[Frame]] = [[]]
    for frame in frames:
        if frame.is_shown:
            found[-1].append(frame)
        else:
            found.append([])
    return found


def _wrong_in_series(frames: Sequence[Frame], delta: float) -> int:
    strength, needed, found = np.log(WEIGHTS) + sum(frame.known for frame in frames), np.log(1 / delta), 0
    for frame in sorted(frames, key=lambda one: one.drawn / one.population):
        # The worst claim has its wrong items where the smallest share was drawn.
        low, high = 0, frame.on_pages + 1
        while high - low > 1:
            middle = (low + high) // 2
            refuted = np.logaddexp.reduce(strength + middle * frame.price) >= needed
            low, high = (low, middle) if refuted else (middle, high)
        found, strength = found + low, strength + low * frame.price
    return found


def draws_to_certify(earlier: Sequence[Frame], population: int, wrong: int, promise: Promise) -> int | None:
    """Return how many items of a new frame must be drawn for it to come onto pages, if so many of them are wrong.

    Args:
        earlier: Frames of the rounds before.
        population: Items of the new one.
        wrong: Expected among those drawn.
        promise: ε and δ.

    Returns:
        None where even half of it would not do.
    """
    low, high = max(wrong, 1) - 1, population // 2

    def is_enough(drawn: int) -> bool:
        return is_certified([*earlier, Frame(population, drawn, wrong)], promise)

    if high <= low or not is_enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def ways_to_certify(
    earlier: Sequence[Frame], population: int, wrong_share: float, promise: Promise
) -> list[tuple[int, float]]:
    """Return how many items of a new frame may be drawn, and with which chance it is then certified.

    Args:
        earlier: Frames of the rounds before.
        population: Items of the new one.
        wrong_share: Expected share of wrong ones, 0 to 1.
        promise: ε and δ.

    Returns:
        Fewest draws first, those that allow none to be wrong; more draws allow more. Empty where none would do.
    """
    ways: list[tuple[int, float]] = []
    while len(ways) < MOST_WRONG and (drawn := draws_to_certify(earlier, population, len(ways), promise)) is not None:
        ways.append((drawn, float(binom.cdf(len(ways), drawn, min(wrong_share, 1.0)))))
    return ways
