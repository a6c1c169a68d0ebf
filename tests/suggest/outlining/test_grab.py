"""From four clicks to an outline: by colours where they tell, by the clicks where they do not."""

import numpy as np
import pytest

from blocks.shapes import check_inside
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import corners_of
from tasks.suggest.outlining.extremes import Extremes
from tasks.suggest.outlining.grab import MOST_CORNERS, grow
from tests.suggest.outlining.scenes import FAMILIES, clicks_on

LEAST = {"drawn": 0.75, "nuclei-like": 0.75, "flaws": 0.45}
"""Of each of three objects; the bench says what is reached on average."""


@pytest.mark.parametrize("family", FAMILIES)
def test_the_outline_of_a_drawn_object_is_near_it_and_has_few_corners(family: str) -> None:
    for seed in range(500, 503):
        one = FAMILIES[family](seed)
        size = one.inside.shape[1], one.inside.shape[0]
        extremes = Extremes.of(clicks_on(one.inside, np.random.default_rng(seed), 0.5), size)
        polygon = grow(one.picture, extremes).polygon
        assert mask_iou(rasterised(polygon), Raster(0, 0, one.inside)) > LEAST[family], seed
        assert corners_of(polygon) <= MOST_CORNERS
        assert len(polygon.pieces) == 1 and not polygon.holes
        check_inside(polygon, size)


def test_colours_find_a_shape_that_clicks_do_not_tell_and_a_grey_picture_gives_what_they_do() -> None:
    inside = np.zeros((120, 120), np.bool_)
    inside[20:100, 50:70] = inside[50:70, 20:100] = True  # a cross
    picture = np.where(inside[..., None], 40, 200).astype(np.uint8).repeat(3, axis=2)
    extremes = Extremes.of([(60, 20), (100, 60), (60, 100), (20, 60)], (120, 120))
    seen, grey = grow(picture, extremes), grow(np.full_like(picture, 128), extremes)
    assert (seen.by, grey.by) == ("grabcut", "extremes")
    truth = Raster(0, 0, inside)
    assert mask_iou(rasterised(seen.polygon), truth) > 0.9 > 0.7 > mask_iou(rasterised(grey.polygon), truth)
    assert grow(picture, extremes) == seen, "the same clicks give the same outline"


@pytest.mark.parametrize(
    ("size_wh", "clicks"),
    [
        ((4, 4), [(2, 0), (4, 2), (2, 4), (0, 2)]),
        ((300, 200), [(150, 0), (300, 100), (150, 200), (0, 100)]),
        ((50, 50), [(25, 20), (27, 21), (26, 22), (24, 21)]),
        ((4000, 40), [(2000, 2), (3999, 20), (2000, 38), (1, 20)]),
    ],
    ids=["tiny", "all-of-it", "two-pixels", "long"],
)
def test_objects_of_any_size_have_an_outline_inside_their_picture(
    size_wh: tuple[int, int], clicks: list[tuple[float, float]]
) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (size_wh[1], size_wh[0], 3), np.uint8)
    polygon = grow(picture, Extremes.of(clicks, size_wh)).polygon
    check_inside(polygon, size_wh)
    assert rasterised(polygon).area > 0 and corners_of(polygon) <= MOST_CORNERS
