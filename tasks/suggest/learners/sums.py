"""What learners by sums keep: of each class how many examples, and the sum of their vectors.

A sum is taken back as exactly as it was made, but for rounding, which would gather in the last digits: a class without
examples is forgotten whole.
"""

from collections.abc import Sequence

import numpy as np

from tasks.suggest.learners.protocol import Example, Floats

FIRST_ROOM = 16


class ClassSums:
    """Counts and sums of vectors by class."""

    def __init__(self, dimensions: int) -> None:
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._counts: Floats = np.zeros(FIRST_ROOM)
        self._sums: Floats = np.zeros((FIRST_ROOM, dimensions))

    @property
    def classes(self) -> tuple[str, ...]:
        """Those with an example, in the order of the alphabet."""
        return tuple(sorted(self._rows))

    def add(self, examples: Sequence[Example]) -> None:
        """Count examples in; one with several classes is an example of each."""
        for example in examples:
            for name in example.classes:
                row = self._row(name)
                self._counts[row] += 1
                self._sums[row] += example.vector

    def take(self, examples: Sequence[Example]) -> None:
        """Count examples out that are in."""
        for example in examples:
            for name in example.classes:
                row = self._rows[name]
                self._counts[row] -= 1
                self._sums[row] -= example.vector
                if not self._counts[row]:
                    self._sums[row] = 0
                    self._free.append(self._rows.pop(name))

    def counted(self) -> tuple[Floats, Floats]:
        """Return counts (classes,) and sums (classes, d), in the order of `classes`."""
        rows = [self._rows[name] for name in self.classes]
        return self._counts[rows], self._sums[rows]

    def _row(self, name: str) -> int:
        if name not in self._rows:
            if not self._free and len(self._rows) == len(self._counts):
                self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
                self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
            self._rows[name] = self._free.pop() if self._free else len(self._rows)
        return self._rows[name]
