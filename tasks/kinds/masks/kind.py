"""Masks as a kind of label: alike by the pixels they share, fused to one, worth their mask AP."""

from collections.abc import Sequence
from typing import Any

from blocks.shapes import Mask, Shape
from tasks.kinds.by_hand import OUTLINES_BY_HAND
from tasks.kinds.geometry import RIGHT_IOU, Floats
from tasks.kinds.metrics import Metrics
from tasks.kinds.outlines.average_precision import mask_average_precision
from tasks.kinds.outlines.fusion import fused
from tasks.kinds.outlines.raster import mask_iou_of_all, rasterised, shape_in
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.kinds.polygons.kind import draw_outline
from tasks.kinds.protocol import LabelKind, Pixels


class MasksKind:
    """Pixels of objects."""

    name = "masks"
    shapes = frozenset({"mask"})
    has_identity = False
    asked_as = "masks"
    proposer = "mask-segments"
    trainer = "segmenter"
    same_from = 0.4
    right_from = RIGHT_IOU
    same_class_bonus = 0.05
    by_hand = OUTLINES_BY_HAND

    def similarity(self, first: Sequence[Any], second: Sequence[Any]) -> Floats:
        """Return the mask IoU of each two."""
        return mask_iou_of_all(first, second)

    def fuse(self, shapes: Sequence[Shape], weights: Sequence[float]) -> Shape:
        """Return the pixels within the weighted middle of several outlines; of one alone itself."""
        if len(set(shapes)) == 1:
            return shapes[0]
        return mask_of(fused([rasterised(shape) for shape in shapes], weights))

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether class and pixels are the same."""
        return bool(one.class_name == other.class_name) and shape_in(one) == shape_in(other)

    def draw(self, picture: Pixels, shape: Shape, colour_bgr: tuple[int, int, int], line_px: int, scale: float) -> None:
        """Draw the line along the edges of its pixels."""
        if isinstance(shape, Mask):
            draw_outline(picture, traced(rasterised(shape)), colour_bgr, line_px, scale)

    def metrics(self, predicted: Sequence[Any], truth: Sequence[Any], classes: Sequence[str]) -> Metrics:
        """Return mask AP, of lists of `FoundShape` for each item."""
        return mask_average_precision(predicted, truth, classes)


MASKS: LabelKind = MasksKind()
