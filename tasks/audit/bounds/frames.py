"""Certified pages: of all sure items that rounds let onto pages, how many are wrong at most.

Each round has a frame, the items from a threshold on, set before any of them is judged. A random sample of it is asked
one by one, without suggestions; what is left comes onto pages if the frames shown so far, this one included, are then
certified together. Of W wrong items in a frame a sample of a share f meets X, and E exp(-sX) <= (1 - f(1 - exp(-s)))^W
for every stake s, since draws without replacement are negatively associated. So the product over rounds of
exp(-sX) / (1 - f(1 - exp(-s)))^W is a fair game at best, however each next frame was chosen by what was seen before: it
ever reaches 1/δ with probability δ at most (Ville's inequality), also for a mixture of stakes. The claims of how many
are wrong that are not refuted hold the truth at every look.

Against `across_batches.py`: there each batch pays for stakes of its own and for a choice among eleven thresholds; here
all rounds share one mixture, and each has one threshold, so that a few dozen judgements say something. Whether a frame
is shown depends on what was met in it, so of his wealth the gambler lays a part aside before each, which is left to him
where it is not shown: what was met there is paid for once and forgotten.

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

SLACK = 0.8
"""Draws are planned for so much of δ, so that what is laid aside for the frames after it is there."""

ASIDE = 0.1
"""Share of the wealth that is laid aside before each frame, and all that is sure to be left where it is not shown."""


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
        met = np.log(1 - ASIDE) - (self.wrong * (STAKES - self.price) if self.wrong else 0.0)
        return np.asarray(met if self.is_shown else np.logaddexp(np.log(ASIDE), met))


def wrong_on_pages(frames: Sequence[Frame], delta: float) -> int:
    """Bound how many of the items that came onto pages are wrong, whether people took them off or not.

    Args:
        frames: Of all rounds so far, also those that were not shown. May be empty: nothing is wrong of nothing.
        delta: Allowed probability that there are ever more.
    """
    strength, needed, found = np.log(WEIGHTS) + sum(frame.known for frame in frames), np.log(1 / delta), 0
    for frame in sorted((one for one in frames if one.is_shown), key=lambda one: one.drawn / one.population):
        # The worst claim has its wrong items where the smallest share was drawn.
        low, high = 0, frame.on_pages + 1
        while high - low > 1:
            middle = (low + high) // 2
            refuted = np.logaddexp.reduce(strength + middle * frame.price) >= needed
            low, high = (low, middle) if refuted else (middle, high)
        found, strength = found + low, strength + low * frame.price
    return found


def is_certified(frames: Sequence[Frame], promise: Promise) -> bool:
    """Say whether of all items on pages at most the promised share is wrong; not so where there is none."""
    most = sum(frame.on_pages for frame in frames)
    return bool(most) and wrong_on_pages(frames, promise.delta) <= promise.max_error_rate * most


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
    stricter = promise.model_copy(update={"confidence": 1 - SLACK * promise.delta})

    def is_enough(drawn: int) -> bool:
        return is_certified([*earlier, Frame(population, drawn, wrong)], stricter)

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
