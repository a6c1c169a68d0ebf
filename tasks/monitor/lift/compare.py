"""Seconds and errors of people who saw a suggestion against those who, by lot, saw none: by class and by person.

What is right is the label that settled, so an error is an answer that another one, a second person or a referee,
overruled: where one person answers each question, none is found. Of suggestions that differed from the label it is told
how often they were taken over: oftener than people without one make the same mistake is anchoring. How often an answer
is what is suggested, with and without seeing it, tells what suggestions change also where only one person answers.
Errors that are fewer, and seconds, are help. Nothing is compared where either side has fewer answers than asked for.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from blocks.frozen import Frozen
from tasks.monitor.options import MonitorOptions

ALL = "all"

EARLIEST = datetime.min.replace(tzinfo=UTC)

Verdict = Literal["helps", "no lift", "not enough evidence"]


@dataclass(frozen=True, slots=True)
class SuggestedAnswer:
    """One person's answer about one item of a class, and what was suggested.

    Attributes:
        person: Who answered.
        class_name: Of the label that settled.
        suggested: Which class was suggested or, of a blind question, would have been.
        blind: Whether the lot kept it from them: such answers are what the others are held against.
        said: What they chose; None: that nobody could tell.
        seconds: None: not measured.
        at: When they answered.
    """

    person: str
    class_name: str
    suggested: str
    blind: bool
    said: str | None
    seconds: float | None
    at: datetime = EARLIEST


class Compared(Frozen):
    """A difference or a share with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it for a table."""
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


class Lift(Frozen):
    """What suggestions are worth to answers of one class, of one person, or to all."""

    of: str = Field(description="A class, a person, or `all`")
    shown: int = Field(description="Answers that saw a suggestion")
    blind: int = Field(description="Answers that by lot saw none")
    seconds_ratio: Compared | None = Field(default=None, description="Seconds an answer, shown over blind")
    error_change: Compared | None = Field(default=None, description="Share of wrong answers, shown less blind")
    followed: Compared | None = Field(
        default=None,
        description="Share of answers that say what is suggested, shown less blind",
    )
    wrong_suggestions: int = Field(default=0, description="Shown suggestions that were wrong")
    taken_over: Compared | None = Field(default=None, description="Share of these that was taken over")
    anchoring: Compared | None = Field(
        default=None, description="The same share, less that of blind answers which fell for the same wrong class alone"
    )
    verdict: Verdict = "not enough evidence"

    @property
    def is_without_lift(self) -> bool:
        """Whether what there is says that suggestions do not help."""
        return self.verdict == "no lift"

    @property
    def is_help(self) -> bool:
        """Whether what there is says that suggestions help."""
        return self.verdict == "helps"


def lift_of(answers: Sequence[SuggestedAnswer], options: MonitorOptions, of: str = ALL) -> Lift:
    """Compare answers with suggestions and without.

    Args:
        answers: Of one suggested class, of one person, or all.
        options: How many answers each side needs, resamples, seed.
        of: Whose they are, for the table.
    """
    shown = [one for one in answers if not one.blind]
    blind = [one for one in answers if one.blind]
    counts = Lift(of=of, shown=len(shown), blind=len(blind))
    if min(len(shown), len(blind)) < options.least_items:
        return counts
    rng = np.random.default_rng(options.seed)
    seconds = [_measured(side) for side in (shown, blind)]
    ratio = (
        _interval(seconds[0], seconds[1], _ratio, options, rng)
        if min(map(len, seconds)) >= options.least_items
        else None
    )
    errors = [np.array([one.said != one.class_name for one in side], dtype=np.float64) for side in (shown, blind)]
    misled = _fell([one for one in shown if one.suggested != one.class_name])
    alone = _fell([one for one in blind if one.suggested != one.class_name])
    found = counts.model_copy(
        update={
            "seconds_ratio": ratio,
            "error_change": _interval(errors[0], errors[1], _difference, options, rng),
            "followed": _interval(_fell(shown), _fell(blind), _difference, options, rng),
            "wrong_suggestions": len(misled),
            "taken_over": _interval(misled, np.zeros(1), _difference, options, rng) if len(misled) else None,
            "anchoring": _interval(misled, alone, _difference, options, rng) if len(misled) and len(alone) else None,
        }
    )
    return found.model_copy(update={"verdict": _verdict(found)})


def lifts_by(
    answers: Iterable[SuggestedAnswer], key: Callable[[SuggestedAnswer], str], options: MonitorOptions
) -> tuple[Lift, ...]:
    """Compare the answers of each class or person, in the order of their names."""
    parts: dict[str, list[SuggestedAnswer]] = {}
    for one in answers:
        parts.setdefault(key(one), []).append(one)
    return tuple(lift_of(parts[name], options, name) for name in sorted(parts))


def _verdict(lift: Lift) -> Verdict:
    """Say whether suggestions help: faster without more errors, or fewer errors without more time.

    No lift is said only where it is shown: more errors, or seconds of which even the better end of the interval is
    hardly fewer, with no fewer errors.
    """
    errors, seconds = lift.error_change, lift.seconds_ratio
    if errors is None:
        return "not enough evidence"
    if errors.low > 0:
        return "no lift"
    if seconds is None:
        return "helps" if errors.high < 0 else "not enough evidence"
    if seconds.high < 1 or (errors.high < 0 and seconds.low <= 1):
        return "helps"
    return "no lift" if seconds.low > HARDLY else "not enough evidence"


HARDLY = 0.95
"""A class in which people are surely not even a twentieth faster has no lift."""


def _measured(side: Sequence[SuggestedAnswer]) -> NDArray[np.float64]:
    return np.array([one.seconds for one in side if one.seconds is not None], dtype=np.float64)


def _fell(answers: Sequence[SuggestedAnswer]) -> NDArray[np.float64]:
    return np.array([one.said == one.suggested for one in answers], dtype=np.float64)


def _ratio(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(one / other)


def _difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(one - other)


def _interval(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    compare: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    options: MonitorOptions,
    rng: np.random.Generator,
) -> Compared:
    """Return a comparison of two means with a bootstrap interval that resamples answers of either side."""
    means = [side[rng.integers(0, len(side), (options.resamples, len(side)))].mean(axis=1) for side in (one, other)]
    low, high = np.percentile(compare(*means), [2.5, 97.5])
    return Compared(value=float(compare(one.mean(), other.mean())), low=float(low), high=float(high))
