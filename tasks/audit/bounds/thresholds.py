"""At which scores a threshold is tested, and in which order; set from scores alone, before judgements are seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blocks.errors import BadOption
from tasks.audit.bounds.evidence import Flags, Floats

SHARES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Thresholds are tested that accept these shares of a class's proposals. A threshold that accepts less than half
saves little, and the fewer it accepts the fewer judgements speak of it."""
STARTS: Mapping[float, float] = {0.5: 0.6, 1.0: 0.4}
"""Accepted share at which testing starts, and the share of δ that it starts with. Of six settings tried on the worlds
of `tests/bench/thresholds.py` this one was best or near it for every detector, at 200 to 800 draws."""


@dataclass(frozen=True, slots=True)
class ThresholdGrid:
    """Thresholds from high to low; all arrays of shape (thresholds,). Build it with `ThresholdGrid.of`."""

    thresholds: Floats
    starts: Floats
    """Share of δ with which each starts; they sum to 1."""
    shares: Floats
    """Share of the class's proposals that each accepts."""

    @classmethod
    def of(
        cls, scores: Floats, shares: Sequence[float] = SHARES, starts: Mapping[float, float] = STARTS
    ) -> "ThresholdGrid":
        """Set thresholds that accept given shares of a class's proposals.

        Args:
            scores: Shape (n,), of all proposals of the class, judged or not; NaN is ignored. n may be 0: an empty grid.
            shares: Shares to accept, above 0, at most 1.
            starts: Accepted share to share of δ; each is moved to the nearest threshold.

        Raises:
            BadOption: A share is outside (0, 1], or the starts do not sum to 1.
        """
        within = all(0 < share <= 1 for share in (*shares, *starts)) and all(part >= 0 for part in starts.values())
        if not shares or not within or abs(sum(starts.values()) - 1) > 1e-9:
            raise BadOption(
                f"shares {tuple(shares)} and starts {dict(starts)}: expected shares in (0, 1], "
                "and start weights that sum to 1"
            )
        known = np.sort(scores[~np.isnan(scores)])
        if not len(known):
            return cls(np.empty(0), np.empty(0), np.empty(0))
        ordered = np.array(sorted(shares))
        # rounding guards against 1 - 0.7 = 0.30000000000000004, which would accept one box less
        places = np.ceil(np.round(len(known) * (1 - ordered), 6)).astype(int)
        thresholds, first = np.unique(-known[np.clip(places, 0, len(known) - 1)], return_index=True)
        weight = np.zeros(len(thresholds))
        for share, part in starts.items():
            weight[np.argmin(np.abs(ordered[first] - share))] += part
        accepted = (len(known) - np.searchsorted(known, -thresholds)) / len(scores)
        return cls(-thresholds, weight, accepted)


def passed_in_order(strength: Floats, starts: Floats, delta: float) -> Flags:
    """Return which thresholds are certified, testing from high to low (the fallback procedure).

    Args:
        strength: Shape (t,), log wealth against "too much is wrong" per threshold.
        starts: Shape (t,), share of δ given to each threshold at the outset.
        delta: Allowed probability that any certified threshold is a bad one.

    Source:
        Wiens and Dmitrienko, "The fallback procedure", Journal of Biopharmaceutical Statistics 2005. With all of δ on
        the first threshold it is fixed-sequence testing: Angelopoulos et al., "Learn then Test", 2021, section 3.
    """
    passed = np.zeros(len(strength), dtype=bool)
    handed_down = 0.0
    for place, start in enumerate(starts):
        level = handed_down + float(start) * delta
        passed[place] = level > 0 and bool(strength[place] >= np.log(1 / level))
        handed_down = level if passed[place] else 0.0
    return passed
