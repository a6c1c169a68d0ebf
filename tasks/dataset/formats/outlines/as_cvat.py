"""An outline or mask as the facts of CVAT's `polygon` and `mask`.

A polygon of CVAT is one ring without holes: one of several parts, or with holes, is written as the mask it covers.

Source:
    https://docs.cvat.ai/docs/manual/advanced/xml_format/: `rle` is of the rectangle, row by row, outside first.
"""

from blocks.shapes import Mask, Polygon
from tasks.kinds.outlines.raster import rasterised
from tasks.kinds.outlines.trace import mask_of


def outline_facts(shape: Polygon | Mask) -> tuple[str, dict[str, object]]:
    """Return the tag of a shape, and the facts that say where it is."""
    if isinstance(shape, Polygon) and not shape.holes and not shape.parts:
        return "polygon", {"points": ";".join(f"{x:.10g},{y:.10g}" for x, y in shape.points)}
    mask = shape if isinstance(shape, Mask) else mask_of(rasterised(shape))
    place = {"left": mask.left, "top": mask.top, "width": mask.width, "height": mask.height}
    return "mask", {"rle": ", ".join(map(str, mask.runs)), **place}
