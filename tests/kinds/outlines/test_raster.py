"""One rasteriser in corner coordinates: what is traced comes back to the pixel, and COCO's runs say the same."""

import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as coco

from blocks.errors import BadShape
from blocks.shapes import Box, Polygon, PolygonPart, Span, Whole, read_shape
from tasks.kinds.outlines.raster import Raster, coco_counts, coco_rle, mask_iou, raster_of_coco, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tests.kinds.outlines.drawn import RASTERS

SIZE = (60, 70)


@given(RASTERS)
def test_pixels_become_a_polygon_and_the_polygon_the_same_pixels(raster: Raster) -> None:
    polygon = read_shape(traced(raster).model_dump_json())
    assert mask_of(rasterised(polygon)) == mask_of(raster)
    assert rasterised(polygon).area == raster.area


@given(RASTERS)
def test_runs_are_those_of_coco_and_come_back(raster: Raster) -> None:
    width, height = SIZE
    whole = np.zeros((height, width), np.uint8, order="F")
    whole[raster.top : raster.bottom, raster.left : raster.right] = raster.pixels
    encoded = coco.encode(whole)
    assert coco_rle(raster, SIZE)["counts"] == encoded["counts"]
    plain = {"size": [height, width], "counts": coco_counts(raster, SIZE)}
    for value in (encoded, plain, {**encoded, "counts": encoded["counts"].decode()}):
        assert np.array_equal(raster_of_coco(value).pixels, whole)


def test_a_box_covers_its_pixels_and_a_polygon_its_own_without_holes_and_with_parts() -> None:
    assert rasterised(Box(x_min=2, y_min=3, x_max=5, y_max=7)).area == 12
    hole = ((1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 3.0))
    square = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
    away = PolygonPart(points=((10.0, 0.0), (12.0, 0.0), (12.0, 2.0), (10.0, 2.0)))
    assert rasterised(Polygon(points=square, holes=(hole,), parts=(away,))).area == 16 - 4 + 4


def test_masks_are_as_alike_as_the_pixels_they_share() -> None:
    here, half = (Raster(0, 0, np.ones((size, 4), np.bool_)) for size in (4, 2))
    assert mask_iou(here, here) == 1
    assert mask_iou(here, half) == 0.5
    assert mask_iou(here, Raster(4, 0, here.pixels)) == mask_iou(here, Raster(0, 0, ~here.pixels)) == 0


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"size": [2, 2], "counts": [1, 2]}, "add up to 3"),
        ({"size": [2, 2], "counts": [1, 5]}, "add up to 6"),
        ({"size": [2, 2], "counts": [5, -1]}, "none below 0"),
        ({"size": [2, 2], "counts": ["4"]}, "add up to 0"),
        ({"size": [2, 0], "counts": []}, "'size'"),
        ({"counts": [4]}, "'size'"),
        ({"size": [1 << 20, 1 << 20], "counts": [1 << 40]}, "expected at most"),
        ({"size": [2, 2], "counts": "\x7fé"}, "no lengths of runs"),
        ({"size": [2, 2], "counts": None}, "as text or a list"),
    ],
    ids=str,
)
def test_runs_that_are_none_or_do_not_add_up_are_refused(value: dict[str, object], why: str) -> None:
    with pytest.raises(BadShape, match=why):
        raster_of_coco(value)


def test_what_has_no_pixels_is_refused() -> None:
    for shape in (Whole(), Span(start=0, end=1)):
        with pytest.raises(BadShape, match="covers no pixels"):
            rasterised(shape)
    with pytest.raises(BadShape, match="at most"):
        rasterised(Box(x_min=0, y_min=0, x_max=1e6, y_max=1e6))
    thin = Raster(0, 0, np.zeros((1, 1), np.bool_))
    for make in (traced, mask_of):
        with pytest.raises(BadShape):
            make(thin)
