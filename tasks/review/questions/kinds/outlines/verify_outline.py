"""Verify an outline: is this one right? As a single box is verified, with the outline in its crop instead of a frame.

A box around an object can be right where its outline is not, so what is certified of outlines is what people said of
outlines. Of a mask the line along its pixels is shown where one of few corners covers nearly the same, else its pixels.
"""

from collections.abc import Sequence
from typing import Any, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.shapes import Bounds, Polygon, Shape
from blocks.storage.links import Box as CropBox
from tasks.kinds.outlines.moving import moved_polygon
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import LEAST_IOU, MOST_CORNERS, corners_of, simplified
from tasks.kinds.outlines.trace import corners_along, mask_of, traced
from tasks.review.questions.kinds.controls import COLORS, IMAGE
from tasks.review.questions.kinds.outlines.brush_regions import BRUSH, to_brush_regions
from tasks.review.questions.kinds.outlines.outline import ShownOutline
from tasks.review.questions.kinds.outlines.polygon_regions import HOLE, POLYGON, to_polygon_regions
from tasks.review.questions.kinds.protocol import QuestionKind
from tasks.review.questions.kinds.verify import Verify, VerifyPayload

ALIKE = 0.995
"""Of the line that is shown with the pixels of a mask: what people judge is what is there."""

MOST_TRACED, MOST_DRAWN_PX = 10_000, 40_000_000
"""Corners of a line that is simplified, and pixels of the pictures of its rings: more takes seconds while posting."""


class VerifyOutlinePayload(VerifyPayload):
    """The one outline that is asked about; pixels of the upright item."""

    type: Literal["confirm-outline"] = "confirm-outline"  # type: ignore[assignment]  # a kind of its own
    outlines: list[ShownOutline] = Field(default_factory=list)


class VerifyOutline(Verify, QuestionKind[VerifyPayload]):
    """One choice about whether one outline is right."""

    name = "confirm-outline"
    payload = VerifyOutlinePayload
    control = "check-outline"
    other_controls = (POLYGON, BRUSH)

    def add_mark(self, view: ElementTree.Element, classes: Sequence[str]) -> None:
        """Show the outline, and nothing to draw with."""
        add_outline(view, classes)

    def shown(self, payload: VerifyPayload) -> list[dict[str, Any]]:
        """Return the outline in the crop: see `outline_in_crop`.

        Raises:
            ValueError: The question has no crop, or not exactly one outline.
        """
        assert isinstance(payload, VerifyOutlinePayload)
        if payload.crop is None or len(payload.outlines) != 1:
            raise ValueError(f"a question about a crop has one outline (got {len(payload.outlines)} outlines)")
        return outline_in_crop(payload.outlines[0], payload.crop)


VERIFY_OUTLINE = VerifyOutline()


def add_outline(view: ElementTree.Element, classes: Sequence[str]) -> None:
    """Let a crop show which object is meant by its outline, with nothing to draw with."""
    hidden = ElementTree.SubElement(view, "View", style="display:none")
    look = {"strokeWidth": "3", "opacity": "0", "pointSize": "small"}
    control = ElementTree.SubElement(hidden, "PolygonLabels", {"name": POLYGON, "toName": IMAGE, **look})
    for position, name in enumerate((*classes, HOLE)):
        ElementTree.SubElement(control, "Label", value=name, background=COLORS[position % len(COLORS)])
    brush = ElementTree.SubElement(hidden, "BrushLabels", {"name": BRUSH, "toName": IMAGE})
    for position, name in enumerate(classes):
        ElementTree.SubElement(brush, "Label", value=name, background=COLORS[position % len(COLORS)])


def outline_in_crop(one: ShownOutline, crop: CropBox) -> list[dict[str, Any]]:
    """Return an outline ring by ring, or as pixels, in a crop; without a score: people answer blind to it.

    Nothing is shown of pixels that lie outside of the crop.
    """
    left, top, right, bottom = crop
    size_wh = right - left, bottom - top
    line = as_line(one.shape)
    if line is not None:
        seen = one.model_copy(update={"shape": moved_polygon(line, -left, -top)})
        regions = to_polygon_regions([seen], size_wh)
    else:
        pixels = _inside(rasterised(one.shape), crop)
        shown = [one.model_copy(update={"shape": mask_of(pixels)})] if pixels.pixels.any() else []
        regions = to_brush_regions(shown, size_wh)
    for region in regions:
        del region["score"]
    return regions


def as_line(shape: Shape) -> Polygon | None:
    """Return the line that people judge for a shape: a polygon of few corners as it is, else one that is nearly alike.

    None: none of as many corners as can be shown is, or finding it takes long.
    """
    if isinstance(shape, Polygon) and corners_of(shape) <= MOST_CORNERS:
        return shape
    raster = rasterised(shape)
    corners = corners_of(shape) if isinstance(shape, Polygon) else corners_along(raster)
    if corners > MOST_TRACED:
        return None
    line = shape if isinstance(shape, Polygon) else traced(raster)
    rings = sum(1 + len(piece.holes) for piece in line.pieces)
    if rings * raster.pixels.size > MOST_DRAWN_PX:
        return None
    few = simplified(line, ALIKE)
    return few if corners_of(few) <= MOST_CORNERS and mask_iou(rasterised(few), raster) >= LEAST_IOU else None


def _inside(raster: Raster, crop: Bounds) -> Raster:
    """Return what of pixels a crop shows, in pixels of the crop."""
    left, top, right, bottom = map(int, crop)
    low_x, low_y = max(raster.left, left), max(raster.top, top)
    high_x, high_y = max(min(raster.right, right), low_x), max(min(raster.bottom, bottom), low_y)
    return Raster(low_x - left, low_y - top, raster.part(low_x, low_y, high_x, high_y))
