"""From image to network picture and back: no pixel may move on the way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.detect.tiling.tiles import regions_of
from tasks.detect.tiling.views import GREY, cut_views, letterbox, rounded_up, squared


@given(st.integers(1, 900), st.integers(1, 900), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_boxes_make_the_round_trip_through_every_view(width, height, seed):
    image = np.zeros((height, width, 3), dtype=np.uint8)
    snug = bool(seed % 2)
    regions = regions_of((width, height), 320, 0.2, whole_image=True, snug=snug)
    corners = np.random.default_rng(seed).uniform(0, 1, (5, 2, 2))
    for view, edges, whole in zip(cut_views(image, regions, 320, snug), regions.xyxy_px, regions.whole, strict=True):
        inside = np.sort(corners, axis=1) * (edges[2:] - edges[:2]) + edges[:2]
        boxes = np.round(inside.reshape(5, 4), 0 if not whole else 9)
        back = view.placement.to_image(view.placement.to_picture(boxes))
        if whole:
            assert np.allclose(back, boxes, atol=1e-9 * max(width, height))
        else:
            assert np.array_equal(back, boxes)


def test_tiles_share_the_memory_of_the_image():
    image = np.zeros((700, 900, 3), dtype=np.uint8)
    regions = regions_of((900, 700), 320, 0.2, whole_image=True)
    shared = [np.shares_memory(view.pixels, image) for view in cut_views(image, regions, 320)]
    assert shared == (~regions.whole).tolist()


def test_tiles_are_at_native_resolution():
    image = np.random.default_rng(0).integers(0, 255, (700, 900, 3), dtype=np.uint8)
    regions = regions_of((900, 700), 320, 0.2, whole_image=False)
    for view, edges in zip(cut_views(image, regions, 320), regions.xyxy_px.astype(int), strict=True):
        assert np.array_equal(view.pixels, image[edges[1] : edges[3], edges[0] : edges[2]])


@pytest.mark.parametrize("size_wh", [(1920, 1080), (1, 20_000), (1, 1), (333, 640), (640, 640)])
@pytest.mark.parametrize("snug", [False, True])
def test_letterbox_does_as_ultralytics_does(size_wh, snug):
    from ultralytics.data.augment import LetterBox
    from ultralytics.utils.ops import scale_boxes

    image = np.random.default_rng(0).integers(0, 255, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    view = letterbox(image, 640, snug=snug)
    theirs = LetterBox(640, auto=snug, stride=32)(image=image)
    assert np.array_equal(view.pixels, theirs)
    boxes = np.array([[100.0, 200.0, 400.0, 500.0], [-5.0, 300.0, 700.0, 340.0]])
    assert np.allclose(view.placement.to_image(boxes), scale_boxes(theirs.shape, boxes.copy(), image.shape))


def test_a_narrow_tile_is_padded_and_not_stretched():
    pixels = np.full((640, 3, 3), 7, dtype=np.uint8)
    square = squared(pixels, 640)
    assert square.shape == (640, 640, 3)
    assert (square[:, :3] == 7).all()
    assert (square[:, 3:] == GREY).all()


def test_a_snug_picture_is_as_small_as_networks_allow():
    assert rounded_up(np.zeros((100, 3, 3), dtype=np.uint8)).shape == (128, 32, 3)
    assert letterbox(np.zeros((1080, 1920, 3), dtype=np.uint8), 640, snug=True).pixels.shape == (384, 640, 3)


def test_a_square_tile_is_not_copied():
    pixels = np.zeros((640, 640, 3), dtype=np.uint8)
    assert squared(pixels, 640) is pixels
    assert rounded_up(pixels) is pixels
