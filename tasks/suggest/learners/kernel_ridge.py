"""Kernel ridge regression: each class as a smooth function of the vectors, so that one of several clumps is one class.

What is linear in the vectors takes a class for one cloud. A class such as "animals" is many, and a rare class beside a
frequent one has another weight: on such the surest suggestions of this learner are right more often.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from tasks.suggest.learners.protocol import Example, Floats

WIDTH = 0.5
"""Of the kernel exp(-WIDTH · |a - b|²), a and b of length 1. Measured: 0.5 and 1 are alike, 2 is worse."""

RIDGE = 0.05
"""Measured: 0.03 to 0.1 are alike."""

AT_MOST = 3_000
"""Examples that are used, drawn by a hash of their items: memory goes with the square, time with the cube."""

AT_ONCE = 2_048
"""Vectors that are held against all examples at a time: memory does not grow with how many there are."""


class KernelRidge:
    """Examples, and what they weigh, found when it is next asked.

    The kernel of examples is kept as its Cholesky factor. That of the first so many of them is the factor's leading
    block, so what is learnt after them, or unlearnt behind them, costs no more than its own rows.

    Source:
        Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.
    """

    def __init__(self, dimensions: int) -> None:
        """Begin with nothing learnt, for vectors of a length."""
        self._dimensions = dimensions
        self._examples: dict[str, Example] = {}
        self._found: tuple[Floats, Floats, Floats] | None = None
        self._factored: tuple[tuple[Example, ...], Floats] = (), np.zeros((0, 0))

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
        starts = range(0, max(len(vectors), 1), AT_ONCE)
        return np.concatenate([_kernel(vectors[at : at + AT_ONCE], known) @ weights + shares for at in starts])

    def _solve(self) -> tuple[Floats, Floats, Floats]:
        used = list(self._examples.values())
        if len(used) > AT_MOST:
            used = sorted(used, key=lambda example: _lot(example.item_id))[:AT_MOST]
        places = {name: place for place, name in enumerate(self.classes)}
        known = np.array([example.vector for example in used]).reshape(len(used), self._dimensions)
        true = np.zeros((len(used), len(places)))
        for row, example in enumerate(used):
            true[row, [places[name] for name in example.classes]] = 1
        shares = true.mean(axis=0)
        before, factor = self._factored
        same = _in_common(before, used)
        factor = _extended(factor[:same, :same], known)
        self._factored = tuple(used), factor
        return known, np.asarray(cho_solve((factor, True), true - shares, check_finite=False)), shares


def _in_common(some: Sequence[Example], others: Sequence[Example]) -> int:
    """Return how many examples two lists begin with alike."""
    differ = (at for at, (one, other) in enumerate(zip(some, others, strict=False)) if one is not other)
    return next(differ, min(len(some), len(others)))


def _extended(factor: Floats, known: Floats) -> Floats:
    """Return the lower Cholesky factor of the kernel of examples plus the ridge, given that of the first of them.

    Args:
        factor: Shape (m, m), lower triangular. m may be 0.
        known: Shape (n, d), n at least m.
    """
    m, n = len(factor), len(known)
    if m == n:
        return factor
    whole = np.zeros((n, n))
    whole[:m, :m] = factor
    fresh = _kernel(known[m:], known)
    rest = fresh[:, m:] + RIDGE * np.eye(n - m)
    if m:
        whole[m:, :m] = solve_triangular(factor, fresh[:, :m].T, lower=True, check_finite=False).T
        rest -= whole[m:, :m] @ whole[m:, :m].T
    whole[m:, m:] = cholesky(rest, lower=True, check_finite=False)
    return whole


def _kernel(vectors: Floats, known: Floats) -> Floats:
    lengths = (vectors**2).sum(axis=1)[:, None] + (known**2).sum(axis=1)
    found = vectors @ known.T
    found *= 2
    found -= lengths
    np.minimum(found, 0, out=found)  # less than no distance: rounding
    found *= WIDTH
    return np.asarray(np.exp(found, out=found))


def _lot(item_id: str) -> bytes:
    return hashlib.sha256(item_id.encode()).digest()
