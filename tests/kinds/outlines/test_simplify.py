"""Few corners for nearly the same pixels; what several people drew comes to one outline between them."""

import numpy as np
import pytest
from hypothesis import given

from blocks.shapes import Polygon
from tasks.kinds.outlines.fusion import fused
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import LEAST_IOU, MOST_CORNERS, corners_of, simplified
from tasks.kinds.outlines.trace import traced
from tests.kinds.outlines.drawn import RASTERS, drawn_object


@given(RASTERS)
def test_what_is_simplified_covers_nearly_the_same(raster: Raster) -> None:
    polygon = traced(raster)
    fewer = simplified(polygon)
    assert corners_of(fewer) <= corners_of(polygon)
    assert mask_iou(rasterised(fewer), raster) >= LEAST_IOU


def test_drawn_objects_need_forty_corners_or_less_in_the_median() -> None:
    counts = [corners_of(simplified(traced(Raster(0, 0, drawn_object(seed))))) for seed in range(40)]
    assert np.median(counts) <= 40


def test_an_outline_of_6000_corners_is_cut_to_what_a_browser_can_show() -> None:
    turn = np.linspace(0, 2 * np.pi, 6000, endpoint=False)
    rough = 300 + np.random.default_rng(0).normal(0, 20, len(turn))  # noise of every corner: no few of them say it
    polygon = Polygon(points=tuple(zip(500 + rough * np.cos(turn), 500 + rough * np.sin(turn), strict=True)))
    assert corners_of(simplified(polygon)) <= MOST_CORNERS


@pytest.mark.parametrize("weights", [[1.0, 1.0], [1.0, 1.0, 1.0]], ids=["two", "three"])
def test_the_line_of_several_lies_between_theirs(weights: list[float]) -> None:
    grown = [np.pad(np.ones((20 + 4 * n, 20 + 4 * n), np.bool_), 10 - 2 * n) for n in range(len(weights))]
    rasters = [Raster(0, 0, pixels) for pixels in grown]
    middle = fused(rasters, weights)
    between = np.ones((22, 22), np.bool_) if len(weights) == 2 else np.ones((24, 24), np.bool_)
    low = 9 if len(weights) == 2 else 8
    assert mask_iou(middle, Raster(low, low, between)) > 0.98


def test_one_careless_outline_among_three_moves_the_line_little() -> None:
    right = Raster(10, 10, np.ones((40, 40), np.bool_))
    careless = Raster(0, 0, np.ones((80, 80), np.bool_))
    assert mask_iou(fused([right, right, careless], [1, 1, 1]), right) > 0.85


def test_outlines_with_nothing_in_common_come_to_the_one_of_most_weight() -> None:
    one, other = Raster(0, 0, np.ones((4, 4), np.bool_)), Raster(40, 0, np.ones((4, 4), np.bool_))
    assert mask_iou(fused([one, other], [1, 3]), other) > 0.9
