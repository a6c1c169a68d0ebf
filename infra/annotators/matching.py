"""Which shown box is which object: an optimal one-to-one assignment by IoU."""

from collections.abc import Sequence

import numpy as np

from blocks.shapes import Bounds
from tasks.kinds.geometry import iou_of_all
from tasks.kinds.matching import match_optimally

SAME_OBJECT_IOU = 0.3
"""From this IoU on a box is seen as a poor box of the object, not as a box around nothing."""


def match(shown: Sequence[Bounds], true: Sequence[Bounds]) -> dict[int, tuple[int, float]]:
    """Assign shown boxes to objects, one to one, so that the sum of IoU is largest.

    Returns:
        For each shown box that has an object: the object's index and the IoU, at least `SAME_OBJECT_IOU`.
    """
    if not shown or not true:
        return {}
    overlaps = iou_of_all(np.array(shown, np.float64), np.array(true, np.float64))
    overlaps[overlaps < SAME_OBJECT_IOU] = 0.0
    return {row: (column, float(overlaps[row, column])) for row, column in match_optimally(overlaps)}
