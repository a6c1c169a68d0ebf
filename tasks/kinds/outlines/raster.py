"""Which pixels a shape covers, by one rasteriser: that of pycocotools, in corner coordinates.

A pixel (x, y) reaches from x to x + 1 and from y to y + 1, so an outline along the edges of pixels covers exactly
these. Holes are taken out and parts are put together pixel by pixel. Only the smallest rectangle of whole pixels around
a shape is drawn, so what an object costs is its own size and not that of its picture.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blocks.errors import BadShape
from blocks.shapes import MOST_PIXELS, Box, Mask, Polygon, Shape, read_shape, shape_of
from tasks.kinds.geometry import Flags, Floats

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Raster:
    """Pixels of an item that a shape covers.

    Attributes:
        left: First column of the rectangle, in pixels of the item.
        top: First row of it.
        pixels: Which of its pixels are covered, shape (height, width).
    """

    left: int
    top: int
    pixels: Flags

    @property
    def area(self) -> int:
        """How many pixels are covered."""
        return int(np.count_nonzero(self.pixels))

    @property
    def right(self) -> int:
        """The first column behind the rectangle."""
        return self.left + self.pixels.shape[1]

    @property
    def bottom(self) -> int:
        """The first row under the rectangle."""
        return self.top + self.pixels.shape[0]

    def part(self, left: int, top: int, right: int, bottom: int) -> Flags:
        """Return what is covered of a rectangle that lies inside this one."""
        return self.pixels[top - self.top : bottom - self.top, left - self.left : right - self.left]


def rasterised(shape: Shape) -> Raster:
    """Return which pixels a shape covers; none at all where it is thinner than a pixel.

    Raises:
        BadShape: It has no place, or reaches over more pixels than any picture has.
    """
    if isinstance(shape, Mask):
        return Raster(shape.left, shape.top, shape.pixels())
    if isinstance(shape, Box):
        x_min, y_min, x_max, y_max = shape.bounds()
        shape = Polygon(points=((x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)))
    if not isinstance(shape, Polygon):
        raise BadShape(f"a {shape.type} covers no pixels: expected a box, a polygon or a mask")
    x_min, y_min, x_max, y_max = shape.bounds()
    left, top = math.floor(x_min), math.floor(y_min)
    width, height = max(math.ceil(x_max) - left, 1), max(math.ceil(y_max) - top, 1)
    if width * height > MOST_PIXELS:
        raise BadShape(f"a polygon over {width}×{height} pixels: expected at most {MOST_PIXELS}")
    covered = np.zeros((height, width), np.bool_)
    for piece in shape.pieces:
        inside = _ring(piece.points, left, top, width, height)
        for hole in piece.holes:
            inside &= ~_ring(hole, left, top, width, height)
        covered |= inside
    return Raster(left, top, covered)


def shape_in(row: Any) -> Shape:
    """Return the shape of a row, whatever row has it: of the catalogue, of an answer, or of a prediction."""
    value = row.shape
    if value is None or isinstance(value, Mapping):
        return shape_of(row) if value is None else read_shape(value)
    return value  # type: ignore[no-any-return]


def mask_iou(first: Raster, second: Raster) -> float:
    """Return the pixels that both cover over those that either does, 0 to 1; 0 where neither covers any."""
    left, top = max(first.left, second.left), max(first.top, second.top)
    right, bottom = min(first.right, second.right), min(first.bottom, second.bottom)
    if left >= right or top >= bottom:
        return 0.0
    both = int(np.count_nonzero(first.part(left, top, right, bottom) & second.part(left, top, right, bottom)))
    return both / (first.area + second.area - both) if both else 0.0


def mask_iou_of_all(first: Sequence[Any], second: Sequence[Any]) -> Floats:
    """Return the mask IoU of every row with every other one, shape (n, m), 0 to 1; n and m may be 0."""
    found = np.zeros((len(first), len(second)), np.float64)
    mine = [rasterised(shape_in(row)) for row in first]
    others = mine if second is first else [rasterised(shape_in(row)) for row in second]
    for row, one in enumerate(mine):
        for column, other in enumerate(others):
            if others is mine and column < row:
                found[row, column] = found[column, row]
            else:
                found[row, column] = mask_iou(one, other)
    return found


def coco_rle(raster: Raster, size_wh: tuple[int, int]) -> dict[str, Any]:
    """Return pixels as COCO's compressed lengths of runs, column by column over a whole picture.

    Args:
        raster: Its rectangle lies inside the picture.
        size_wh: Of the picture, in pixels.
    """
    from pycocotools import mask as coco

    width, height = size_wh
    return dict(coco.frPyObjects({"size": [height, width], "counts": coco_counts(raster, size_wh)}, height, width))


def coco_counts(raster: Raster, size_wh: tuple[int, int]) -> list[int]:
    """Return pixels as COCO's plain lengths of runs: outside, inside, and so on, column by column."""
    width, height = size_wh
    columns = np.pad(raster.pixels.T, ((0, 0), (1, 1)))
    edges = columns[:, 1:] != columns[:, :-1]
    column, row = np.nonzero(edges)
    places = (raster.left + column.astype(np.int64)) * height + raster.top + row
    starts, ends = places[0::2], places[1::2]
    apart = starts[1:] != ends[:-1]  # a run to the bottom goes on at the top of the next column
    begun, ended = np.concatenate((starts[:1], starts[1:][apart])), np.concatenate((ends[:-1][apart], ends[-1:]))
    turns = np.stack([begun, ended], axis=1).ravel()
    return [int(length) for length in np.diff(np.concatenate(([0], turns, [width * height])))]


def raster_of_coco(value: Mapping[str, Any]) -> Raster:
    """Return the pixels of COCO's lengths of runs, plain or compressed.

    Raises:
        BadShape: They are none, or do not add up to their picture.
    """
    size, counts = value.get("size"), value.get("counts")
    if not (isinstance(size, list | tuple) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)):
        raise BadShape(f"expected the 'size' of a mask as [height, width], got {size!r:.80}")
    height, width = size
    if height * width > MOST_PIXELS:
        raise BadShape(f"a mask of {width}×{height} pixels: expected at most {MOST_PIXELS}")
    lengths = counts if isinstance(counts, list) else _decompressed(counts)
    if not all(type(length) is int and length >= 0 for length in lengths) or sum(lengths) != height * width:
        told = sum(length for length in lengths if type(length) is int)
        raise BadShape(
            f"lengths of runs that add up to {told} (expected {width}×{height} = {width * height} pixels, none below 0)"
        )
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(width, height).T
    return Raster(0, 0, np.asarray(inside, np.bool_))


def _decompressed(counts: Any) -> list[int]:
    """Return lengths of runs from COCO's text: groups of five bits, the sixth says that more follow.

    Source:
        cocoapi, common/maskApi.c, rleFrString: from the third one on, lengths are differences to the last but one.
    """
    text = counts.encode() if isinstance(counts, str) else counts
    if not isinstance(text, bytes):
        raise BadShape(f"expected 'counts' as text or a list, got {counts!r:.80}")
    lengths: list[int] = []
    value = shift = 0
    for byte in text:
        bits = byte - 48
        if not 0 <= bits < 64 or shift > 60:
            raise BadShape("'counts' that are no lengths of runs")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    return lengths


def _ring(points: Points, left: int, top: int, width: int, height: int) -> Flags:
    from pycocotools import mask as coco

    flat = [float(edge) for x, y in points for edge in (x - left, y - top)]
    # Its own `decode` does not know NumPy 2's way of copying, and warns each time (2.0.11).
    return raster_of_coco(coco.frPyObjects([flat], height, width)[0]).pixels
