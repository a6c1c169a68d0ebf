"""Boxes as a kind of label: alike by IoU, fused edge by edge, worth their average precision."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from blocks.shapes import Bounds, Box, Shape
from tasks.kinds.boxes.average_precision import average_precision
from tasks.kinds.boxes.fusion import EXPECTED_NOISE, GroupedBoxes, fuse
from tasks.kinds.by_hand import BOXES_BY_HAND
from tasks.kinds.geometry import RIGHT_IOU, Floats, bounds_of, edges_of, iou_of_all, same_edges
from tasks.kinds.metrics import Metrics
from tasks.kinds.protocol import LabelKind, Pixels


class BoxesKind:
    """Upright rectangles around objects."""

    name = "boxes"
    shapes = frozenset({"box"})
    has_identity = False
    asked_as = "boxes"
    proposer = "tiles"
    trainer = "detector"
    same_from = 0.4
    """Mean IoU of one object. Careless hands meet at 0.4 to 0.6, parked neighbours below 0.3."""
    right_from = RIGHT_IOU
    same_class_bonus = 0.05
    by_hand = BOXES_BY_HAND

    def similarity(self, first: Sequence[Any], second: Sequence[Any]) -> Floats:
        """Return the IoU of each two."""
        mine = edges_of(first)
        return iou_of_all(mine, mine if second is first else edges_of(second))

    def fuse(self, shapes: Sequence[Shape], weights: Sequence[float]) -> Shape:
        """Return one box: every edge a robust mean (see `fusion.py`)."""
        bounds = [shape.bounds() for shape in shapes]
        edges, count = np.array(bounds, dtype=np.float64), len(bounds)
        alone = GroupedBoxes(edges, np.arange(count), np.zeros(count, dtype=np.int64), 1)
        noise = EXPECTED_NOISE / np.sqrt(np.asarray(weights, dtype=np.float64))
        x_min, y_min, x_max, y_max = fuse(alone, noise).edges_xyxy_px[0].tolist()
        return Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether class and edges are the same."""
        return bool(one.class_name == other.class_name) and same_edges(bounds_of(one), bounds_of(other))

    def draw(self, picture: Pixels, shape: Shape, colour_bgr: tuple[int, int, int], line_px: int, scale: float) -> None:
        """Draw its four edges; what has none is not drawn."""
        edges = shape.bounds()
        if edges is not None:
            draw_edges(picture, edges, colour_bgr, line_px, scale)

    def metrics(self, predicted: Sequence[Any], truth: Sequence[Any], classes: Sequence[str]) -> Metrics:
        """Return average precision, of `supervision.Detections` for each item."""
        return average_precision(predicted, truth, classes)


def draw_edges(picture: Pixels, edges_px: Bounds, colour_bgr: tuple[int, int, int], line_px: int, scale: float) -> None:
    """Draw a rectangle given in pixels of the item into a picture that is shown at a scale."""
    import cv2

    x_min, y_min, x_max, y_max = (round(edge * scale) for edge in edges_px)
    cv2.rectangle(picture, (x_min, y_min), (x_max, y_max), colour_bgr, line_px, cv2.LINE_AA)


BOXES: LabelKind = BoxesKind()
