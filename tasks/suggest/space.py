"""Where learners work: vectors of one embedder, centred on the pool, along its principal axes, of unit length.

The pool needs no label: it is what there is of a collection. Features of pictures are all positive, so that two random
ones are alike; less the mean of the pool, they are not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput, OtherModelVersion
from tasks.suggest.learners.protocol import Floats

AXES = 256
"""Principal axes that are kept, at most."""

POOL_AT_MOST = 20_000
"""Vectors of which axes are found: more change nothing, and would have to be held in memory."""


AT_ONCE = 1_024
"""Vectors that are placed at a time: more need more memory, and the time that it takes to get it."""


@dataclass(frozen=True, slots=True)
class Space:
    """What a pool of vectors says of where the next ones lie.

    Attributes:
        embedder: Whose vectors, by name and version: those of another one are refused.
        mean: Shape (d,), of the pool.
        axes: Shape (k, d), k at most `AXES`, orthonormal, the widest first.
        shift: Shape (k,), the mean of the centred unit vectors along the axes.
    """

    embedder: str
    mean: Floats
    axes: Floats
    shift: Floats

    @classmethod
    def of(cls, embedder: str, pool: NDArray[np.floating]) -> "Space":
        """Find the space of a pool.

        Args:
            embedder: Whose vectors.
            pool: Shape (n, d); rows that are not finite are left out.

        Raises:
            BadInput: Fewer than two vectors can be used, or all are the same.
        """
        from sklearn.decomposition import PCA

        rows = np.asarray(pool, dtype=np.float64)
        rows = rows[np.isfinite(rows).all(axis=1)][:POOL_AT_MOST] if rows.ndim == 2 else rows.reshape(0, 0)
        if len(rows) < 2 or not np.ptp(rows, axis=0).any():
            raise BadInput(f"{len(rows)} vectors of {embedder} make no space: expected two or more that differ")
        mean = rows.mean(axis=0)
        found = PCA(min(AXES, *rows.shape), svd_solver="covariance_eigh").fit(unit(rows - mean))
        return cls(embedder, mean, found.components_, found.components_ @ found.mean_)

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has in this space."""
        return len(self.axes)

    def place(self, vectors: NDArray[np.floating], embedder: str) -> Floats:
        """Bring vectors of its embedder into the space.

        Args:
            vectors: Shape (n, d). n may be 0.
            embedder: Whose they are.

        Returns:
            Shape (n, k), unit length; a row that was not finite is NaN, one at the mean of the pool all zero.

        Raises:
            OtherModelVersion: They are another embedder's, or of another length.
        """
        rows = np.asarray(vectors)
        length = rows.shape[1] if rows.ndim == 2 else 0
        if embedder != self.embedder or (len(rows) and length != len(self.mean)):
            raise OtherModelVersion(
                f"vectors of {embedder}, {length} numbers each; expected those of {self.embedder}, {len(self.mean)} "
                "numbers: embed the items anew"
            )
        placed = np.empty((len(rows), len(self.axes)))
        for at in range(0, len(rows), AT_ONCE):
            placed[at : at + AT_ONCE] = self._placed(np.asarray(rows[at : at + AT_ONCE], dtype=np.float64))
        return placed

    def _placed(self, rows: Floats) -> Floats:
        finite = np.isfinite(rows).all(axis=1, keepdims=True)
        known = rows if finite.all() else np.where(finite, rows, self.mean)
        return np.where(finite, unit(unit(known - self.mean) @ self.axes.T - self.shift), np.nan)


def unit(rows: Floats) -> Floats:
    """Return rows (n, d) of length 1; one of length 0 stays all zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1))
