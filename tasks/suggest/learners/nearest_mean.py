"""The class whose mean lies nearest: the plainest learner there is, to hold others against."""

from collections.abc import Sequence

import numpy as np

from tasks.suggest.learners.protocol import Example, Floats
from tasks.suggest.learners.sums import ClassSums


class NearestMean:
    """Cosine with the mean of each class."""

    def __init__(self, dimensions: int) -> None:
        self._sums = ClassSums(dimensions)

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that it has an example of, in the order of the alphabet."""
        return self._sums.classes

    def learn(self, examples: Sequence[Example]) -> None:
        """Add examples to the means."""
        self._sums.add(examples)

    def unlearn(self, examples: Sequence[Example]) -> None:
        """Take examples out of the means."""
        self._sums.take(examples)

    def suggest(self, vectors: Floats) -> Floats:
        """Return (n, classes): the cosine of a unit vector with the mean of each class."""
        _, sums = self._sums.counted()
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(vectors @ (sums / np.where(lengths > 0, lengths, 1)).T)
