"""The outline of an object whose four extremes are known: GrabCut around a core, as far as it keeps to the clicks.

GrabCut finds objects whose colours differ from what is around them, and loses itself in others. So what it finds is
taken where its box is that of the clicks. Elsewhere the octagon around the clicks is worth more: what was found moves
it, and no more.

Source:
    Rother et al., "GrabCut: interactive foreground extraction using iterated graph cuts", SIGGRAPH 2004, by OpenCV.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from blocks.shapes import Bounds, Polygon, PolygonPart
from tasks.kinds.geometry import Flags, Floats
from tasks.kinds.outlines.fusion import fused
from tasks.kinds.outlines.raster import Raster, mask_iou
from tasks.kinds.outlines.simplify import simplified
from tasks.kinds.outlines.trace import polygon_of, traced
from tasks.suggest.outlining.extremes import Extremes, curve, octagon

Pixels = npt.NDArray[np.uint8]

SIDE_PX = 64
"""The longer side of the box as it is looked at: finer, it takes longer than a person waits, and finds no more."""

AROUND_SHARE, AROUND_LEAST_PX = 0.3, 6.0
"""How much of the surroundings is looked at."""

HAND_PX = 1.5
"""By how much a click is off: so far outside of its box an object may reach."""

CORE_SHARE = 0.5
"""The core, which is surely the object: as far inside the curve as this share of the farthest point."""

ROUNDS = 1
"""Of GrabCut: more of them take longer and find no more."""

AGREES_SHARE, AGREES_PX = 0.08, 3.0
"""By how much each edge of what is found may be off the clicks: of the box's side, and at least in pixels."""

LEAST_IOU = 0.5
"""With the curve: what shares less with it is another object, or a part."""

TELLS_APART = 2.0
"""Between the colours inside and outside: so many standard deviations apart they tell where the edge is."""

ROUND_IOU = 0.85
"""With the curve: what shares more with it is round, and half-way to the curve it is rounder than pixels tell."""

LEAST_VARIANCE = 4.0
"""Of a colour channel, 0 to 255: smooth surfaces are as noisy as that at least."""

FOUND_WEIGHT = 0.4
"""Of what was found beside the clicks, where the octagon has the rest."""

MOST_CORNERS, LEAST_ALIKE = 40, 0.992
"""Of an outline that is offered: a person can drag so many; as few as cover nearly the same."""


@dataclass(frozen=True, slots=True)
class Grown:
    """An outline, in pixels of the item, and what it comes of."""

    polygon: Polygon
    by: str
    """`grabcut`: colours, within the clicks; `extremes`: rather the clicks alone; or a network that was named."""


def grow(picture: Pixels, extremes: Extremes) -> Grown:
    """Return the outline of what lies between four clicks.

    Args:
        picture: Of the whole item, shape (height, width, 3), BGR.
        extremes: Pixels of the item, inside of it.
    """
    patch = _Patch.of(picture, extremes)
    height, width = patch.pixels.shape[:2]
    around = _filled(curve(patch.extremes), (width, height))
    core = _core(around)
    guess = _filled(octagon(patch.extremes), (width, height)) | core  # never empty, however small
    found = _found(patch, around, core)
    if found is None:
        return Grown(patch.outline(guess), "extremes")
    alike = mask_iou(Raster(0, 0, found), Raster(0, 0, around))
    if alike >= LEAST_IOU and _agrees(found, patch) and _apart(found, patch.pixels) >= TELLS_APART:
        return Grown(patch.outline(_between(around, found, 0.5, core) if alike >= ROUND_IOU else found), "grabcut")
    return Grown(patch.outline(_between(guess, found, FOUND_WEIGHT, core)), "extremes")


@dataclass(frozen=True, slots=True)
class _Patch:
    """The object with its surroundings, made smaller where it is large."""

    pixels: Pixels
    extremes: Extremes
    """In pixels of the patch."""
    corner: tuple[int, int]
    """Its first pixel, in pixels of the item."""
    scale_xy: tuple[float, float]
    """Pixels of the patch to one of the item."""
    room: Bounds
    """Edges of the item."""

    @classmethod
    def of(cls, picture: Pixels, extremes: Extremes) -> "_Patch":
        import cv2

        height, width = picture.shape[:2]
        x_min, y_min, x_max, y_max = extremes.edges
        side = max(x_max - x_min, y_max - y_min)
        pad = max(AROUND_LEAST_PX, AROUND_SHARE * side)
        left, top = max(0, int(x_min - pad)), max(0, int(y_min - pad))
        right, bottom = min(width, int(np.ceil(x_max + pad))), min(height, int(np.ceil(y_max + pad)))
        cut = picture[top:bottom, left:right]
        scale = min(1.0, SIDE_PX / side)
        size_wh = max(4, round((right - left) * scale)), max(4, round((bottom - top) * scale))
        small = cut if scale == 1 else cv2.resize(cut, size_wh, interpolation=cv2.INTER_AREA)
        across, down = small.shape[1] / (right - left), small.shape[0] / (bottom - top)
        moved = Extremes(*(((x - left) * across, (y - top) * down) for x, y in extremes.points))
        edges = 0.0, 0.0, float(width), float(height)
        return cls(np.ascontiguousarray(small, np.uint8), moved, (left, top), (across, down), edges)

    def outline(self, inside: Flags) -> Polygon:
        """Return the outline of pixels of the patch, of few corners, in pixels of the item."""
        few = simplified(traced(Raster(0, 0, inside)), LEAST_ALIKE, MOST_CORNERS)
        (left, top), (across, down), (x_min, y_min, x_max, y_max) = self.corner, self.scale_xy, self.room
        ring = tuple(
            (min(max(left + x / across, x_min), x_max), min(max(top + y / down, y_min), y_max)) for x, y in few.points
        )
        return polygon_of([PolygonPart(points=ring)])


