"""Polygons as their corners alone decide, by shapely: what crosses itself, joining parts, and cutting out holes.

A ring that crosses itself becomes what it encloses an odd number of times, as pycocotools draws it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from blocks.errors import BadShape
from blocks.shapes import MOST_POINTS, Bounds, Polygon, PolygonPart
from tasks.kinds.outlines.raster import Points
from tasks.kinds.outlines.trace import polygon_of

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

LEAST_AREA_PX2 = 1e-3
"""Less than a thousandth of a pixel is no area."""


def outlined(points: Points, what: str = "a polygon") -> Polygon:
    """Return the polygon that a ring of corners encloses, in parts where it crosses itself.

    Args:
        points: Corners; the first may stand again at the end.
        what: Which, for the message.

    Raises:
        BadShape: It has fewer than three corners, too many, or no area.
    """
    ring = [point for at, point in enumerate(points) if point != points[at - 1]]
    if not 3 <= len(ring) <= MOST_POINTS:
        raise BadShape(f"{what} has {len(ring)} different corners (expected 3 to {MOST_POINTS})")
    from shapely import Polygon as Outline

    drawn = Outline(ring)
    if drawn.is_valid and drawn.area >= LEAST_AREA_PX2:
        return Polygon(points=tuple(ring))
    found = of_geometry(_repaired(drawn))
    if found is None:
        raise BadShape(f"{what} has no area")
    return found


def joined(polygons: Sequence[Polygon]) -> Polygon:
    """Return several as the parts of one, as they are."""
    return polygon_of([piece for polygon in polygons for piece in polygon.pieces])


def cut_out(polygon: Polygon, hole: Polygon) -> Polygon | None:
    """Return a polygon without a hole; None: nothing is left.

    A hole inside one part stays a ring of its own, with its own corners; others change the outline.
    """
    from shapely import Polygon as Outline

    if len(hole.pieces) == 1 and not hole.holes:
        ring = Outline(hole.points)
        for at, piece in enumerate(polygon.pieces):
            if Outline(piece.points, piece.holes).contains(ring):
                cut = PolygonPart(points=piece.points, holes=(*piece.holes, hole.points))
                return polygon_of([*polygon.pieces[:at], cut, *polygon.pieces[at + 1 :]])
    return of_geometry(geometry_of(polygon).difference(geometry_of(hole)))


def clipped(polygon: Polygon, edges_px: Bounds, least_share: float = 0.0) -> Polygon | None:
    """Return what lies inside a rectangle, the largest part first; None where that is less than a share of the area."""
    from shapely import box

    whole = geometry_of(polygon)
    left = whole.intersection(box(*edges_px))
    return of_geometry(left) if left.area >= least_share * whole.area else None


def geometry_of(polygon: Polygon) -> "BaseGeometry":
    """Return a polygon as shapely has it, valid."""
    from shapely import Polygon as Outline
    from shapely import union_all

    return union_all([_repaired(Outline(piece.points, piece.holes)) for piece in polygon.pieces])


def of_geometry(geometry: Any) -> Polygon | None:
    """Return what has an area of a geometry, the largest part first; None: nothing has."""
    outlines = [each for each in getattr(geometry, "geoms", [geometry]) if each.geom_type == "Polygon"]
    large = sorted((each for each in outlines if each.area >= LEAST_AREA_PX2), key=lambda each: -each.area)
    parts = [
        PolygonPart(points=_ring(each.exterior), holes=tuple(_ring(hole) for hole in each.interiors)) for each in large
    ]
    return polygon_of(parts) if parts else None


def _repaired(drawn: Any) -> Any:
    from shapely import make_valid

    return drawn if drawn.is_valid else make_valid(drawn, method="linework")


def _ring(line: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in line.coords[:-1])
