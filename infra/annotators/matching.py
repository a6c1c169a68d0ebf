"""Which shown box is which object: an optimal one-to-one assignment by IoU."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infra.annotators.truth import Corners

SAME_OBJECT_IOU = 0.3
"""From this IoU on a box is seen as a poor box of the object, not as a box around nothing."""


def iou_matrix(first_xyxy: NDArray[np.float64], second_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the IoU of every pair of boxes.

    Args:
        first_xyxy: Shape (n, 4), pixels; n may be 0.
        second_xyxy: Shape (m, 4), pixels; m may be 0.

    Returns:
        Shape (n, m), 0 to 1; 0 where neither box has an area.
    """
    low = np.maximum(first_xyxy[:, None, :2], second_xyxy[None, :, :2])
    high = np.minimum(first_xyxy[:, None, 2:], second_xyxy[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1) for boxes in (first_xyxy, second_xyxy)]
    union = areas[0][:, None] + areas[1][None] - shared
    overlaps: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps


def match(shown: Sequence[Corners], true: Sequence[Corners]) -> dict[int, tuple[int, float]]:
    """Assign shown boxes to objects, one to one, so that the sum of IoU is largest.

    Returns:
        For each shown box that has an object: the object's index and the IoU, at least `SAME_OBJECT_IOU`.
    """
    from scipy.optimize import linear_sum_assignment

    if not shown or not true:
        return {}
    overlaps = iou_matrix(np.array(shown, np.float64), np.array(true, np.float64))
    overlaps[overlaps < SAME_OBJECT_IOU] = 0.0
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: (column, float(overlaps[row, column])) for row, column in pairs if overlaps[row, column] > 0}
