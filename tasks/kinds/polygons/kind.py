"""Polygons as a kind of label: alike by the pixels they cover, fused to one outline, worth their mask AP."""

from collections.abc import Sequence
from typing import Any

from blocks.shapes import Polygon, Shape
from tasks.kinds.by_hand import OUTLINES_BY_HAND
from tasks.kinds.geometry import RIGHT_IOU, Floats, same_edges
from tasks.kinds.metrics import Metrics
from tasks.kinds.outlines.average_precision import mask_average_precision
from tasks.kinds.outlines.fusion import fused
from tasks.kinds.outlines.raster import mask_iou_of_all, rasterised, shape_in
from tasks.kinds.outlines.simplify import simplified
from tasks.kinds.outlines.trace import traced
from tasks.kinds.protocol import LabelKind, Pixels


class PolygonsKind:
    """Outlines of objects, with their holes and parts."""

    name = "polygons"
    shapes = frozenset({"polygon"})
    has_identity = False
    asked_as = "polygons"
    proposer = "polygon-segments"
    trainer = "segmenter"
    same_from = 0.4
    """As of boxes: who outlines one object carelessly meets others at more, and neighbours share no pixels."""
    right_from = RIGHT_IOU
    same_class_bonus = 0.05
    by_hand = OUTLINES_BY_HAND

    def similarity(self, first: Sequence[Any], second: Sequence[Any]) -> Floats:
        """Return the mask IoU of each two."""
        return mask_iou_of_all(first, second)

    def fuse(self, shapes: Sequence[Shape], weights: Sequence[float]) -> Shape:
        """Return one outline of few corners in the weighted middle of several; of one alone itself."""
        if len(set(shapes)) == 1:
            return shapes[0]
        rasters = [rasterised(shape) for shape in shapes]
        if not all(one.area for one in rasters):  # thinner than a pixel: nothing to put a line between
            return max(zip(weights, range(len(shapes)), shapes, strict=True), key=lambda one: (one[0], -one[1]))[2]
        return simplified(traced(fused(rasters, weights)))

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether class and corners are the same."""
        return bool(one.class_name == other.class_name) and same_corners(shape_in(one), shape_in(other))

    def draw(self, picture: Pixels, shape: Shape, colour_bgr: tuple[int, int, int], line_px: int, scale: float) -> None:
        """Draw its outline, and those of its holes and parts."""
        draw_outline(picture, shape, colour_bgr, line_px, scale)

    def metrics(self, predicted: Sequence[Any], truth: Sequence[Any], classes: Sequence[str]) -> Metrics:
        """Return mask AP, of lists of `FoundShape` for each item."""
        return mask_average_precision(predicted, truth, classes)


def same_corners(one: Shape, other: Shape) -> bool:
    """Whether two polygons have the same corners in the same order, but for rounding."""
    if not (isinstance(one, Polygon) and isinstance(other, Polygon)):
        return one == other
    mine, theirs = ([ring for piece in each.pieces for ring in (piece.points, *piece.holes)] for each in (one, other))
    if [len(piece.holes) for piece in one.pieces] != [len(piece.holes) for piece in other.pieces]:
        return False
    return all(
        len(ring) == len(there) and all(same_edges((*a, 0, 0), (*b, 0, 0)) for a, b in zip(ring, there, strict=True))
        for ring, there in zip(mine, theirs, strict=True)
    )


def draw_outline(picture: Pixels, shape: Shape, colour_bgr: tuple[int, int, int], line_px: int, scale: float) -> None:
    """Draw the rings of a polygon given in pixels of the item into a picture that is shown at a scale."""
    import cv2
    import numpy as np

    if isinstance(shape, Polygon):
        rings = [np.rint(np.array(ring) * scale) for each in shape.pieces for ring in (each.points, *each.holes)]
        cv2.polylines(picture, [ring.astype(np.int32) for ring in rings], True, colour_bgr, line_px, cv2.LINE_AA)


POLYGONS: LabelKind = PolygonsKind()
