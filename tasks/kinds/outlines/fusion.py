"""What several people's outlines of one object come to: where the weighted mean of their signed distances is 0.

A distance counts to a bound, so that one careless outline moves the line no farther than a hand is off; where many
agree it is a vote, and of two it is the line half-way between.

Source:
    Raya and Udupa, "Shape-based interpolation of multidimensional objects", IEEE Transactions on Medical Imaging 1990.
"""

from collections.abc import Sequence

import numpy as np

from tasks.kinds.geometry import Floats
from tasks.kinds.outlines.raster import Raster

HAND_SHARE, LEAST_PX = 0.05, 2.0
"""How far an outline counts: as a share of the object's side, and at least in pixels."""


def fused(rasters: Sequence[Raster], weights: Sequence[float]) -> Raster:
    """Return what some rasters of one object come to; where nothing is common to them, the one of most weight.

    Args:
        rasters: One or more, each with a pixel.
        weights: How much each counts, above 0.
    """
    heaviest = rasters[int(np.argmax(weights))]
    left, top = min(one.left for one in rasters) - 1, min(one.top for one in rasters) - 1
    right, bottom = max(one.right for one in rasters) + 1, max(one.bottom for one in rasters) + 1
    side = float(np.sqrt(np.median([one.area for one in rasters])))
    bound = max(LEAST_PX, HAND_SHARE * side)
    total = np.zeros((bottom - top, right - left), np.float64)
    for one, weight in zip(rasters, weights, strict=True):
        total += weight * np.clip(_inwards(one, left, top, total.shape), -bound, bound)
    inside = total > 0
    is_something = 2 * int(np.count_nonzero(inside)) >= min(one.area for one in rasters)
    return Raster(left, top, inside) if is_something else heaviest


def _inwards(one: Raster, left: int, top: int, shape: tuple[int, ...]) -> Floats:
    """Return how far each pixel's middle lies inside, in pixels; outside it is negative."""
    import cv2

    covered = np.zeros(shape, np.uint8)
    covered[one.top - top : one.bottom - top, one.left - left : one.right - left] = one.pixels
    within, without = (
        cv2.distanceTransform(some, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for some in (covered, 1 - covered)
    )
    return np.asarray(np.where(covered, within - 0.5, 0.5 - without), np.float64)
