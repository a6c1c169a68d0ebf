"""Drawn objects over tiles that cut them: each comes back once, whole, to the pixel."""

import numpy as np
import pytest

from tasks.detect.options import TilingOptions
from tasks.detect.segmenting.seams import SeenObject, join_objects
from tasks.detect.tiling.tiles import Regions, regions_of
from tasks.kinds.outlines.raster import Raster, mask_iou
from tests.kinds.outlines.drawn import drawn_object

SIZE = (400, 300)
OPTIONS = TilingOptions(tile_px=160, overlap_share=0.25)


def regions(whole: bool = True) -> Regions:
    return regions_of(SIZE, OPTIONS.tile_px, OPTIONS.overlap_share, whole)


def seen_by_tiles(objects: list[Raster], views: Regions, least_px: int = 30) -> list[SeenObject]:
    """Return what a perfect network would see: of each object what lies in each view."""
    seen = []
    for number, edges in enumerate(views.xyxy_px.astype(int)):
        for one in objects:
            left, top = max(one.left, edges[0]), max(one.top, edges[1])
            right, bottom = min(one.right, edges[2]), min(one.bottom, edges[3])
            if left >= right or top >= bottom or views.whole[number]:
                continue
            pixels = one.part(left, top, right, bottom)
            if pixels.sum() >= least_px:
                seen.append(SeenObject(0, 0.5 + pixels.sum() / one.area / 3, Raster(left, top, pixels), number))
    return seen


@pytest.mark.parametrize("seed", range(12), ids=str)
def test_no_object_comes_twice_and_none_is_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    objects = [
        Raster(
            int(rng.integers(0, 30) + 100 * column), int(rng.integers(0, 30) + 100 * row), drawn_object(2 * seed + 1)
        )
        for column in range(4)
        for row in range(3)
        if column * 100 + 90 <= SIZE[0] and row * 100 + 90 <= SIZE[1]
    ]
    joined = join_objects(seen_by_tiles(objects, regions(False)), regions(False), OPTIONS)
    assert len(joined) == len(objects)
    for one in objects:
        assert max(mask_iou(one, found.raster) for found in joined) > 0.99


def test_what_tiles_cut_gives_way_to_the_whole_image_and_what_they_saw_in_full_does_not() -> None:
    views = regions()
    last = len(views.whole) - 1
    large = Raster(20, 20, np.ones((250, 350), np.bool_))
    pieces = [SeenObject(0, 0.9, Raster(20, 20, np.ones((100, 140), np.bool_)), 0)]
    whole = SeenObject(0, 0.6, large, last)
    (one,) = join_objects([*pieces, whole], views, OPTIONS)
    assert mask_iou(one.raster, large) == 1 and one.score == 0.9
    small = SeenObject(0, 0.9, Raster(30, 30, np.ones((20, 20), np.bool_)), 0)
    blurred = SeenObject(0, 0.95, Raster(28, 28, np.ones((24, 25), np.bool_)), last)
    (one,) = join_objects([small, blurred], views, OPTIONS)
    assert mask_iou(one.raster, small.raster) == 1


def test_neighbours_and_other_classes_stay_apart() -> None:
    views = regions(False)
    left, right = (Raster(at, 10, np.ones((30, 30), np.bool_)) for at in (100, 130))
    assert len(join_objects(seen_by_tiles([left, right], views), views, OPTIONS)) == 2
    one = SeenObject(0, 0.9, left, 0)
    assert len(join_objects([one, SeenObject(1, 0.8, left, 1)], views, OPTIONS)) == 2
    assert join_objects([], views, OPTIONS) == []
