"""Four clicks on an object, at its topmost, leftmost, bottommost and rightmost point, and what they say by themselves.

Source:
    Papadopoulos et al., "Extreme clicking for efficient object annotation", ICCV 2017; the octagon: Zhou et al.,
    "Bottom-up object detection by grouping extreme and center points", CVPR 2019.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from blocks.errors import BadShape
from tasks.kinds.geometry import Floats

Clicks = tuple[Sequence[tuple[float, float]], str]
"""Four points in pixels of the item, and what made an outline of them."""

CLICKS = 4

LEAST_SIDE_PX = 2.0
"""What is thinner is a slip of the mouse."""

OUTSIDE_PX = 1.0
"""So far outside of its picture a click is taken for one on the border."""

STEPS = 8
"""Corners of a quarter of an ellipse."""

OCTAGON_SHARE = 0.25
"""Of the box's side that an edge of the octagon lies on."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """Where an object ends, by four points x, y in pixels of its item.

    Attributes:
        top: The topmost point.
        right: The rightmost point.
        bottom: The bottommost point.
        left: The leftmost point.
    """

    top: tuple[float, float]
    right: tuple[float, float]
    bottom: tuple[float, float]
    left: tuple[float, float]

    @classmethod
    def of(cls, clicks_xy: Sequence[tuple[float, float]], size_wh: tuple[int, int]) -> "Extremes":
        """Return four clicks in their roles, whatever their order: each has one, the one that suits all best.

        Args:
            clicks_xy: Four points, pixels of the item; a pixel outside of it counts as on its border.
            size_wh: Of the item.

        Raises:
            BadShape: They are not four, lie outside of the picture, or go around nothing.
        """
        if len(clicks_xy) != CLICKS:
            raise BadShape(f"{len(clicks_xy)} clicks (expected {CLICKS}: top, left, bottom and right)")
        points = []
        for x, y in clicks_xy:
            if not (-OUTSIDE_PX <= x <= size_wh[0] + OUTSIDE_PX and -OUTSIDE_PX <= y <= size_wh[1] + OUTSIDE_PX):
                raise BadShape(f"a click at {x:.1f}, {y:.1f} is outside of a picture of {size_wh[0]}×{size_wh[1]} px")
            points.append((min(max(x, 0.0), float(size_wh[0])), min(max(y, 0.0), float(size_wh[1]))))
        roles = max(permutations(points), key=lambda one: one[2][1] - one[0][1] + one[1][0] - one[3][0])
        found = cls(*roles)
        x_min, y_min, x_max, y_max = found.edges
        if min(x_max - x_min, y_max - y_min) < LEAST_SIDE_PX:
            raise BadShape(f"clicks around {x_max - x_min:.1f}×{y_max - y_min:.1f} px: nothing is between them")
        return found

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The four, clockwise from the top."""
        return self.top, self.right, self.bottom, self.left

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """x_min, y_min, x_max, y_max of the box around them."""
        across, down = zip(*self.points, strict=True)
        return min(across), min(down), max(across), max(down)


def curve(extremes: Extremes) -> Floats:
    """Return the closed line of four quarters of ellipses through the points, shape (n, 2), clockwise from the top.

    It is level at the top and at the bottom, and upright at the sides, as an object's outline is at its extremes.
    """
    corners = extremes.points
    turned = np.linspace(0, np.pi / 2, STEPS, endpoint=False)[:, None]
    lines = []
    for at, (begin, end) in enumerate(zip(corners, (*corners[1:], corners[0]), strict=True)):
        start, step = np.array(begin), np.array(end) - np.array(begin)
        level, upright = (np.sin(turned), 1 - np.cos(turned)) if at % 2 == 0 else (1 - np.cos(turned), np.sin(turned))
        lines.append(start + np.hstack([level * step[0], upright * step[1]]))
    return np.concatenate(lines)


def octagon(extremes: Extremes) -> Floats:
    """Return the closed line through four edges of the box, around its points, shape (8, 2)."""
    x_min, y_min, x_max, y_max = extremes.edges
    wide, high = (x_max - x_min) * OCTAGON_SHARE / 2, (y_max - y_min) * OCTAGON_SHARE / 2
    (top, _), (_, right), (bottom, _), (_, left) = extremes.points
    corners = [
        *((top - wide, y_min), (top + wide, y_min), (x_max, right - high), (x_max, right + high)),
        *((bottom + wide, y_max), (bottom - wide, y_max), (x_min, left + high), (x_min, left - high)),
    ]
    return np.clip(np.array(corners, np.float64), (x_min, y_min), (x_max, y_max))
