"""COCO's `segmentation`: polygons, one ring for each part, or lengths of runs, which alone can have holes.

Source:
    https://cocodataset.org/#format-data; pycocotools draws rings in the same corner coordinates.
"""

from collections.abc import Mapping
from typing import Any

from blocks.shapes import Mask, Polygon, Shape
from tasks.kinds.outlines.raster import coco_rle, raster_of_coco, rasterised
from tasks.kinds.outlines.trace import mask_of
from tasks.kinds.outlines.valid import joined, outlined


def segmentation_of(shape: Shape | None, size_wh: tuple[int, int]) -> tuple[Any, float | None]:
    """Return an outline or mask as COCO has it, and its area in pixels; nothing of a box.

    A polygon with holes is written as what it covers: COCO's rings have none.
    """
    if not isinstance(shape, Polygon | Mask):
        return [], None
    raster = rasterised(shape)
    area = float(raster.area)
    if isinstance(shape, Polygon) and not any(piece.holes for piece in shape.pieces):
        return [[edge for point in piece.points for edge in point] for piece in shape.pieces], area
    return {**(rle := coco_rle(raster, size_wh)), "counts": rle["counts"].decode()}, area


def outline_of(value: Any) -> Shape | None:
    """Return the outline or mask of an annotation; None: it has none.

    Raises:
        BadShape: It is none: runs that do not add up, or a ring without area.
    """
    if isinstance(value, Mapping):
        return mask_of(raster_of_coco(value))
    rings = [ring for ring in value or () if isinstance(ring, list)]
    if not rings:
        return None
    found = []
    for ring in rings:
        numbers = [float(edge) for edge in ring]
        found.append(outlined(list(zip(numbers[::2], numbers[1::2], strict=False))))
    return joined(found)
