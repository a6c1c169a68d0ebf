"""Tiles chosen from known objects hold them whole, wherever they lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import NotEnoughData
from tasks.detect.options import TilingOptions
from tasks.detect.tiling.tile_size import tiling_for
from tasks.detect.tiling.tiles import lay_tiles


@given(
    st.lists(st.tuples(st.integers(4, 550), st.integers(4, 550)), min_size=1, max_size=40), st.integers(0, 2**32 - 1)
)
def test_some_tile_holds_every_usual_object_whole(sizes, seed):
    options = tiling_for(np.array(sizes, dtype=float))
    longest = np.quantile(np.max(sizes, axis=1), 0.98)
    tiles = lay_tiles((4000, 3000), options.tile_px, options.overlap_share).tiles_xyxy_px
    corner = np.random.default_rng(seed).uniform(0, [4000 - longest, 3000 - longest])
    inside = (tiles[:, :2] <= corner).all(axis=1) & (tiles[:, 2:] >= corner + longest).all(axis=1)
    assert inside.any()


def test_cars_from_above_get_the_tiles_that_detectors_were_trained_on():
    assert tiling_for(np.array([[30.0, 75.0]] * 50)).tile_px == 640


def test_larger_objects_get_larger_tiles():
    assert tiling_for(np.array([[300.0, 120.0]])).tile_px > 640


def test_a_few_giants_are_left_to_the_whole_image():
    sizes = np.array([[40.0, 40.0]] * 99 + [[3000.0, 2000.0]])
    options = tiling_for(sizes)
    assert options.tile_px == 640
    assert options.whole_image


def test_objects_larger_than_any_tile_still_give_usable_options():
    options = tiling_for(np.array([[5000.0, 5000.0]]), TilingOptions(min_score=0.2))
    assert options.tile_px == 1280
    assert options.overlap_share <= 0.5
    assert options.min_score == 0.2


def test_no_objects_are_refused():
    with pytest.raises(NotEnoughData, match="no objects"):
        tiling_for(np.zeros((0, 2)))


def test_joined_tiles_need_not_be_large_to_waste_little():
    sizes = np.full((40, 2), 300.0)
    alone, joined = tiling_for(sizes), tiling_for(sizes, TilingOptions(join=3))
    assert joined.join == 3
    assert joined.tile_px < alone.tile_px
    for chosen in (alone, joined):
        assert chosen.tile_px * chosen.overlap_share >= 300
