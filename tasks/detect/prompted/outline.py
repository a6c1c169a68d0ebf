"""The outline of a clicked object from what a network found of it: as far as that keeps to the clicks."""

import numpy as np

from blocks.shapes import Polygon, PolygonPart
from blocks.storage.links import Box
from tasks.kinds.geometry import Flags
from tasks.kinds.outlines.raster import Raster
from tasks.kinds.outlines.simplify import simplified
from tasks.kinds.outlines.trace import polygon_of, traced
from tasks.suggest.outlining.extremes import Extremes
from tasks.suggest.outlining.grab import HAND_PX, LEAST_ALIKE, MOST_CORNERS

AGREES_SHARE, AGREES_PX = 0.15, 4.0
"""By how much what was found may be off the clicks: of the longer side, and at least in pixels."""


def outline_of(found: Flags, extremes: Extremes, box: Box) -> Polygon | None:
    """Return the outline, of few corners, of what was found between four clicks; None: it is something else.

    It is one piece without holes, the largest, and no larger than the clicks say. Where an edge of it is far from them,
    or a click far from it, it is another object, a part, or nothing.

    Args:
        found: Which cells of a box, shape (rows, columns): its pixels, or fewer and larger ones.
        extremes: In pixels of the picture.
        box: Around the clicks, in pixels of the picture.
    """
    across, down = found.shape[1] / (box[2] - box[0]), found.shape[0] / (box[3] - box[1])
    clicks = Extremes(*(((x - box[0]) * across, (y - box[1]) * down) for x, y in extremes.points))
    outline = _outline(found, clicks, min(1.0, across, down))
    if outline is None:
        return None
    return polygon_of([PolygonPart(points=tuple((box[0] + x / across, box[1] + y / down) for x, y in outline.points))])


def _outline(found: Flags, extremes: Extremes, scale: float) -> Polygon | None:
    """Return the outline in cells, given how many of them are as long as a pixel."""
    piece = _largest(found)
    if piece is None:
        return None
    rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
    edges = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    x_min, y_min, x_max, y_max = extremes.edges
    bound = max(AGREES_SHARE * max(x_max - x_min, y_max - y_min), AGREES_PX * scale)
    if (np.abs(edges - np.array(extremes.edges)) > bound).any() or _farthest(piece, extremes) > bound:
        return None
    within, hand = np.zeros_like(piece), HAND_PX * scale
    low, high = np.floor((x_min - hand, y_min - hand)), np.ceil((x_max + hand, y_max + hand))
    (left, top), (right, bottom) = np.maximum(low, 0).astype(int), high.astype(int)
    within[top:bottom, left:right] = piece[top:bottom, left:right]
    cut = _largest(within)
    return None if cut is None else simplified(traced(Raster(0, 0, cut)), LEAST_ALIKE, MOST_CORNERS)


def _farthest(piece: Flags, extremes: Extremes) -> float:
    """Return how far the click that is farthest from some pixels is from them."""
    import cv2

    height, width = piece.shape
    away = cv2.distanceTransform((~piece).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return max(float(away[min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)]) for x, y in extremes.points)


def _largest(inside: Flags) -> Flags | None:
    """Return the largest piece of some pixels, without holes; None: there is none."""
    import cv2

    count, numbers, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=4)
    if count < 2:
        return None
    one = (numbers == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    outside = np.pad(one, 1)
    cv2.floodFill(outside, None, (0, 0), 2)
    return np.asarray(outside[1:-1, 1:-1] != 2, np.bool_)
