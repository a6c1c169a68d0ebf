"""From pixels to the polygon along their edges, which covers exactly these pixels, with its holes and its parts.

Pixels that touch at a corner alone are two parts, and so two rings meet there.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from blocks.errors import BadShape
from blocks.shapes import MOST_POINTS, Mask, Polygon, PolygonPart
from tasks.kinds.geometry import Flags, Ints
from tasks.kinds.outlines.raster import Raster

Corners = list[tuple[float, float]]


def traced(raster: Raster) -> Polygon:
    """Return the outline of pixels, with its holes and parts, the largest part first.

    Raises:
        BadShape: No pixel is covered, or it turns too often to be kept.
    """
    if not raster.pixels.any():
        raise BadShape("no pixel is covered, so there is no outline")
    import cv2

    _, numbers = cv2.connectedComponents(raster.pixels.astype(np.uint8), connectivity=4)
    outlines: dict[int, Corners] = {}
    holes: dict[int, list[Corners]] = defaultdict(list)
    for ring in _rings(raster.pixels):
        x, y = min(ring, key=lambda corner: (corner[1], corner[0]))
        is_hole = not raster.pixels[int(y), int(x)]
        moved = [(raster.left + across, raster.top + down) for across, down in ring]
        if is_hole:
            holes[int(numbers[int(y) - 1, int(x)])].append(moved)
        else:
            outlines[int(numbers[int(y), int(x)])] = moved
    corners = sum(map(len, outlines.values())) + sum(len(ring) for some in holes.values() for ring in some)
    if corners > MOST_POINTS:
        raise BadShape(f"an outline of {corners} corners: expected at most {MOST_POINTS}")
    areas = np.bincount(numbers.ravel())
    return polygon_of(
        [
            PolygonPart(points=tuple(outlines[number]), holes=tuple(map(tuple, holes[number])))
            for number in sorted(outlines, key=lambda number: (-int(areas[number]), number))
        ]
    )


def corners_along(raster: Raster) -> int:
    """Return how many corners the outline of pixels has, without tracing it."""
    return len(_corners(raster.pixels)[0])


def polygon_of(parts: Sequence[PolygonPart]) -> Polygon:
    """Return one or more parts as one polygon."""
    return Polygon(points=parts[0].points, holes=parts[0].holes, parts=tuple(parts[1:]))


def mask_of(raster: Raster) -> Mask:
    """Return pixels as a mask.

    Raises:
        BadShape: No pixel is covered.
    """
    return Mask.of(raster.pixels, (raster.left, raster.top))


def _rings(pixels: Flags) -> list[Corners]:
    """Return all closed lines between covered and other pixels, as corners in turn."""
    rows, columns, beside, below = _corners(pixels)
    unseen = np.ones(len(rows), np.bool_)
    rings = []
    for first in range(len(rows)):
        if not unseen[first]:
            continue
        ring, at = [], first
        while unseen[at]:
            for step in (beside, below):
                unseen[at] = False
                ring.append((float(columns[at]), float(rows[at])))
                at = int(step[at])
        rings.append(ring)
    return rings


def _corners(pixels: Flags) -> tuple[Ints, Ints, Ints, Ints]:
    """Return where outlines turn, row by row, and which corner each is joined with along its row and its column.

    Where two pixels touch at a corner alone there are two: the upper one of these pixels has its own, on its side.
    """
    around = np.pad(pixels, 1).astype(np.int8)
    above_left, above, left, here = around[:-1, :-1], around[:-1, 1:], around[1:, :-1], around[1:, 1:]
    total = above_left + above + left + here
    touching = (total == 2) & (above_left == here)
    turns = (total == 1) | (total == 3) | touching
    rows, columns = np.nonzero(turns)
    twice = touching[rows, columns]
    rows, columns = np.repeat(rows, 1 + twice), np.repeat(columns, 1 + twice)
    count = len(rows)
    places = np.arange(count)
    beside = places ^ 1  # along a row corners are joined in pairs: even with odd
    second = np.zeros(count, np.int64)
    second[1:] = (rows[1:] == rows[:-1]) & (columns[1:] == columns[:-1])
    # The first of two has the edge to the left; it has the edge upwards, too, if the pixel above and left is covered.
    lower = np.where(above_left[rows, columns] == 1, second, 1 - second)
    order = np.lexsort((lower, rows, columns))
    below = np.empty(count, np.int64)
    below[order[0::2]], below[order[1::2]] = order[1::2], order[0::2]
    return rows, columns, beside, below
