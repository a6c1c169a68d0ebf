"""Which surfaces have a flaw: a memory of patches of good ones, and how far each patch of a new one is from all of it.

An image is as odd as its oddest patch, so a scratch of a few pixels is found where whole-image embeddings average it
away. The memory is thinned by `k_center`, which keeps what is rare among the good.

Source:
    Roth et al., "Towards Total Recall in Industrial Anomaly Detection" (PatchCore), CVPR 2022, sections 3.2 and 3.3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput, BadOption, NotEnoughData, OtherModelVersion
from tasks.triage.active_learning.diversity import Embeddings, Vectors, k_center
from tasks.triage.robust_z import Floats, Spread, spread_of

MIN_IMAGES = 5
"""From fewer good images nobody knows what is usual."""

MAX_PATCHES = 4000
"""Patches kept at most: what bounds the time of every comparison afterwards."""

NEIGHBOURS = 9
"""How many patches of the memory around the nearest one say how crowded its place is."""

LIFT = 0.2
"""Length of the longest patch after scaling, below 1; see `_lifted`."""

CHUNK = 4096
LOG_FLOOR = 0.02
"""Scores of good surfaces differ by some per cent anyway."""


@dataclass(frozen=True, slots=True)
class Flaws:
    """What was found out about n images."""

    scores: Floats
    """Shape (n,), 0 or more: how far the oddest patch is from the memory, more where that is sparse."""
    distances: Floats
    """Shape (n, rows, columns): how far each patch is from the memory."""


@dataclass(frozen=True, slots=True)
class PatchMemory:
    """Patches of good images; build it with `PatchMemory.of`."""

    model: str
    vectors: Vectors
    """Shape (m, d), float32."""
    usual: Spread
    """Natural logarithms of the scores of good images that the memory had not seen."""

    @classmethod
    def of(
        cls, grids: NDArray[np.floating], model: str, *, share: float = 0.05, most: int = MAX_PATCHES, seed: int = 0
    ) -> "PatchMemory":
        """Remember good images.

        Two thirds of them make the memory first, the others say what scores good images get; then all make it.

        Args:
            grids: Shape (n, rows, columns, d): features of n good images, see `PatchReader`.
            model: What made the features.
            share: Share of all patches that is kept, above 0 to 1.
            most: How many are kept at most.
            seed: Of which images are left out first.

        Raises:
            NotEnoughData: Fewer than `MIN_IMAGES` images.
            BadInput: A feature is not finite, or the array is of another shape.
            BadOption: Nothing would be kept.
        """
        _check(grids)
        if not 0 < share <= 1 or most < 1:
            raise BadOption(f"a memory of a share of {share} and at most {most} patches: expected above 0 to 1, and 1+")
        if len(grids) < MIN_IMAGES:
            raise NotEnoughData(f"{len(grids)} good images to learn a surface from: at least {MIN_IMAGES} are needed")
        order = np.random.default_rng(seed).permutation(len(grids))
        out, kept = np.array_split(order, [max(1, len(order) // 3)])
        trial = cls(model, _thin(grids[kept], share, most), Spread(0.0, 1.0))
        logs = np.log(np.maximum(trial.compare(grids[out], model).scores, 1e-12))
        return cls(model, _thin(grids, share, most), spread_of(logs, LOG_FLOOR) or Spread(0.0, 1.0))

    def compare(self, grids: NDArray[np.floating], model: str) -> Flaws:
        """Say how far the patches of images are from the memory.

        Args:
            grids: Shape (n, rows, columns, d). n may be 0.
            model: What made these features.

        Raises:
            OtherModelVersion: They are of another model than the memory, or of another length.
            BadInput: A feature is not finite, or the array is of another shape.
        """
        if model != self.model or (len(grids) and grids.shape[-1] != self.vectors.shape[1]):
            raise OtherModelVersion(
                f"patches of model {model!r} with {grids.shape[-1]} numbers, expected {self.model!r} with "
                f"{self.vectors.shape[1]}: read the images again, or learn a new memory"
            )
        if not len(grids):
            return Flaws(np.zeros(0), np.zeros((0, 0, 0)))
        _check(grids)
        rows = grids.reshape(-1, grids.shape[-1]).astype(np.float32)
        nearest, distance = _nearest(rows, self.vectors)
        per_image = distance.reshape(len(grids), -1)
        worst = per_image.argmax(axis=1)
        places = np.arange(len(grids)) * per_image.shape[1] + worst
        scores = self._weigh(rows[places], nearest[places], per_image.max(axis=1))
        return Flaws(scores, distance.reshape(grids.shape[:3]).astype(np.float64))

    def _weigh(self, rows: Vectors, nearest: NDArray[np.int64], distance: Vectors) -> Floats:
        """Count a distance more where the memory is sparse: equation 7 of the paper."""
        if len(self.vectors) < 2:
            return distance.astype(np.float64)
        count = min(NEIGHBOURS, len(self.vectors))
        around = np.argsort(_between(self.vectors[nearest], self.vectors), axis=1, kind="stable")[:, :count]
        near = np.stack(
            [np.linalg.norm(self.vectors[some] - row, axis=1) for some, row in zip(around, rows, strict=True)]
        )
        # exp(d) / Σ exp(d_b), with the largest taken out of all exponents
        top = np.maximum(near.max(axis=1), distance)
        share = np.exp(distance - top) / np.exp(near - top[:, None]).sum(axis=1)
        return np.asarray((1 - np.minimum(share, 1)) * distance, dtype=np.float64)


def _check(grids: NDArray[np.floating]) -> None:
    if grids.ndim != 4 or (len(grids) and not grids[0].size):
        raise BadInput(f"patch features of shape {grids.shape}; expected (images, rows, columns, numbers)")
    bad = np.flatnonzero(~np.isfinite(grids).reshape(len(grids), -1).all(axis=1))
    if bad.size:
        raise BadInput(f"image {bad[0]} has patch features that are no numbers ({bad.size} of {len(grids)} images)")


def _thin(grids: NDArray[np.floating], share: float, most: int) -> Vectors:
    rows = grids.reshape(-1, grids.shape[-1]).astype(np.float32)
    count = min(most, max(1, round(share * len(rows))))
    if count >= len(rows):
        return rows
    lifted = Embeddings.of(_lifted(rows), ["patch"] * len(rows), "patch")
    return np.asarray(rows[np.sort(k_center(lifted, count))])


def _lifted(rows: Vectors) -> Vectors:
    """Lay vectors on the unit sphere, with the distances between them kept but for one factor, to second order.

    `k_center` compares directions, but the length of a patch's features matters. One more number, chosen so that all
    lengths are 1, changes small distances by less than `LIFT`² of themselves.
    """
    scaled = rows * (LIFT / max(float(np.linalg.norm(rows, axis=1).max()), 1e-12))
    rest = np.sqrt(1 - np.einsum("ij,ij->i", scaled, scaled))
    return np.asarray(np.concatenate([scaled, rest[:, None]], axis=1), dtype=np.float32)


def _nearest(rows: Vectors, memory: Vectors) -> tuple[NDArray[np.int64], Vectors]:
    place, distance = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), CHUNK):
        between = _between(rows[start : start + CHUNK], memory)
        place[start : start + CHUNK] = between.argmin(axis=1)
        distance[start : start + CHUNK] = between.min(axis=1)
    return place, distance


def _between(rows: Vectors, others: Vectors) -> Vectors:
    squares = np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", others, others)[None, :]
    return np.asarray(np.sqrt(np.maximum(squares - 2 * (rows @ others.T), 0)), dtype=np.float32)
