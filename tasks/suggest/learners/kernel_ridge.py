"""Kernel ridge regression: each class as a smooth function of the vectors, so that one of several clumps is one class.

What is linear in the vectors takes a class for one cloud. A class such as "animals" is many, and a rare class beside a
frequent one has another weight: on such the surest suggestions of this learner are right more often.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from tasks.suggest.learners.protocol import Example, Floats

WIDTH = 0.5
"""Of the kernel exp(-WIDTH · |a - b|²), a and b of length 1. Measured: 0.5 and 1 are alike, 2 is worse."""

RIDGE = 0.05
"""Measured: 0.03 to 0.1 are alike."""

AT_MOST = 3_000
"""Examples that are used, drawn by a hash of their items: memory goes with the square, time with the cube."""


class KernelRidge:
    """Examples, and what they weigh, found when it is next asked.

    Source:
        Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.
    """

    def __init__(self, dimensions: int) -> None:
        """Begin with nothing learnt, for vectors of a length."""
        self._dimensions = dimensions
        self._examples: dict[str, Example] = {}
        self._found: tuple[Floats, Floats, Floats] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that have an example."""
        return tuple(sorted({name for example in self._examples.values() for name in example.classes}))

    def learn(self, examples: Sequence[Example]) -> None:
        """Take examples in."""
        self._examples |= {example.item_id: example for example in examples}
        self._found = None

    def unlearn(self, examples: Sequence[Example]) -> None:
        """Take examples back."""
        for example in examples:
            del self._examples[example.item_id]
        self._found = None

    def suggest(self, vectors: Floats) -> Floats:
        """Return (n, classes): about 1 where a class is, about 0 where it is not."""
        if not self._examples:
            return np.zeros((len(vectors), 0))
        if self._found is None:
            self._found = self._solve()
        known, weights, shares = self._found
        return np.asarray(_kernel(vectors, known) @ weights + shares)

    def _solve(self) -> tuple[Floats, Floats, Floats]:
        used = [self._examples[item_id] for item_id in sorted(self._examples, key=_lot)[:AT_MOST]]
        names = self.classes
        known = np.array([example.vector for example in used]).reshape(len(used), self._dimensions)
        true = np.array([[name in example.classes for name in names] for example in used], dtype=np.float64)
        shares = true.mean(axis=0)
        weights = np.linalg.solve(_kernel(known, known) + RIDGE * np.eye(len(known)), true - shares)
        return known, weights, shares


def _kernel(vectors: Floats, known: Floats) -> Floats:
    lengths = (vectors**2).sum(axis=1)[:, None] + (known**2).sum(axis=1)
    return np.asarray(np.exp(-WIDTH * np.maximum(lengths - 2 * vectors @ known.T, 0)))


def _lot(item_id: str) -> bytes:
    return hashlib.sha256(item_id.encode()).digest()
