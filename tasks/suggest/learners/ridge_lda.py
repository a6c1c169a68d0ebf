"""Linear discriminants from sums alone: what one answer changes is added, and what was changed is subtracted.

x are unit vectors. Of the examples only the counts n_k, the sums s_k and G = Σ x xᵀ are kept, so the order in which
they came means nothing, and the state can be made anew at any time. With μ_k = s_k/n_k the spread within classes is
S = (G − Σ n_k μ_k μ_kᵀ + λI)/N. A class is taken to lie at m_k = s_k/(n_k + κ), drawn towards the middle of the pool:
of few examples the mean is longer than that of all would be. It scores m_kᵀS⁻¹x − m_kᵀS⁻¹m_k/2: how much nearer x
lies to it than to the middle. How common a class is does not count: what is suggested next is not drawn as labels were.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from tasks.suggest.learners.protocol import Example, Floats
from tasks.suggest.learners.sums import ClassSums

RIDGE = 1.0
"""λ: as if one more example lay in every direction. Measured on Caltech-101; how much it is hardly matters."""

TOWARDS_MIDDLE = 1.0
"""κ: as if each class had so many more examples in the middle of the pool. Measured on Caltech-101, AG news and SMS."""


class RidgeLda:
    """Ridge linear discriminant analysis.

    Source:
        Hayes and Kanan, "Lifelong machine learning with deep streaming linear discriminant analysis", CVPR workshops
        2020; means drawn towards the middle, and no prior, are ours.
    """

    def __init__(self, dimensions: int) -> None:
        self._sums = ClassSums(dimensions)
        self._products = np.zeros((dimensions, dimensions))
        self._examples = 0
        self._weights: tuple[Floats, Floats] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that it has an example of, in the order of the alphabet."""
        return self._sums.classes

    def learn(self, examples: Sequence[Example]) -> None:
        """Add examples to the sums."""
        self._sums.add(examples)
        self._count(examples, 1)

    def unlearn(self, examples: Sequence[Example]) -> None:
        """Subtract examples from the sums."""
        self._sums.take(examples)
        self._count(examples, -1)

    def suggest(self, vectors: Floats) -> Floats:
        """Return (n, classes): how much nearer to each class than to the middle, by the spread within classes."""
        if not self.classes:
            return np.zeros((len(vectors), 0))
        if self._weights is None:
            self._weights = self._solve()
        towards, offsets = self._weights
        return np.asarray(vectors @ towards - offsets)

    def _count(self, examples: Sequence[Example], sign: int) -> None:
        self._weights = None
        if examples:
            rows = np.array([example.vector for example in examples for _ in example.classes])
            self._products += sign * (rows.T @ rows)
            self._examples += sign * len(rows)
        if not self._examples:
            self._products[:] = 0

    def _solve(self) -> tuple[Floats, Floats]:
        """Return (d, classes), and (classes,) what is taken off."""
        counts, sums = self._sums.counted()
        means = sums / counts[:, None]
        spread = self._products - (means * counts[:, None]).T @ means
        spread[np.diag_indices_from(spread)] += RIDGE
        places = sums / (counts + TOWARDS_MIDDLE)[:, None]
        towards: Floats = cho_solve(cho_factor(spread / self._examples), places.T)
        return towards, np.einsum("kd,dk->k", places, towards) / 2
