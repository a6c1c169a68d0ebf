"""What several views saw of one object becomes one object: no double where two saw it, no cut where a tile ends.

Two tiles agree on an object if their masks do where both can see. What still ends at a seam gives way to the whole
image's view of the object, if that has one. What remains twice, of one class, is the one of the higher score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.detect.options import TilingOptions
from tasks.detect.tiling.tiles import Floats, Regions
from tasks.kinds.outlines.raster import Raster, mask_iou

WITHIN_SHARE = 0.7
"""A piece lies within an object that covers so much of it."""


@dataclass(frozen=True, slots=True)
class SeenObject:
    """An object as one view saw it, in pixels of the image."""

    class_id: int
    score: float
    raster: Raster
    view: int


@dataclass(frozen=True, slots=True)
class JoinedObject:
    """An object, and what it was made of.

    Attributes:
        class_id: Of its best part.
        score: Of its best part.
        raster: All of it.
        parts: Places of what was seen of it, the best first.
    """

    class_id: int
    score: float
    raster: Raster
    parts: tuple[int, ...]


def join_objects(seen: Sequence[SeenObject], regions: Regions, options: TilingOptions) -> list[JoinedObject]:
    """Join what the views of one image saw.

    Args:
        seen: By all views; may be empty.
        regions: What each view sees.
        options: How alike two must be.

    Returns:
        Objects, best score first.
    """
    group = list(range(len(seen)))
    tiles = [at for at, one in enumerate(seen) if not regions.whole[one.view]]
    for place, first in enumerate(tiles):
        for second in tiles[place + 1 :]:
            one, other = seen[first], seen[second]
            if one.class_id != other.class_id or one.view == other.view:
                continue
            if _agreement(one.raster, other.raster, regions, (one.view, other.view)) >= options.seam_iou:
                _merge(group, first, second)
    members: dict[int, list[int]] = {}
    for at in tiles:
        members.setdefault(_root(group, at), []).append(at)
    objects = [_joined(seen, some) for some in members.values()]
    for at, one in enumerate(seen):
        if regions.whole[one.view]:
            _take_whole(objects, seen, at, regions, options)
    return _once(objects, options.merge_iou)


def _agreement(one: Raster, other: Raster, regions: Regions, views: tuple[int, int]) -> float:
    """Return the mask IoU of two where both views see, 0 where either has nothing there."""
    first, second = regions.xyxy_px[views[0]], regions.xyxy_px[views[1]]
    left, top = (int(edge) for edge in np.maximum(first[:2], second[:2]))
    right, bottom = (int(edge) for edge in np.minimum(first[2:], second[2:]))
    if left >= right or top >= bottom:
        return 0.0
    mine, theirs = (_cut(each, left, top, right, bottom) for each in (one, other))
    return mask_iou(mine, theirs) if mine is not None and theirs is not None else 0.0


def _cut(one: Raster, left: int, top: int, right: int, bottom: int) -> Raster | None:
    left, top, right, bottom = max(left, one.left), max(top, one.top), min(right, one.right), min(bottom, one.bottom)
    return Raster(left, top, one.part(left, top, right, bottom)) if left < right and top < bottom else None


def _joined(seen: Sequence[SeenObject], places: Sequence[int]) -> JoinedObject:
    ordered = sorted(places, key=lambda at: (-seen[at].score, at))
    best = seen[ordered[0]]
    return JoinedObject(best.class_id, best.score, united([seen[at].raster for at in ordered]), tuple(ordered))


def united(rasters: Sequence[Raster]) -> Raster:
    """Return all that any of one or more rasters covers."""
    left, top = min(one.left for one in rasters), min(one.top for one in rasters)
    right, bottom = max(one.right for one in rasters), max(one.bottom for one in rasters)
    pixels = np.zeros((bottom - top, right - left), np.bool_)
    for one in rasters:
        pixels[one.top - top : one.bottom - top, one.left - left : one.right - left] |= one.pixels
    return Raster(left, top, pixels)


def _take_whole(
    objects: list[JoinedObject], seen: Sequence[SeenObject], at: int, regions: Regions, options: TilingOptions
) -> None:
    """Take what the whole image's view saw for what it is: an object of its own, a cut one's whole, or a double."""
    whole = seen[at]
    if any(
        one.class_id == whole.class_id and mask_iou(one.raster, whole.raster) >= options.merge_iou for one in objects
    ):
        return
    inside = [
        one for one in objects if one.class_id == whole.class_id and _share(one.raster, whole.raster) >= WITHIN_SHARE
    ]
    if any(not _is_cut(one, seen, regions) for one in inside):
        return  # tiles saw what is there in full, and larger
    for one in inside:
        objects.remove(one)
    objects.append(_joined(seen, [at, *(part for one in inside for part in one.parts)]))


def _share(piece: Raster, whole: Raster) -> float:
    cut = _cut(piece, whole.left, whole.top, whole.right, whole.bottom)
    if cut is None:
        return 0.0
    both = cut.pixels & whole.part(cut.left, cut.top, cut.right, cut.bottom)
    return float(both.sum()) / max(piece.area, 1)


def _is_cut(one: JoinedObject, seen: Sequence[SeenObject], regions: Regions) -> bool:
    """Say whether an object ends where all of the tiles that saw it end there, inside the image."""
    edges: Floats = np.array([one.raster.left, one.raster.top, one.raster.right, one.raster.bottom], np.float64)
    views = sorted({seen[at].view for at in one.parts})
    low = regions.xyxy_px[views, :2].min(axis=0)
    high = regions.xyxy_px[views, 2:].max(axis=0)
    size = np.array(regions.size_wh, np.float64)
    return bool(((edges[:2] <= low + 1) & (low > 0)).any() or ((edges[2:] >= high - 1) & (high < size)).any())


def _once(objects: Sequence[JoinedObject], merge_iou: float) -> list[JoinedObject]:
    kept: list[JoinedObject] = []
    for one in sorted(objects, key=lambda one: (-one.score, one.parts)):
        if not any(one.class_id == k.class_id and mask_iou(one.raster, k.raster) >= merge_iou for k in kept):
            kept.append(one)
    return kept


def _root(group: list[int], at: int) -> int:
    while group[at] != at:
        at = group[at]
    return at


def _merge(group: list[int], first: int, second: int) -> None:
    one, other = sorted((_root(group, first), _root(group, second)))
    group[other] = one