def _filled(line: Floats, size_wh: tuple[int, int]) -> Flags:
    import cv2

    width, height = size_wh
    drawn = np.zeros((height, width), np.uint8)
    cv2.fillPoly(drawn, [np.rint((line - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return drawn.astype(np.bool_)


def _core(around: Flags) -> Flags:
    import cv2

    inwards = cv2.distanceTransform(around.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return np.asarray(inwards >= CORE_SHARE * inwards.max(), np.bool_)


def _between(drawn: Flags, found: Flags, weight: float, core: Flags) -> Flags:
    """Return what lies between two outlines, the second with a weight of 0 to 1: one piece, without holes."""
    height, width = drawn.shape
    both = fused([Raster(0, 0, drawn), Raster(0, 0, found)], [1 - weight, weight])
    connected = _around_core(np.array(both.part(0, 0, width, height)), core)
    return drawn if connected is None else connected


def _found(patch: _Patch, around: Flags, core: Flags) -> Flags | None:
    """Return what GrabCut takes for the object, whole; None: it has nothing to tell colours apart by."""
    import cv2

    known = np.full(around.shape, cv2.GC_BGD, np.uint8)
    x_min, y_min, x_max, y_max = patch.extremes.edges
    off_x, off_y = HAND_PX * patch.scale_xy[0], HAND_PX * patch.scale_xy[1]
    rows = slice(max(0, int(np.floor(y_min - off_y))), int(np.ceil(y_max + off_y)))
    known[rows, max(0, int(np.floor(x_min - off_x))) : int(np.ceil(x_max + off_x))] = cv2.GC_PR_BGD
    known[around] = cv2.GC_PR_FGD
    known[core] = cv2.GC_FGD
    if not (known == cv2.GC_BGD).any():
        known[~around] = cv2.GC_BGD  # the object fills its picture: what is in the corners is around it
    is_told = all(np.isin(known, some).any() for some in ((cv2.GC_FGD, cv2.GC_PR_FGD), (cv2.GC_BGD, cv2.GC_PR_BGD)))
    if not is_told:
        return None
    cv2.setRNGSeed(0)  # the same clicks give the same outline
    cv2.grabCut(patch.pixels, known, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    return _around_core((known == cv2.GC_FGD) | (known == cv2.GC_PR_FGD), core)


def _around_core(inside: Flags, core: Flags) -> Flags | None:
    """Return the part that has most of the core, without holes; None where none has any."""
    import cv2

    count, numbers = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    shares = np.bincount(numbers[core], minlength=count)
    shares[0] = 0
    if not shares.any():
        return None
    one = (numbers == shares.argmax()).astype(np.uint8)
    outside = np.pad(one, 1)
    cv2.floodFill(outside, None, (0, 0), 2)
    return np.asarray(outside[1:-1, 1:-1] != 2, np.bool_)


def _apart(found: Flags, pixels: Pixels) -> float:
    """Return how far the mean colours inside and outside are apart, in standard deviations of both together."""
    import cv2

    lab = cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB).astype(np.float64)
    inside, outside = lab[found], lab[~found]
    if min(len(inside), len(outside)) < 2:
        return 0.0
    spread = (np.cov(inside.T) * len(inside) + np.cov(outside.T) * len(outside)) / (len(inside) + len(outside))
    step = inside.mean(axis=0) - outside.mean(axis=0)
    return float(np.sqrt(step @ np.linalg.solve(spread + LEAST_VARIANCE * np.eye(3), step)))


def _agrees(found: Flags, patch: _Patch) -> bool:
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    edges = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    x_min, y_min, x_max, y_max = patch.extremes.edges
    sides = np.array([x_max - x_min, y_max - y_min] * 2)
    bound = np.maximum(sides * AGREES_SHARE, AGREES_PX * np.array([*patch.scale_xy, *patch.scale_xy]))
    return bool((np.abs(edges - np.array(patch.extremes.edges)) <= bound).all())
