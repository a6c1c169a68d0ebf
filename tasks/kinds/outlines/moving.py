"""Outlines and masks in pixels of another rectangle: of a part of a picture, or back in those of all of it."""

from blocks.shapes import Mask, Polygon, PolygonPart, Shape
from tasks.kinds.outlines.raster import Points
from tasks.kinds.outlines.trace import polygon_of


def moved(shape: Shape, right: int, down: int) -> Shape:
    """Return a polygon or mask so many pixels to the right and down, other shapes as they are.

    No mask may come to lie above or left of 0.
    """
    if isinstance(shape, Mask):
        return shape.model_copy(update={"left": shape.left + right, "top": shape.top + down})
    return moved_polygon(shape, right, down) if isinstance(shape, Polygon) else shape


def moved_polygon(polygon: Polygon, right: float, down: float) -> Polygon:
    """Return a polygon so many pixels to the right and down."""

    def ring(points: Points) -> tuple[tuple[float, float], ...]:
        return tuple((x + right, y + down) for x, y in points)

    return polygon_of(
        [PolygonPart(points=ring(piece.points), holes=tuple(map(ring, piece.holes))) for piece in polygon.pieces]
    )
