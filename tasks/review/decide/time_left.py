"""How much longer people will need: a range from their pace so far, and nothing before there are enough answers.

Answers are taken for events of a Poisson process. If n came in a time T, then the time until m more have come, over m,
against T over n, follows the F distribution with 2m and 2n degrees of freedom (a ratio of two sums of exponential
times): so the range knows both how uncertain the pace is and how uneven the answers to come will be. It does not know
when people go home: nights lengthen it once they are part of the time that was looked at, hence "at this pace".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ENOUGH = 10
"""Answers before anything is said: from ten on the two ends of a long rest are within a factor of three."""

RECENT = 200
"""Of how many of the last answers the pace is taken: what was last week says little about today."""

COVERAGE = 0.8
"""How often the range holds what then comes, if the pace stays."""


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Between which times people will have answered the rest, if they keep their pace."""

    least: timedelta
    most: timedelta

    def __str__(self) -> str:
        """Say it in a few words."""
        least, most = in_words(self.least), in_words(self.most)
        return f"about {least} to {most} left at this pace" if least != most else f"about {least} left at this pace"


def time_left(answered_at: Sequence[datetime], left: int, now: datetime) -> TimeLeft | None:
    """Return how long the rest will take; None where nothing is left or too little is known.

    Args:
        answered_at: When the answers came, in any order; the last `RECENT` of them are looked at.
        left: Questions that nobody has answered yet.
        now: The present: a pause since the last answer slows the pace.
    """
    recent = sorted(answered_at)[-RECENT - 1 :]
    came = len(recent) - 1  # after the first, which only starts the clock
    if left < 1 or came + 1 < ENOUGH:
        return None
    seconds = (max(now, recent[-1]) - recent[0]).total_seconds()
    if seconds <= 0:
        return None  # all at one instant, as from an import: that is no pace
    from scipy.stats import f

    margin = (1 - COVERAGE) / 2
    least, most = f.ppf([margin, 1 - margin], 2 * left, 2 * came) * left * seconds / came
    return TimeLeft(timedelta(seconds=float(least)), timedelta(seconds=float(most)))


def in_words(span: timedelta) -> str:
    """Return a time as people say it, in no finer steps than an estimate deserves."""
    minutes = span.total_seconds() / 60
    if minutes < 1:
        return "1 min"
    if minutes < 90:
        step = 1 if minutes < 10 else 5
        return f"{step * round(minutes / step)} min"
    hours = minutes / 60
    if hours < 48:
        return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"
    return f"{hours / 24:.0f} days"
