"""One box out of several people's: every edge a mean, weighted by how exactly each person draws.

People's edges scatter, and now and then one is far off (a slip, an occluded part left out). So the weights follow
Student's t: who is far from the others on one edge loses weight on that edge, and only there.

Source:
    Iteratively reweighted least squares for Student's t: Lange, Little and Taylor, "Robust statistical modeling using
    the t distribution", JASA 1989. Weighted fusion of boxes: Solovyev et al., "Weighted boxes fusion", 2021.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HEAVY_TAILS = 4.0
"""Degrees of freedom: 4 is the usual choice where slips happen (Lange et al., section 7)."""

EXPECTED_NOISE = 0.04
"""Deviation of an unknown person's edges as a share of the side. Careful hands: 0.02 to 0.03, careless ones 0.1."""

NOISE_WEIGHT = 40.0
"""For how many edges that expectation counts: ten boxes."""

LEAST_NOISE = 0.003
ROUNDS = 12
MAD_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution, in median absolute deviations."""


@dataclass(frozen=True, slots=True)
class Fused:
    """Fused boxes."""

    edges_xyxy_px: Floats
    """Shape (objects, 4)."""
    edge_error: Floats
    """Shape (objects,): standard error of the least certain edge, as a share of its side."""


@dataclass(frozen=True, slots=True)
class GroupedBoxes:
    """Boxes of many people around many objects."""

    edges_xyxy_px: Floats
    """Shape (n, 4), pixels."""
    person: Ints
    """Shape (n,): who drew it."""
    about: Ints
    """Shape (n,): of which object, from 0 to `objects` - 1; each object has one box or more."""
    objects: int


def fuse(drawn: GroupedBoxes, noise: Floats) -> Fused:
    """Fuse the boxes of each object.

    Args:
        drawn: n may be 0.
        noise: Shape (people,): deviation of each person's edges as a share of the side, above 0.
    """
    centre, weight = _centre(drawn, noise)
    error = np.sqrt(1 / np.maximum(_sum(weight, drawn), 1e-12)) / _sides(centre)
    return Fused(centre, error.max(axis=1, initial=0.0))


def learn_noise(drawn: GroupedBoxes, people: int, known: Mapping[int, float]) -> tuple[Floats, float]:
    """Estimate how exactly people draw from where they differ.

    The differences of two people have the sum of their variances; with three or more each one's own follows by least
    squares. A person of few boxes is drawn towards the mean of all, and that mean towards `EXPECTED_NOISE`.

    Args:
        drawn: Boxes of objects that exist; those of one box tell nothing and may be among them.
        people: How many there are.
        known: Persons whose noise is given.

    Returns:
        Shape (people,): deviation of their edges as a share of the side; and that of all people together.

    Source:
        Grubbs, "On estimating precision of measuring instruments and product variability", JASA 1948, with the median
        absolute deviation in place of the standard one: slips are no lack of precision.
    """
    from scipy.optimize import nnls

    pairs = _differences(drawn)
    counts = np.array([count for *_, count, _ in pairs], float)
    variance = np.array([found for *_, found in pairs], float)
    total = counts @ variance / 2 + NOISE_WEIGHT * EXPECTED_NOISE**2
    pooled = float(total / (counts.sum() + NOISE_WEIGHT))
    design = np.vstack([np.zeros((len(pairs), people)), np.eye(people)])
    for row, (first, second, *_) in enumerate(pairs):
        design[row, [first, second]] = 1.0
    target = np.concatenate([variance, np.full(people, pooled)])
    # A variance is known the better the more edges there are, and the smaller it is.
    weight = np.sqrt(np.concatenate([counts, np.full(people, NOISE_WEIGHT)])) / np.maximum(target, LEAST_NOISE**2)
    for person, noise in known.items():
        target -= design[:, person] * noise**2
        design[:, person] = 0.0
    found, _ = nnls(design * weight[:, None], target * weight)
    learnt = np.maximum(np.sqrt(found), LEAST_NOISE)
    learnt[list(known)] = list(known.values())
    return learnt, pooled**0.5


def _differences(drawn: GroupedBoxes) -> list[tuple[int, int, int, float]]:
    """Return for every two people who met: both, how many edges they both drew, and the variance of the difference."""
    order = np.lexsort((drawn.person, drawn.about))
    edges, person, about = drawn.edges_xyxy_px[order], drawn.person[order], drawn.about[order]
    first: list[Ints] = []
    second: list[Ints] = []
    for apart in range(1, len(order)):
        met = np.flatnonzero(about[apart:] == about[:-apart])
        if not len(met):
            break
        first.append(met)
        second.append(met + apart)
    if not first:
        return []
    one, other = np.concatenate(first), np.concatenate(second)
    off = (edges[one] - edges[other]) / ((_sides(edges[one]) + _sides(edges[other])) / 2)
    both = np.stack([person[one], person[other]], axis=1)
    found = []
    for left, right in np.unique(both, axis=0).tolist():
        theirs = off[(both == (left, right)).all(axis=1)]
        found.append((left, right, theirs.size, float((MAD_TO_DEVIATION * np.median(np.abs(theirs))) ** 2)))
    return found


def _centre(drawn: GroupedBoxes, noise: Floats) -> tuple[Floats, Floats]:
    """Return fused edges (objects, 4), and the weight (n, 4) of each drawn edge in them."""
    centre = _mean(drawn, np.repeat(noise[drawn.person, None] ** -2.0, 4, axis=1))
    weight = np.ones_like(drawn.edges_xyxy_px)
    for _ in range(ROUNDS):
        scale = noise[drawn.person, None] * _sides(centre)[drawn.about]
        off = (drawn.edges_xyxy_px - centre[drawn.about]) / scale
        # Student's weight, scaled so that an edge in the middle of all others weighs 1/scale², no more.
        weight = HEAVY_TAILS / (HEAVY_TAILS + off**2) / scale**2
        centre = _mean(drawn, weight)
    return centre, weight


def _mean(drawn: GroupedBoxes, weight: Floats) -> Floats:
    return np.asarray(_sum(weight * drawn.edges_xyxy_px, drawn) / np.maximum(_sum(weight, drawn), 1e-12))


def _sum(values: Floats, drawn: GroupedBoxes) -> Floats:
    columns = [np.bincount(drawn.about, column, minlength=drawn.objects) for column in values.T]
    return np.stack(columns, axis=1)


def _sides(edges_xyxy_px: Floats) -> Floats:
    """Return width, height, width, height of boxes, shape (n, 4), at least a pixel."""
    return np.tile(np.maximum(edges_xyxy_px[:, 2:] - edges_xyxy_px[:, :2], 1.0), (1, 2))
