"""Rectangles in pixels: areas, overlaps, and from which overlap on two of them are one; shared by every kind.

Everything here works on arrays of many boxes at once. A box that shows the object that it should is *right*; the
threshold of that is the one of mAP50, and there is only this one.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from blocks.shapes import Bounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

RIGHT_IOU = 0.5
"""From this IoU on a box is on its object: the threshold of mAP50."""

SAME_PX = 0.01
"""Edges that differ by less are the same: percentages and back cost as much."""


class HasEdges(Protocol):
    """Anything with the edges of a box: a proposal, a label, a region of an answer."""

    @property
    def x_min(self) -> float: ...  # noqa: D102
    @property
    def y_min(self) -> float: ...  # noqa: D102
    @property
    def x_max(self) -> float: ...  # noqa: D102
    @property
    def y_max(self) -> float: ...  # noqa: D102


def bounds_of(box: HasEdges) -> Bounds:
    """Return the edges of a box: x_min, y_min, x_max, y_max."""
    return box.x_min, box.y_min, box.x_max, box.y_max


ALL_PX: Bounds = (0.0, 0.0, 1.0, 1.0)
"""Stands for the place of what has none: the whole of an item is where the whole of it is."""


def place_of(row: HasEdges) -> Bounds:
    """Return the edges of a row; of the whole of an item, whose edges are null, `ALL_PX`."""
    return ALL_PX if row.x_min is None else bounds_of(row)


def edges_of(boxes: Sequence[HasEdges]) -> Floats:
    """Return the edges of boxes, shape (n, 4): x_min, y_min, x_max, y_max in pixels. n may be 0."""
    return np.array([(box.x_min, box.y_min, box.x_max, box.y_max) for box in boxes], np.float64).reshape(-1, 4)


def same_edges(one: Bounds, other: Bounds, same_px: float = SAME_PX) -> bool:
    """Whether two boxes are the same but for rounding."""
    return all(abs(old - new) < same_px for old, new in zip(one, other, strict=True))


def areas(boxes_xyxy_px: Floats) -> Floats:
    """Return the areas (n,) of boxes (n, 4); 0 where a side is negative."""
    sides = np.maximum(boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def intersections(a_xyxy_px: Floats, b_xyxy_px: Floats) -> Floats:
    """Return the rectangles (n, 4) that rows of two box arrays have in common; sides are negative where they part."""
    low = np.maximum(a_xyxy_px[:, :2], b_xyxy_px[:, :2])
    return np.hstack([low, np.minimum(a_xyxy_px[:, 2:], b_xyxy_px[:, 2:])])


def paired_iou(a_xyxy_px: Floats, b_xyxy_px: Floats) -> Floats:
    """Return the IoU (n,) of rows of two box arrays (n, 4); 0 where both are empty."""
    common = areas(intersections(a_xyxy_px, b_xyxy_px))
    union = areas(a_xyxy_px) + areas(b_xyxy_px) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def iou_of_all(first_xyxy_px: Floats, second_xyxy_px: Floats) -> Floats:
    """Return the IoU of every box (n, 4) with every other one (m, 4), shape (n, m), 0 to 1."""
    rows, columns = len(first_xyxy_px), len(second_xyxy_px)
    flat = paired_iou(np.repeat(first_xyxy_px, columns, axis=0), np.tile(second_xyxy_px, (rows, 1)))
    return flat.reshape(rows, columns)
