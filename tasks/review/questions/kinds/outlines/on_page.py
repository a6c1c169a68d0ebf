"""An outline on a page of crops: a line of few corners, as a picture of a thumb's size shows it."""

from blocks.shapes import Box, Shape
from tasks.kinds.outlines.raster import Points
from tasks.kinds.outlines.simplify import simplified
from tasks.review.questions.kinds.outlines.verify_outline import as_line

MOST_SHOWN = 80
"""Corners: a crop is 155 px wide at most."""


def rings_of(shape: Shape) -> tuple[Points, ...]:
    """Return the lines that show a shape, pixels of the item to a tenth; none of a box, which has its frame.

    None either where no line follows it: its frame is shown then.
    """
    line = None if isinstance(shape, Box) else as_line(shape)
    if line is None:
        return ()
    few = simplified(line, most_corners=MOST_SHOWN)
    rings = (ring for piece in few.pieces for ring in (piece.points, *piece.holes))
    return tuple(tuple((round(x, 1), round(y, 1)) for x, y in ring) for ring in rings)
