"""What it takes to certify a frame for pages: its sample drawn at once and then given up, beside drawn in stages.

Of each number of wrong ones in a frame the chance that it is certified is reckoned exactly, and how many are drawn on
average. Drawn in stages, a frame is given up early where several are wrong, and drawn from further where one is.

    python -m tests.bench.drawing
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scipy.stats import hypergeom

from tasks.audit.bounds.certify import Promise
from tasks.audit.bounds.frames import Frame, draws_to_certify, further_draws, is_certified
from tasks.suggest.paging.plan import LIKELY, STAGE, RoundOptions

OPTIONS = RoundOptions()
PROMISE = Promise(max_error_rate=OPTIONS.max_error_rate, confidence=OPTIONS.confidence)
SIZES, WRONG_SHARES = (570, 1_140), (0.0, 0.002, 0.0035, 0.005, 0.008, 0.01, 0.015, 0.03)
UNLIKELY = 1e-9


@dataclass(frozen=True, slots=True)
class Outcome:
    """How drawing from a frame ends: with which chance it is certified, and after how many draws on average."""

    chance: float
    draws: float

    @property
    def each(self) -> float:
        """Draws for one certified frame."""
        return self.draws / self.chance if self.chance else float("inf")


def outcome(population: int, wrong: int, *, in_stages: bool) -> Outcome:
    """Reckon how it ends, where so many items of a frame are wrong."""
    first = draws_to_certify([], population, 0, PROMISE)
    if first is None:
        return Outcome(0.0, 0.0)
    at_most = STAGE if in_stages else population
    states, chance, draws = {(0, 0, min(first, at_most)): 1.0}, 0.0, 0.0
    while states:
        (drawn, met, more), weight = states.popitem()
        draws += weight * more
        for frame, part in _drawn(population, wrong, Frame(population, drawn, met) if drawn else None, more):
            further = further_draws([], frame, PROMISE, OPTIONS.most_drawn, LIKELY, at_most) if in_stages else None
            if is_certified([frame], PROMISE):
                chance += weight * part
            elif further is not None and weight * part > UNLIKELY:
                state = (frame.drawn, frame.wrong, further)
                states[state] = states.get(state, 0.0) + weight * part
    return Outcome(chance, draws)


def _drawn(population: int, wrong: int, before: Frame | None, more: int) -> Iterator[tuple[Frame, float]]:
    drawn, met = (before.drawn, before.wrong) if before else (0, 0)
    for fresh in range(min(more, wrong - met) + 1):
        chance = float(hypergeom.pmf(fresh, population - drawn, wrong - met, more))
        if chance > 0:
            yield Frame(population, drawn + more, met + fresh), chance


def main() -> None:
    """Print the table."""
    print("items  wrong    at once: certified, draws, for each certified    in stages")
    for population in SIZES:
        for share in WRONG_SHARES:
            wrong = round(population * share)
            once, staged = (outcome(population, wrong, in_stages=way) for way in (False, True))
            told = [f"{one.chance:6.2f} {one.draws:6.0f} {one.each:8.0f}" for one in (once, staged)]
            print(f"{population:5} {wrong / population:7.2%}  {told[0]:>40}  {told[1]:>24}", flush=True)


if __name__ == "__main__":
    main()
