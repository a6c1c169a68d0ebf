"""One box out of several people's: every edge a mean, weighted by how exactly each person draws.

People's edges scatter, and now and then one is far off (a slip, an occluded part left out). So the weights follow
Student's t: who is far from the others on one edge loses weight on that edge, and only there.

Source:
    Iteratively reweighted least squares for Student's t: Lange, Little and Taylor, "Robust statistical modeling using
    the t distribution", JASA 1989. Weighted fusion of boxes: Solovyev et al., "Weighted boxes fusion", 2021.
"""

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
LEARNING_ROUNDS = 30


@dataclass(frozen=True, slots=True)
class Fused:
    """Fused boxes."""

    edges_xyxy_px: Floats
    """Shape (objects, 4)."""
    edge_error: Floats
    """Shape (objects,): standard error of the least certain edge, as a share of its side."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Boxes of many people around many objects."""

    edges_xyxy_px: Floats
    """Shape (n, 4), pixels."""
    person: Ints
    """Shape (n,): who drew it."""
    about: Ints
    """Shape (n,): of which object, from 0 to `objects` - 1; each object has one box or more."""
    objects: int


def fuse(drawn: Drawn, noise: Floats) -> Fused:
    """Fuse the boxes of each object.

    Args:
        drawn: n may be 0.
        noise: Shape (people,): deviation of each person's edges as a share of the side, above 0.
    """
    centre, weight, _ = _centre(drawn, noise)
    error = np.sqrt(1 / np.maximum(_sum(weight, drawn), 1e-12)) / _sides(centre)
    return Fused(centre, error.max(axis=1, initial=0.0))


def learn_noise(drawn: Drawn, people: int, known: dict[int, float]) -> tuple[Floats, float]:
    """Estimate how exactly people draw from where they differ.

    Args:
        drawn: Boxes of objects that exist; those of one box tell nothing and may be among them.
        people: How many there are.
        known: Persons whose noise is given.

    Returns:
        Shape (people,): deviation of their edges as a share of the side; and that of the crew as a whole.
    """
    met = np.bincount(drawn.about, minlength=drawn.objects)[drawn.about] > 1
    names, about = np.unique(drawn.about[met], return_inverse=True)
    several = Drawn(drawn.edges_xyxy_px[met], drawn.person[met], about, len(names))
    noise: Floats = np.full(people, EXPECTED_NOISE)
    noise[list(known)] = list(known.values())
    crew = EXPECTED_NOISE
    estimated = np.array([person not in known for person in range(people)], bool)
    edges = np.asarray(4 * np.bincount(several.person, minlength=people), np.float64)
    for _ in range(LEARNING_ROUNDS):
        centre, weight, trust = _centre(several, noise)
        side = _sides(centre)[several.about]
        off = trust * ((several.edges_xyxy_px - centre[several.about]) / side) ** 2
        unsure = (1 / np.maximum(_sum(weight, several), 1e-12))[several.about] / side**2
        spread = np.bincount(several.person, (off + unsure).sum(axis=1), minlength=people)
        total = spread[estimated].sum() + NOISE_WEIGHT * EXPECTED_NOISE**2
        crew = float(np.sqrt(total / (edges[estimated].sum() + NOISE_WEIGHT)))
        learnt = np.sqrt((spread + NOISE_WEIGHT * crew**2) / (edges + NOISE_WEIGHT))
        noise[estimated] = np.maximum(learnt, LEAST_NOISE)[estimated]
    return noise, crew


def _centre(drawn: Drawn, noise: Floats) -> tuple[Floats, Floats, Floats]:
    """Return fused edges (objects, 4), the weight (n, 4) of each drawn edge, and how far each is trusted (n, 4)."""
    trust = np.ones_like(drawn.edges_xyxy_px)
    centre = _mean(drawn, np.repeat(noise[drawn.person, None] ** -2.0, 4, axis=1))
    weight = trust
    for _ in range(ROUNDS):
        scale = noise[drawn.person, None] * _sides(centre)[drawn.about]
        off = (drawn.edges_xyxy_px - centre[drawn.about]) / scale
        trust = (HEAVY_TAILS + 1) / (HEAVY_TAILS + off**2)
        # An edge in the middle of all others weighs 1/scale², no more.
        weight = trust * HEAVY_TAILS / (HEAVY_TAILS + 1) / scale**2
        centre = _mean(drawn, weight)
    return centre, weight, trust


def _mean(drawn: Drawn, weight: Floats) -> Floats:
    return np.asarray(_sum(weight * drawn.edges_xyxy_px, drawn) / np.maximum(_sum(weight, drawn), 1e-12))


def _sum(values: Floats, drawn: Drawn) -> Floats:
    columns = [np.bincount(drawn.about, column, minlength=drawn.objects) for column in values.T]
    return np.stack(columns, axis=1)


def _sides(edges_xyxy_px: Floats) -> Floats:
    """Return width, height, width, height of boxes, shape (n, 4), at least a pixel."""
    return np.tile(np.maximum(edges_xyxy_px[:, 2:] - edges_xyxy_px[:, :2], 1.0), (1, 2))
