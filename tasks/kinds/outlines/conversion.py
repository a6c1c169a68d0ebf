"""A shape as another kind of label has it: boxes, polygons and masks, and what is lost on the way."""

from blocks.errors import BadShape
from blocks.shapes import Box, Mask, Polygon, Shape
from tasks.kinds.outlines.raster import rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.kinds.protocol import LabelKind


def converted(shape: Shape, kind: LabelKind) -> Shape | None:
    """Return a shape as a kind has it; None: the kind has none such.

    A mask becomes the polygon along its pixels' edges, which is it again to the pixel; a polygon the pixels that it
    covers; a box its four corners. To boxes, all but the box around it is lost.

    Raises:
        BadShape: It covers no pixel, so it is no mask.
    """
    if shape.type in kind.shapes:
        return shape
    if not isinstance(shape, Box | Polygon | Mask):
        return None
    if "box" in kind.shapes:
        x_min, y_min, x_max, y_max = shape.bounds()
        return Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)
    if "mask" in kind.shapes:
        return mask_of(rasterised(shape))
    return _as_polygon(shape) if "polygon" in kind.shapes else None


def _as_polygon(shape: Box | Polygon | Mask) -> Polygon:
    if isinstance(shape, Mask):
        return traced(rasterised(shape))
    x_min, y_min, x_max, y_max = shape.bounds()
    return Polygon(points=((x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)))


def converted_with_loss(shape: Shape, kind: LabelKind) -> tuple[Shape | None, str | None]:
    """Return a shape as a kind has it, and what is lost on the way, in the words that are counted.

    Returns:
        The shape, None where the kind has none such; and what is lost, None where nothing is.
    """
    try:
        found = converted(shape, kind)
    except BadShape:
        return None, f"{shape.type}s thinner than a pixel, left out"
    return found, _lost_by(shape, kind)


def _lost_by(shape: Shape, kind: LabelKind) -> str | None:
    if shape.type in kind.shapes or isinstance(shape, Box):
        return None
    if "box" in kind.shapes:
        return f"{shape.type}s of which only the box around them is left"
    return f"{shape.type}s whose edges are now those of pixels" if "mask" in kind.shapes else None
