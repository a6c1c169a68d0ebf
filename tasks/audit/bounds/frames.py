"""Certified pages: of all sure items that rounds let onto pages, how many are wrong at most.

Each round has a frame, the items from a threshold on, set before any of them is judged. Items of it are drawn at random
without replacement, and asked singly, without suggestions. What is left comes onto pages if the frames shown so far,
this one included, are then certified together. Where what was drawn does not do, more is drawn of the same frame if
that costs fewer questions than a new one; else it is given up. Why the bound holds through all of this:

- A claim names of each frame of N items how many, W, are wrong. Under it the next draw is wrong with the chance
  (W - x) / (N - i), after i draws with x wrong ones, whatever was met before. So it gives the answers to n draws, X of
  them wrong, the chance L(W) = (W)_X (N - W)_(n-X) / (N)_n, with falling factorials, in whatever order they came.
- Against it Q is bet, the chance of the same answers if each item is wrong with a share drawn from `PRIOR`. L and Q are
  products of the chances of single draws, each given those before, so Q / L(W) is a fair game: whatever was met, its
  next value is on average the last one. So is KEPT + (1 - KEPT) Q / L(W), of which a part is never bet.
- Which frame is next, and whether one draws on, shows or gives up, is decided by what was met before the next draw. A
  game that is fair whatever was met before stays fair. So the product over frames is a fair game, and while the claim
  is true it ever reaches 1/δ with probability δ at most (Ville's inequality). With probability 1 - δ the truth is at
  every look among the claims that are not refuted; of all these the most wrong ones on pages are the bound.
- A frame that was given up takes part with the W that speaks least against the claim: it costs evidence, log(1/KEPT)
  at most, and never helps. To leave it out would be to choose among outcomes.

L and Q depend on N, n and X alone: neither order nor stages need be known. -log L is convex in W, and so is the log of
each game; so the most wrong ones are found by adding one at a time where it costs least evidence, of the frames up to
each look at most so many as were left at that look.

Against `across_batches.py`: there each batch pays for a choice among eleven thresholds; here each round has one, so a
few dozen judgements say something.

Source:
    Waudby-Smith and Ramdas, "Confidence sequences for sampling without replacement", NeurIPS 2020, and "Estimating
    means of bounded random variables by betting", JRSS B 2024; Ville, "Étude critique de la notion de collectif", 1939.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln
from scipy.stats import binom

from blocks.errors import BadInput
from tasks.audit.bounds.certify import Promise
from tasks.audit.bounds.evidence import Floats

PRIOR = (0.2, 60.0)
"""Parameters of the beta distribution of the share that is wrong, which is bet on: mostly far below 1 %. It decides how
many draws are needed, never whether the bound holds. Chosen for frames of 100 to 2,000 items and a promise of 3 %."""

KEPT = 0.1
"""Share of the wealth that is not bet on a frame: one that is given up so costs later ones some draws, and no more."""

MOST_WRONG = 6
"""Ways to draw are looked for that allow fewer wrong ones than this."""


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
    def evidence(self) -> Floats:
        """The log of the game, shape (on pages or given up + 1,): with so many wrong ones left as the place says."""
        left, right = self.population - self.drawn, self.drawn - self.wrong
        claim = self.wrong + np.arange(left + 1)
        chance = _log_falling(claim, self.wrong) + _log_falling(self.population - claim, right)
        chance -= _log_falling(np.array(self.population), self.drawn)
        bet = betaln(PRIOR[0] + self.wrong, PRIOR[1] + right) - betaln(*PRIOR)
        return np.asarray(np.logaddexp(np.log(KEPT), np.log1p(-KEPT) + bet - chance))


def wrong_on_pages(frames: Sequence[Frame], delta: float) -> int:
    """Bound how many of the items that came onto pages are wrong, whether people took them off or not.

    Args:
        frames: Of all rounds so far, in their order, also those that were not shown. May be empty: nothing is wrong of
            nothing. Those after the last one that was shown do not matter: the bound held before them.
        delta: Allowed probability that there are ever more.
    """
    needed, fewest = float(np.log(1 / delta)), 0
    prices: Floats = np.zeros(0)
    for frame in frames:
        evidence = frame.evidence
        least = int(evidence.argmin())
        needed -= evidence[least]
        if frame.is_shown:  # this was a look: of all frames so far no more are wrong, whatever comes later
            fewest += least
            prices = np.sort(np.concatenate([prices, np.diff(evidence[least:])]))
            prices = prices[: np.searchsorted(np.cumsum(prices), needed)]
    return fewest + len(prices)


def is_certified(frames: Sequence[Frame], promise: Promise) -> bool:
    """Say whether the last frame may come onto pages: the promise then holds of all pages.

    Args:
        frames: Of all rounds so far, the one that is decided last, as one that is shown.
        promise: ε and δ.
    """
    most = sum(frame.on_pages for frame in frames)
    return (
        bool(frames[-1:])
        and bool(frames[-1].on_pages)
        and (wrong_on_pages(frames, promise.delta) <= promise.max_error_rate * most)
    )


def draws_to_certify(
    earlier: Sequence[Frame], population: int, wrong: int, promise: Promise, drawn: int = 0
) -> int | None:
    """Return how many items of a frame must be drawn for it to come onto pages, if so many of them are wrong.

    Args:
        earlier: Frames of the rounds before.
        population: Items of this one.
        wrong: Expected among those drawn.
        promise: ε and δ.
        drawn: How many are drawn by now.

    Returns:
        None where even half of it would not do.
    """
    low, high = max(wrong, 1, drawn) - 1, population // 2

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


class Prospect(NamedTuple):
    """What drawing from a frame may come to, where one goes on until it is certified or has no way left.

    Attributes:
        draws: Of the next stage: as few as certify it if no further one of them is wrong.
        expected: Draws of all stages, on average.
        chance: That it is certified, 0 to 1.
    """

    draws: int
    expected: float
    chance: float


def prospect_of(
    earlier: Sequence[Frame], population: int, wrong_share: float, promise: Promise, drawn: int = 0, wrong: int = 0
) -> Prospect | None:
    """Foresee what it takes to certify a frame in stages: each draws as few as would do if none of them was wrong.

    Looking costs nothing in this proof, so nothing is won by drawing more at once.

    Args:
        earlier: Frames of the rounds before.
        population: Items of this one.
        wrong_share: Expected share of wrong ones, 0 to 1.
        promise: ε and δ.
        drawn: How many are drawn by now.
        wrong: Of these.

    Returns:
        None where no number of draws would do.
    """
    upto: dict[int, int] = {}
    for met in range(wrong, wrong + MOST_WRONG):
        needed = draws_to_certify(earlier, population, met, promise, max(drawn, *upto.values(), 0))
        if needed is None:
            break
        upto[met] = needed
    if not upto:
        return None
    states, share = {(drawn, wrong): 1.0}, min(wrong_share, 1.0)
    expected = chance = 0.0
    while states:
        (at, met), weight = states.popitem()
        more = upto[met] - at
        expected += weight * more
        for fresh, part in enumerate(binom.pmf(range(MOST_WRONG), more, share)):
            if not fresh:
                chance += weight * part
            elif met + fresh in upto:
                state = (upto[met], met + fresh)
                states[state] = states.get(state, 0.0) + weight * part
    return Prospect(upto[wrong] - drawn, expected, chance)


def further_draws(
    earlier: Sequence[Frame], frame: Frame, promise: Promise, most_drawn: float, likely: float, at_most: int
) -> int | None:
    """Say how many more to draw of a frame that is not certified, or None: to give it up costs fewer questions.

    It is compared with a new frame as large, after this one was given up, in which as much is wrong.

    Args:
        earlier: Frames of the rounds before.
        frame: What was drawn of this one, too little for how many were wrong.
        promise: ε and δ.
        most_drawn: Share of the frame that may be drawn at most, 0 to 1.
        likely: With less of a chance nothing is tried, 0 to 1.
        at_most: So many at a time.
    """
    share = (PRIOR[0] + frame.wrong) / (sum(PRIOR) + frame.drawn)
    on = prospect_of(earlier, frame.population, share, promise, frame.drawn, frame.wrong)
    if on is None or on.chance < likely or frame.drawn + on.draws > most_drawn * frame.population:
        return None
    given_up = [*earlier, replace(frame, is_shown=False)]
    anew = prospect_of(given_up, frame.population - frame.drawn, share, promise)
    is_cheaper = anew is None or on.expected / on.chance <= anew.expected / anew.chance
    return min(on.draws, at_most) if is_cheaper else None


def _log_falling(start: NDArray[np.integer], factors: int) -> Floats:
    """Return the log of start (start - 1) …, so many factors."""
    return np.asarray(gammaln(start + 1) - gammaln(start - factors + 1))
