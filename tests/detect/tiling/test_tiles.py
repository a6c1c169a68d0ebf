"""Geometry of the grid. Every pixel must be seen, and every seam must be known to be one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadOption
from tasks.detect.tiling.tiles import lay_tiles, regions_of

sizes = st.tuples(st.integers(1, 3000), st.integers(1, 3000))
tile_sides = st.integers(32, 1000)
overlaps = st.floats(0.0, 0.75)
joins = st.integers(1, 4)


@given(sizes, tile_sides, overlaps, st.booleans(), joins)
def test_every_pixel_is_covered(size_wh, tile_px, overlap_share, snug, join):
    tiles = lay_tiles(size_wh, tile_px, overlap_share, snug, join).tiles_xyxy_px
    for axis in (0, 1):
        seen = np.zeros(size_wh[axis], dtype=bool)
        for start, stop in {(int(tile[axis]), int(tile[axis + 2])) for tile in tiles}:
            seen[start:stop] = True
        assert seen.all()
    columns, rows = len(np.unique(tiles[:, 0])), len(np.unique(tiles[:, 1]))
    assert len(tiles) == columns * rows  # a full grid: covered along both axes is covered


@given(sizes, tile_sides, overlaps)
def test_tiles_have_one_size_and_lie_inside(size_wh, tile_px, overlap_share):
    tiles = lay_tiles(size_wh, tile_px, overlap_share).tiles_xyxy_px
    assert (tiles[:, :2] >= 0).all()
    assert (tiles[:, 2:] <= size_wh).all()
    assert (tiles[:, 2:] - tiles[:, :2] == np.minimum(size_wh, tile_px)).all()


@given(sizes, tile_sides, overlaps, st.booleans(), joins)
def test_neighbours_overlap_by_at_least_the_share(size_wh, tile_px, overlap_share, snug, join):
    tiles = lay_tiles(size_wh, tile_px, overlap_share, snug, join).tiles_xyxy_px
    for axis in (0, 1):
        starts = np.unique(tiles[:, axis])
        side = tiles[0, axis + 2] - tiles[0, axis]
        assert (np.diff(starts) <= side - round(tile_px * overlap_share)).all()


@given(sizes, tile_sides, overlaps)
def test_snug_tiles_are_as_many_and_no_larger(size_wh, tile_px, overlap_share):
    full = lay_tiles(size_wh, tile_px, overlap_share).tiles_xyxy_px
    snug = lay_tiles(size_wh, tile_px, overlap_share, snug=True).tiles_xyxy_px
    assert len(snug) == len(full)
    sides = snug[:, 2:] - snug[:, :2]
    assert (sides == sides[0]).all()
    assert (sides[0] <= full[0, 2:] - full[0, :2]).all()
    assert (snug[:, :2] >= 0).all()
    assert (snug[:, 2:].max(axis=0) == size_wh).all()


@given(sizes, tile_sides, overlaps, st.integers(2, 4))
def test_joined_tiles_are_fewer_and_within_their_bound(size_wh, tile_px, overlap_share, join):
    single = lay_tiles(size_wh, tile_px, overlap_share).tiles_xyxy_px
    joined = lay_tiles(size_wh, tile_px, overlap_share, join=join).tiles_xyxy_px
    assert len(joined) <= len(single)
    sides = joined[:, 2:] - joined[:, :2]
    assert (sides == sides[0]).all()
    assert (sides[0] <= np.minimum(size_wh, join * tile_px)).all()
    assert (joined[:, :2] >= 0).all()
    assert (joined[:, 2:].max(axis=0) == size_wh).all()


def test_joined_tiles_look_at_what_neighbours_share_once():
    def looked(join):
        edges = lay_tiles((1920, 1080), 640, 0.2, join=join).tiles_xyxy_px
        return int((edges[:, 2:] - edges[:, :2]).prod(axis=1).sum())

    assert lay_tiles((1920, 1080), 640, 0.2, join=2).tiles_xyxy_px.tolist() == [
        [0, 0, 1024, 1080],
        [896, 0, 1920, 1080],
    ]
    assert lay_tiles((1920, 1080), 640, 0.2, join=3).tiles_xyxy_px.tolist() == [[0, 0, 1920, 1080]]
    assert looked(1) > 1.5 * looked(3)


def test_snug_tiles_of_a_full_hd_frame_overlap_by_the_share_and_no_more():
    tiles = lay_tiles((1920, 1080), 640, 0.2, snug=True).tiles_xyxy_px
    assert len(tiles) == 8
    assert (tiles[0, 2:] - tiles[0, :2]).tolist() == [576, 608]


def test_a_full_hd_frame_takes_eight_tiles_spread_evenly():
    tiles = lay_tiles((1920, 1080), 640, 0.2).tiles_xyxy_px
    assert sorted(set(tiles[:, 0].tolist())) == [0, 426, 853, 1280]
    assert sorted(set(tiles[:, 1].tolist())) == [0, 440]


@pytest.mark.parametrize("size_wh", [(1, 1), (640, 640), (300, 200)])
def test_an_image_within_a_tile_is_one_tile(size_wh):
    assert lay_tiles(size_wh, 640, 0.2).tiles_xyxy_px.tolist() == [[0, 0, *size_wh]]


def test_a_hair_of_an_image_is_a_row_of_hairs():
    grid = lay_tiles((1, 20_000), 640, 0.2)
    assert len(grid) == 39
    assert (grid.tiles_xyxy_px[:, 2] == 1).all()


@pytest.mark.parametrize("overlap_share", [1.0, 1.5, -0.1])
def test_an_overlap_that_leaves_no_step_is_refused(overlap_share):
    with pytest.raises(BadOption, match="overlap"):
        lay_tiles((1000, 1000), 640, overlap_share)


@pytest.mark.parametrize("size_wh", [(0, 10), (10, 0)])
def test_an_image_without_pixels_is_refused(size_wh):
    with pytest.raises(BadOption, match="at least 1×1"):
        lay_tiles(size_wh, 640, 0.2)


def test_only_inner_edges_are_seams():
    regions = regions_of((1000, 640), 640, 0.2, whole_image=True)
    assert regions.seams.tolist() == [[False, False, True, False], [True, False, False, False], [False] * 4]
    assert regions.whole.tolist() == [False, False, True]


def test_a_small_image_is_looked_at_once():
    assert regions_of((300, 200), 640, 0.2, whole_image=True).whole.tolist() == [True]
    assert regions_of((300, 200), 640, 0.2, whole_image=False).whole.tolist() == [False]


def test_an_image_within_a_joined_tile_is_looked_at_at_its_own_size_and_as_a_whole():
    regions = regions_of((1000, 640), 640, 0.2, whole_image=True, join=2)
    assert regions.xyxy_px.tolist() == [[0, 0, 1000, 640]] * 2
    assert regions.whole.tolist() == [False, True]
    assert not regions.seams.any()


@pytest.mark.parametrize("join", [2, 8])
def test_joining_changes_nothing_for_an_image_within_a_tile(join):
    for whole_image in (True, False):
        small = regions_of((300, 640), 640, 0.2, whole_image, join=join)
        assert small.whole.tolist() == [whole_image]
