"""Verify an outline: is this one right? As a single box is verified, with the outline in its crop instead of a frame.

A box around an object can be right where its outline is not, so what is certified of outlines is what people said of
outlines. Of a mask the line along its pixels is shown.
"""

from collections.abc import Sequence
from typing import Any, Literal
from xml.etree import ElementTree

from pydantic import Field

from blocks.shapes import Polygon, Shape
from tasks.kinds.outlines.moving import moved_polygon
from tasks.kinds.outlines.raster import rasterised
from tasks.kinds.outlines.simplify import MOST_CORNERS, corners_of, simplified
from tasks.kinds.outlines.trace import traced
from tasks.review.questions.kinds.controls import COLORS, IMAGE
from tasks.review.questions.kinds.outlines.outline import ShownOutline
from tasks.review.questions.kinds.outlines.polygon_regions import HOLE, POLYGON, to_polygon_regions
from tasks.review.questions.kinds.protocol import QuestionKind
from tasks.review.questions.kinds.verify import Verify, VerifyPayload

ALIKE = 0.995
"""Of the line that is shown with the pixels of a mask: what people judge is what is there."""


class VerifyOutlinePayload(VerifyPayload):
    """The one outline that is asked about; pixels of the upright item."""

    type: Literal["confirm-outline"] = "confirm-outline"  # type: ignore[assignment]  # a kind of its own
    outlines: list[ShownOutline] = Field(default_factory=list)


class VerifyOutline(Verify, QuestionKind[VerifyPayload]):
    """One choice about whether one outline is right."""

    name = "confirm-outline"
    payload = VerifyOutlinePayload
    control = "check-outline"
    other_controls = (POLYGON,)

    def add_mark(self, view: ElementTree.Element, classes: Sequence[str]) -> None:
        """Show the outline, and nothing to draw with."""
        hidden = ElementTree.SubElement(view, "View", style="display:none")
        look = {"strokeWidth": "3", "opacity": "0", "pointSize": "small"}
        control = ElementTree.SubElement(hidden, "PolygonLabels", {"name": POLYGON, "toName": IMAGE, **look})
        for position, name in enumerate((*classes, HOLE)):
            ElementTree.SubElement(control, "Label", value=name, background=COLORS[position % len(COLORS)])

    def shown(self, payload: VerifyPayload) -> list[dict[str, Any]]:
        """Return the outline ring by ring, in the crop; without a score, since people answer blind to it.

        Raises:
            ValueError: The question has no crop, or not exactly one outline.
        """
        assert isinstance(payload, VerifyOutlinePayload)
        if payload.crop is None or len(payload.outlines) != 1:
            raise ValueError(f"a question about a crop has one outline (got {len(payload.outlines)} outlines)")
        left, top, right, bottom = payload.crop
        one = payload.outlines[0]
        seen = one.model_copy(update={"shape": moved_polygon(as_line(one.shape), -left, -top)})
        regions = to_polygon_regions([seen], (right - left, bottom - top))
        for region in regions:
            del region["score"]
        return regions


VERIFY_OUTLINE = VerifyOutline()


def as_line(shape: Shape) -> Polygon:
    """Return a polygon as it is, and of a mask or a box the line around it, of as many corners as can be shown."""
    if not isinstance(shape, Polygon):
        return simplified(traced(rasterised(shape)), ALIKE)
    return shape if corners_of(shape) <= MOST_CORNERS else simplified(shape, ALIKE)
