"""Which items to ask about so that they are not all alike: far apart in embedding space, or from every cluster.

Made for 100,000 items of 512 numbers on two cores. Greedy choice, one item at a time, reads all embeddings once per
choice; `k_center` reads them once per round of choices instead, and still makes exactly the greedy choices.
"""

import warnings
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


def k_center(
    embeddings: Embeddings, count: int, *, scores: NDArray[np.floating] | None = None, chosen: Sequence[int] = ()
) -> Ints:
    """Choose items greedily, each time the one farthest from all chosen so far (times its score).

    Args:
        embeddings: n items.
        count: How many to choose; at most the n items that are not chosen yet.
        scores: Shape (n,), not negative: how much each is worth asking for itself, such as `ranks` of a strategy. Left
            out, all are worth the same.
        chosen: Places of items that have labels already.

    Returns:
        Places in the order chosen, shape (min(count, n - chosen),).

    Source:
        Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach", ICLR 2018
        (k-center greedy). Choosing in rounds is ours: distances only shrink, so while the best of the POOL farthest
        items is farther than every item outside the pool, it is the greedy choice, and one matrix product per round
        updates all other distances.
    """
    weight = _weights(embeddings, scores)
    taken = np.zeros(len(embeddings), dtype=bool)
    taken[list(chosen)] = True
    wanted = min(_counted(count), int((~taken).sum()))
    # no distance between unit vectors is above 2, so before the first choice all are equally far
    nearest = np.full(len(embeddings), 2.0, dtype=np.float32)
    _bring_nearer(nearest, embeddings.vectors, embeddings.vectors[taken])
    order: list[int] = []
    while len(order) < wanted:
        fresh = _choose_round(
            embeddings.vectors, np.where(taken, -1.0, nearest * weight), nearest, weight, wanted - len(order)
        )
        _bring_nearer(nearest, embeddings.vectors, embeddings.vectors[fresh])
        taken[fresh] = True
        order += fresh
    return np.array(order, dtype=np.int64)


def cluster_balanced(
    embeddings: Embeddings,
    count: int,
    *,
    scores: NDArray[np.floating] | None = None,
    clusters: int = 64,
    seed: int = 0,
) -> Ints:
    """Choose the best-scored item of every cluster, then the second best, and so on.

    Args:
        embeddings: n items.
        count: How many to choose; at most n.
        scores: Shape (n,), not negative. Left out, items nearest to their cluster's centre come first.
        clusters: How many clusters; at most one per item.
        seed: Of the clustering, which is fitted on at most 20,000 items.

    Returns:
        Places in the order chosen, shape (min(count, n),).

    Source:
        Citovsky et al., "Batch active learning at scale", NeurIPS 2021 (round robin over clusters).
    """
    if clusters < 1:
        raise BadOption(f"clusters {clusters} is below 1")
    wanted = min(_counted(count), len(embeddings))
    if not wanted:
        return np.empty(0, dtype=np.int64)
    weight = _weights(embeddings, scores)
    centres = _centres(embeddings.vectors, clusters, seed)
    cluster, distance = _nearest_centre(embeddings.vectors, centres)
    worth = weight if scores is not None else np.where(embeddings.usable, 2 - distance, -1)
    best_first = np.lexsort((-worth, cluster))
    starts = np.concatenate([[0], np.cumsum(np.bincount(cluster))])
    turn = np.empty(len(embeddings), dtype=np.int64)
    turn[best_first] = np.arange(len(embeddings)) - starts[cluster[best_first]]
    return np.asarray(np.lexsort((-worth, turn, ~embeddings.usable))[:wanted], dtype=np.int64)


def _choose_round(vectors: Vectors, worth: Vectors, nearest: Vectors, weight: Vectors, wanted: int) -> list[int]:
    """Make greedy choices as long as they provably lie within the pool; at least one."""
    pool = np.argpartition(-worth, POOL - 1)[:POOL] if len(worth) > POOL else np.arange(len(worth))
    pool = pool[np.lexsort((pool, -worth[pool]))]
    outside = worth[pool[-1]] if len(worth) > POOL else -np.inf
    rows = vectors[pool]
    between = _distances(rows, rows)
    near, own = nearest[pool].copy(), weight[pool]
    free = worth[pool] >= 0
    fresh: list[int] = []
    while len(fresh) < wanted and free.any():
        value = np.where(free, near * own, -1.0)
        best = int(np.argmax(value))
        if fresh and value[best] < outside:
            break
        fresh.append(int(pool[best]))
        free[best] = False
        near = np.minimum(near, between[best])
    return fresh


def _centres(vectors: Vectors, clusters: int, seed: int) -> Vectors:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    rng = np.random.default_rng(seed)
    sample = vectors[rng.choice(len(vectors), min(len(vectors), 20_000), replace=False)]
    # init: k-means++ takes longer here than all iterations together
    model = KMeans(min(clusters, len(sample)), init="random", random_state=seed, n_init=1, max_iter=15)
    with warnings.catch_warnings():
        # fewer different vectors than clusters: the spare centres coincide, and their clusters stay empty
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit(sample).cluster_centers_, dtype=np.float32)


def _bring_nearer(nearest: Vectors, vectors: Vectors, centres: Vectors) -> None:
    for start in range(0, len(vectors), CHUNK):
        rows = slice(start, start + CHUNK)
        if len(centres):
            np.minimum(nearest[rows], _nearest_centre(vectors[rows], centres)[1], out=nearest[rows])


def _nearest_centre(vectors: Vectors, centres: Vectors) -> tuple[Ints, Vectors]:
    place = np.empty(len(vectors), dtype=np.int64)
    distance = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), CHUNK):
        between = _distances(vectors[start : start + CHUNK], centres)
        place[start : start + CHUNK] = between.argmin(axis=1)
        distance[start : start + CHUNK] = between.min(axis=1)
    return place, distance


def _distances(rows: Vectors, others: Vectors) -> Vectors:
    squares = np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", others, others)[None, :]
    return np.asarray(np.sqrt(np.maximum(squares - 2 * (rows @ others.T), 0)), dtype=np.float32)


def _weights(embeddings: Embeddings, scores: NDArray[np.floating] | None) -> Vectors:
    if scores is None:
        return embeddings.usable.astype(np.float32)
    if scores.shape != (len(embeddings),):
        raise BadInput(f"scores of shape {scores.shape} for {len(embeddings)} embeddings; expected one each")
    if (scores < 0).any():
        raise BadInput("a score is below 0; give ranks (0 to 1) instead")
    # NaN: the strategy could not say, so the item counts as much as the best
    best = float(np.nanmax(scores, initial=0.0)) or 1.0
    return np.where(embeddings.usable, np.nan_to_num(scores / best, nan=1.0), 0).astype(np.float32)


def _counted(count: int) -> int:
    if count < 0:
        raise BadOption(f"cannot choose {count} items; expected 0 or more")
    return count
