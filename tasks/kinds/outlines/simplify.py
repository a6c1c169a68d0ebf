"""Polygons with few corners that cover nearly the same pixels: Label Studio freezes at thousands of corners.

Source:
    Douglas and Peucker, "Algorithms for the reduction of the number of points required to represent a digitized line or
    its caricature", 1973; OpenCV's `approxPolyDP`.
"""

import numpy as np

from blocks.shapes import Polygon, PolygonPart
from tasks.kinds.outlines.raster import Points, Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import polygon_of

LEAST_IOU = 0.98
"""Of a simplified outline with what it stands for: a shaky hand moves an outline by more."""

MOST_CORNERS = 600
"""Of an outline that people see or draw; of more it is simplified until it has so few, whatever that costs."""

FIRST_PX, LAST_PX, STEPS = 0.25, 64.0, 7
"""Tolerances that are tried: between the first and the last, halving the distance so many times."""


def corners_of(polygon: Polygon) -> int:
    """Return how many corners a polygon has, with those of its holes and parts."""
    return sum(len(ring) for piece in polygon.pieces for ring in (piece.points, *piece.holes))


def simplified(polygon: Polygon, least_iou: float = LEAST_IOU, most_corners: int = MOST_CORNERS) -> Polygon:
    """Return a polygon of as few corners as cover nearly the same; holes and parts stay where they keep an area.

    Args:
        polygon: Of any number of corners.
        least_iou: With the pixels that the polygon covers.
        most_corners: It has no more, even where it then covers less alike.
    """
    truth = rasterised(polygon)
    found = _within(polygon, truth, least_iou)
    tolerance = FIRST_PX
    while corners_of(found) > most_corners and tolerance < LAST_PX * LAST_PX:
        tolerance *= 2
        found = _at(polygon, tolerance) or found
    return found


def _within(polygon: Polygon, truth: Raster, least_iou: float) -> Polygon:
    """Return the one of fewest corners among those at the largest tolerance that is alike enough, found by halving."""
    best = polygon
    for start in filter(None, (polygon, _along_edges(polygon))):
        low, high = np.log(FIRST_PX), np.log(LAST_PX)
        for _ in range(STEPS):
            middle = (low + high) / 2
            tried = _at(start, float(np.exp(middle)))
            if tried is not None and mask_iou(rasterised(tried), truth) >= least_iou:
                low, best = middle, tried if corners_of(tried) < corners_of(best) else best
            else:
                high = middle
    return best


def _along_edges(polygon: Polygon) -> Polygon | None:
    """Return what goes through the middles of pixels' edges, where an outline follows these: a line without steps."""
    if not all(_is_traced(ring) for piece in polygon.pieces for ring in (piece.points, *piece.holes)):
        return None
    pieces = (
        PolygonPart(points=_middles(piece.points), holes=tuple(map(_middles, piece.holes))) for piece in polygon.pieces
    )
    return polygon_of(list(pieces))


def _is_traced(ring: Points) -> bool:
    corners = np.array(ring)
    steps = np.abs(np.roll(corners, -1, axis=0) - corners)
    return bool((corners == np.rint(corners)).all() and (steps.min(axis=1) == 0).all())


def _middles(ring: Points) -> tuple[tuple[float, float], ...]:
    corners = np.array(ring)
    steps = np.roll(corners, -1, axis=0) - corners
    lengths = np.abs(steps).sum(axis=1).astype(np.int64)
    at = np.concatenate([np.arange(length) + 0.5 for length in lengths])
    points = np.repeat(corners, lengths, axis=0) + np.repeat(np.sign(steps), lengths, axis=0) * at[:, None]
    return tuple((float(x), float(y)) for x, y in points)


def _at(polygon: Polygon, tolerance_px: float) -> Polygon | None:
    parts = []
    for piece in polygon.pieces:
        points = _ring_at(piece.points, tolerance_px)
        if points:
            holes = (_ring_at(hole, tolerance_px) for hole in piece.holes)
            parts.append(PolygonPart(points=points, holes=tuple(hole for hole in holes if hole)))
    return polygon_of(parts) if parts else None


def _ring_at(points: Points, tolerance_px: float) -> tuple[tuple[float, float], ...]:
    import cv2

    ring = np.array(points, np.float32)
    kept = cv2.approxPolyDP((ring - ring[0]).reshape(-1, 1, 2), tolerance_px, closed=True).reshape(-1, 2) + ring[0]
    has_area = len(kept) >= 3 and bool((kept.max(axis=0) > kept.min(axis=0)).all())
    return tuple((float(x), float(y)) for x, y in kept) if has_area else ()
