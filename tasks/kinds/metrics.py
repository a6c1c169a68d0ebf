"""What a model is worth, whatever the kind of its labels: one headline number, a table, and whether scores mean it."""

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from blocks.frozen import Frozen
from tasks.kinds.geometry import Flags, Floats, Ints

BINS = 10
"""Of scores, of equal width; the last one holds 1 as well."""


class Metrics(Frozen):
    """Numbers of a model on a set of items."""

    headline: str = Field(description="Which of `numbers` decides")
    numbers: Mapping[str, float]
    by_class: Mapping[str, Mapping[str, float]] = Field(
        description="A row for each class that the truth has: its `truths`, then what it is worth, the first to show"
    )
    words: Mapping[str, str] = Field(
        default={}, description="How people write the names of numbers; one that is not here stands as it is"
    )

    @property
    def value(self) -> float:
        """The headline number."""
        return self.numbers[self.headline]

    def word(self, name: str) -> str:
        """How people write the name of a number."""
        return self.words.get(name, name.replace("_", " "))


def score_bins(scores: Floats) -> Ints:
    """Return in which of the bins each score (n,) lies, 0 to `BINS` - 1; scores are numbers from 0 to 1."""
    return np.minimum((scores * BINS).astype(np.int64), BINS - 1)


def expected_calibration_error(scores: Floats, right: Flags) -> float:
    """Return how far scores and shares of right predictions lie apart, over bins of scores.

    Args:
        scores: Shape (n,), 0 to 1. n may be 0, which gives 0.
        right: Shape (n,).

    Source:
        Guo et al., "On Calibration of Modern Neural Networks", 2017, section 2; 10 bins of equal width.
    """
    if not len(scores):
        return 0.0
    bins = score_bins(scores)
    said, were = np.bincount(bins, scores, BINS), np.bincount(bins, right, BINS)
    return float(np.abs(said - were).sum() / len(scores))
