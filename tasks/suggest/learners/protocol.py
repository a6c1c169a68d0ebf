"""What a learner is: it takes examples in, takes them back, and says of other vectors how well each class fits.

A learner sees vectors as `space.py` makes them, all of one length, finite. Whose they are, which are no numbers, and
how far its scores may be trusted is the business of `suggester.py` and `trust.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """What one item teaches.

    Attributes:
        item_id: Of which item; examples are told apart by it.
        vector: Shape (d,), finite.
        classes: What it shows, each once; none: it shows none of them, which only some learners learn from.
    """

    item_id: str
    vector: Floats
    classes: tuple[str, ...]


class Learner(Protocol):
    """What has learnt of some examples. It is the same whatever came in between, and in whatever order."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that it has an example of, in the order of the alphabet."""
        ...

    def learn(self, examples: Sequence[Example]) -> None:
        """Take examples in, none of which it has."""
        ...

    def unlearn(self, examples: Sequence[Example]) -> None:
        """Take examples back that it has learnt as they are: as if they had never been."""
        ...

    def suggest(self, vectors: Floats) -> Floats:
        """Say how well each class fits.

        Args:
            vectors: Shape (n, d), finite. n may be 0.

        Returns:
            Shape (n, classes), in their order: the higher, the better; of no unit that two learners share.
        """
        ...


class NewLearner(Protocol):
    """What makes a learner: one stands in `registry.py` for each name."""

    def __call__(self, dimensions: int) -> Learner:
        """Return one that has learnt nothing, for vectors of a length."""
        ...
