"""What a network sees of a large picture: a window as large as what was clicked, on a coarse grid.

So several objects that lie near each other are seen in one window, and what is embedded once serves them all.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blocks.storage.links import Box
from tasks.intake.images import Pixels
from tasks.suggest.outlining.extremes import CLICKS
from tasks.suggest.outlining.grab import AROUND_LEAST_PX, AROUND_SHARE

WHOLE_PX, WINDOW_PX, GRID_PX = 1280, 1024, 256
"""A larger picture is seen in windows, lest its objects are specks: of one side at least, beginning on a grid."""

AHEAD_LEAST_PX, AHEAD_SHARE = 128, 0.5
"""So far beyond the first clicks on it an object may reach: of the side of their box."""

NEEDED_SHARE = 0.1
"""Of the side of an object, around it: a window that shows so much is as good as one that was made for it."""

COARSER = 1.5
"""A window that is larger than wanted by more than that shows too little of what is in it."""

Look = Callable[[Box], tuple[Pixels, tuple[int, int]]]
"""Returns pixels that show a box of an item, and where their first pixel is in it."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class ClickedPicture:
    """A picture that somebody clicks on."""

    item_id: str
    size_wh: tuple[int, int]
    look: Look


def surroundings(points: Points) -> Box:
    """Return what is looked at around some clicks, in whole pixels of their item."""
    return _around(points, AROUND_LEAST_PX, AROUND_SHARE)


def window_for(size_wh: tuple[int, int], points: Points) -> Box:
    """Return what of a picture a network shall see of clicks on an object, all of them or the first."""
    return window_around(size_wh, surroundings(points) if len(points) >= CLICKS else _ahead(points))


def window_around(size_wh: tuple[int, int], box: Box) -> Box:
    """Return what of a picture a network shall see of a box: all of a small picture; all of what lies in both."""
    if max(size_wh) <= WHOLE_PX:
        return 0, 0, *size_wh
    x_min, y_min, x_max, y_max = clipped(box, (0, 0, *size_wh))
    longer = max(x_max - x_min, y_max - y_min)
    side = max(WINDOW_PX, math.ceil((longer + GRID_PX) / GRID_PX) * GRID_PX)
    left, right = _along(x_min, x_max, side, size_wh[0])
    top, bottom = _along(y_min, y_max, side, size_wh[1])
    return left, top, right, bottom


def shows(window: Box, wanted: Box, size_wh: tuple[int, int], points: Points) -> bool:
    """Say whether a window serves for some clicks as well as the one that is wanted for them."""
    if longer_side(window) > COARSER * longer_side(wanted):
        return False
    around = _around(points, AROUND_LEAST_PX, NEEDED_SHARE) if len(points) >= CLICKS else _ahead(points)
    needed = clipped(around, (0, 0, *size_wh))
    return clipped(needed, window) == needed


def clipped(box: Box, to: Box) -> Box:
    """Return what of a box lies in another; what lies outside of it is an empty box on its edge."""
    x_min, x_max = (min(max(x, to[0]), to[2]) for x in (box[0], box[2]))
    y_min, y_max = (min(max(y, to[1]), to[3]) for y in (box[1], box[3]))
    return x_min, y_min, x_max, y_max


def longer_side(box: Box) -> int:
    """Return the longer side of a box."""
    return max(box[2] - box[0], box[3] - box[1])


def _along(low: int, high: int, side: int, length: int) -> tuple[int, int]:
    if side >= length:
        return 0, length
    begin = min(max(0, round((low + high - side) / 2 / GRID_PX) * GRID_PX), length - side)
    return begin, begin + side


def _ahead(points: Points) -> Box:
    return _around(points, AHEAD_LEAST_PX, AHEAD_SHARE)


def _around(points: Points, least_px: float, share: float) -> Box:
    across, down = zip(*points, strict=True)
    side = max(max(across) - min(across), max(down) - min(down))
    pad = math.ceil(max(least_px, share * side)) + 1
    low_x, low_y = math.floor(min(across)) - pad, math.floor(min(down)) - pad
    return low_x, low_y, math.ceil(max(across)) + pad, math.ceil(max(down)) + pad
