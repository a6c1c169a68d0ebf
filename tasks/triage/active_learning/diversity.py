"""Which items to ask about so that they are not all alike: far apart in embedding space.

Made for 100,000 items of 512 numbers on two cores. Greedy choice, one item at a time, reads all embeddings once per
choice; `k_center` reads them once per round of choices instead, and still makes exactly the greedy choices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput, BadOption, OtherModelVersion

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]
CHUNK = 8192
"""Rows whose distances are held at a time."""
POOL = 1024
"""Candidates among which one round of `k_center` chooses."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One unit vector per item, all of one model version; build it with `Embeddings.of`."""

    model: str
    vectors: Vectors
    """Shape (n, d), float32, length 1; a row that was not finite or all zero is all zero."""
    usable: NDArray[np.bool_]
    """Shape (n,): whether the row was finite and not all zero. Others are chosen last."""

    @classmethod
    def of(cls, rows: NDArray[np.floating], versions: Sequence[str], model: str) -> "Embeddings":
        """Check embeddings and scale them to unit length.

        Args:
            rows: Shape (n, d), any float type. n may be 0.
            versions: Model version of each row.
            model: The version that all of them must have.

        Raises:
            OtherModelVersion: A row is of another version.
            BadInput: The rows are not a table, or not as many as versions.
        """
        if rows.ndim != 2 or len(rows) != len(versions):
            raise BadInput(f"embeddings of shape {rows.shape} for {len(versions)} items; expected (items, numbers)")
        other = next((place for place, version in enumerate(versions) if version != model), None)
        if other is not None:
            raise OtherModelVersion(
                f"embedding {other} is of model {versions[other]!r}, expected {model!r}; detect those items again first"
            )
        vectors = np.array(rows, dtype=np.float32)
        vectors[~np.isfinite(vectors).all(axis=1)] = 0
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        vectors /= np.where(lengths > 0, lengths, 1)[:, None]
        return cls(model, vectors, lengths > 0)

    @classmethod
    def from_bytes(cls, stored: Sequence[bytes], versions: Sequence[str], model: str) -> "Embeddings":
        """Read embeddings as the catalogue stores them: float16, all of one length.

        Raises:
            OtherModelVersion: An embedding is of another model version, or of another length than the first.
        """
        sizes = {len(one) for one in stored}
        if len(sizes) > 1:
            raise OtherModelVersion(f"embeddings of {sorted(sizes)} bytes; expected one length: detect the items again")
        rows = np.frombuffer(b"".join(stored), dtype=np.float16)
        return cls.of(rows.reshape(len(stored), -1) if stored else rows.reshape(0, 0), versions, model)

    def __len__(self) -> int:
        return len(self.vectors)


def k_center(embeddings: Embeddings, count: int) -> Ints:
    """Choose items greedily, each time the one farthest from all chosen so far.

    Args:
        embeddings: n items; those that are not usable come last.
        count: How many to choose; at most n.

    Returns:
        Places in the order chosen, shape (min(count, n),).

    Source:
        Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach", ICLR 2018
        (k-center greedy). Choosing in rounds is ours: distances only shrink, so while the best of the POOL farthest
        items is farther than every item outside the pool, it is the greedy choice, and one matrix product per round
        updates all other distances.
    """
    if count < 0:
        raise BadOption(f"cannot choose {count} items; expected 0 or more")
    taken = np.zeros(len(embeddings), dtype=bool)
    wanted = min(count, len(embeddings))
    # no distance between unit vectors is above 2, so before the first choice all are equally far
    nearest = np.where(embeddings.usable, 2.0, 0.0).astype(np.float32)
    order: list[int] = []
    while len(order) < wanted:
        fresh = _choose_round(embeddings.vectors, np.where(taken, -1.0, nearest), wanted - len(order))
        _bring_nearer(nearest, embeddings.vectors, embeddings.vectors[fresh])
        taken[fresh] = True
        order += fresh
    return np.array(order, dtype=np.int64)


def _choose_round(vectors: Vectors, farness: Vectors, wanted: int) -> list[int]:
    """Make greedy choices as long as they provably lie within the pool; at least one. Below 0: taken already."""
    pool = np.argpartition(-farness, POOL - 1)[:POOL] if len(farness) > POOL else np.arange(len(farness))
    pool = pool[np.lexsort((pool, -farness[pool]))]
    outside = farness[pool[-1]] if len(farness) > POOL else -np.inf
    between = _distances(vectors[pool], vectors[pool])
    near = farness[pool].copy()
    fresh: list[int] = []
    while len(fresh) < wanted and (near >= 0).any():
        best = int(np.argmax(near))
        if fresh and near[best] < outside:
            break
        fresh.append(int(pool[best]))
        near = np.minimum(near, between[best])
        near[best] = -1.0
    return fresh


def _bring_nearer(nearest: Vectors, vectors: Vectors, centres: Vectors) -> None:
    for start in range(0, len(vectors), CHUNK):
        rows = slice(start, start + CHUNK)
        np.minimum(nearest[rows], _distances(vectors[rows], centres).min(axis=1), out=nearest[rows])


def _distances(rows: Vectors, others: Vectors) -> Vectors:
    squares = np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", others, others)[None, :]
    return np.asarray(np.sqrt(np.maximum(squares - 2 * (rows @ others.T), 0)), dtype=np.float32)
