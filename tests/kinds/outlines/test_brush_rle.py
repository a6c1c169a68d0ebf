"""Runs of a brush: what Label Studio's library reads of ours is what was painted; what does not add up is said."""

import numpy as np
import pytest
from hypothesis import given
from label_studio_sdk.converter.brush import decode_rle, encode_rle

from blocks.errors import BadRegion
from tasks.kinds.outlines.brush_rle import of_brush, to_brush
from tasks.kinds.outlines.raster import Raster
from tests.kinds.outlines.drawn import RASTERS, drawn_object

SIZE = (60, 70)


def whole(raster: Raster) -> np.ndarray:
    pixels = np.zeros(SIZE[::-1], np.bool_)
    pixels[raster.top : raster.bottom, raster.left : raster.right] = raster.pixels
    return pixels


@given(RASTERS)
def test_label_studio_reads_what_we_write_and_we_what_it_writes(raster: Raster) -> None:
    ours = to_brush(raster, SIZE)
    theirs = decode_rle(ours).reshape(SIZE[1], SIZE[0], 4)
    assert np.array_equal(theirs[:, :, 3] > 0, whole(raster))
    assert np.array_equal(of_brush(ours, SIZE), whole(raster))
    written = encode_rle(np.repeat(whole(raster).ravel() * np.uint8(255), 4))
    assert np.array_equal(of_brush(written, SIZE), whole(raster))


def test_only_the_opacity_of_a_pixel_says_whether_it_is_covered() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:, :, :3] = 200
    pixels[1, 2, 3], pixels[2, 2, 3] = 255, 90
    found = of_brush(encode_rle(pixels.ravel()), (4, 4))
    assert np.argwhere(found).tolist() == [[1, 2]]


def test_a_large_mask_of_few_runs_is_few_bytes() -> None:
    raster = Raster(0, 0, np.pad(drawn_object(3, 600), 100))
    assert len(to_brush(raster, (800, 800))) < 10_000


GOOD = to_brush(Raster(1, 1, np.ones((2, 2), np.bool_)), (4, 4))


@pytest.mark.parametrize(
    ("rle", "why"),
    [
        (GOOD[:-3], "end before its last pixel"),
        (GOOD[:4], "end before its last pixel"),
        ([], "end before its last pixel"),
        ([0, 0, 0, 80, *GOOD[4:]], "a brush of 20 pixels on a picture of 4×4"),
        ([*GOOD[:7], 0b11101111, 255, 255, 255], "add up to"),
        ([1.5], "no list of bytes"),
        ([256], "no list of bytes"),
        ([True], "no list of bytes"),
    ],
    ids=range(8),
)
def test_runs_that_do_not_add_up_are_refused(rle: list[int], why: str) -> None:
    with pytest.raises(BadRegion, match=why):
        of_brush(rle, (4, 4))
