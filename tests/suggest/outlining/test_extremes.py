"""Four clicks in any order, and what they say by themselves."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadShape
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.valid import outlined
from tasks.suggest.outlining.extremes import Extremes, curve, octagon

SIZE = (200, 100)
ROUND = ((60.0, 10.0), (110.0, 40.0), (60.0, 70.0), (10.0, 40.0))


def test_the_order_of_clicks_does_not_matter() -> None:
    assert {Extremes.of(one, SIZE) for one in permutations(ROUND)} == {Extremes(*ROUND)}
    assert Extremes(*ROUND).edges == (10, 10, 110, 70)


def test_a_corner_that_is_two_extremes_may_be_clicked_twice() -> None:
    corner = ((10.0, 10.0), (10.0, 10.0), (50.0, 12.0), (12.0, 60.0))
    assert Extremes.of(corner, SIZE).edges == (10, 10, 50, 60)


@pytest.mark.parametrize(
    ("clicks", "said"),
    [
        ((), "0 clicks"),
        (ROUND[:3], "3 clicks"),
        ((*ROUND[:3], (-5.0, 40.0)), "outside of a picture of 200×100"),
        ((*ROUND[:3], (10.0, 101.5)), "outside"),
        (((10.0, 10.0),) * 4, "nothing is between them"),
        (((10.0, 10.0), (90.0, 10.0), (50.0, 11.0), (30.0, 10.0)), "nothing is between them"),
        ((*ROUND[:3], (float("nan"), 40.0)), "outside"),
    ],
    ids=["none", "three", "left-of-it", "below-it", "one-point", "a-line", "no-number"],
)
def test_clicks_that_go_around_nothing_are_refused(clicks: tuple[tuple[float, float], ...], said: str) -> None:
    with pytest.raises(BadShape, match=said):
        Extremes.of(clicks, SIZE)


def test_a_click_a_pixel_outside_counts_as_on_the_border() -> None:
    assert Extremes.of((*ROUND[:3], (-0.8, 40.0)), SIZE).left == (0.0, 40.0)


def test_the_curve_of_an_ellipse_is_the_ellipse() -> None:
    down, across = np.mgrid[:100, :200] + 0.5
    truth = Raster(0, 0, ((across - 60) / 50) ** 2 + ((down - 40) / 30) ** 2 <= 1)
    alike = {
        name: mask_iou(rasterised(outlined(line(Extremes(*ROUND)).tolist())), truth) for name, line in LINES.items()
    }
    assert alike["curve"] > 0.97 > alike["octagon"] > 0.85


LINES = {"curve": curve, "octagon": octagon}
POINTS = st.tuples(st.floats(0, 200, width=32), st.floats(0, 100, width=32))


@given(st.tuples(POINTS, POINTS, POINTS, POINTS))
def test_both_lines_lie_in_the_box_and_touch_its_sides(clicks: tuple[tuple[float, float], ...]) -> None:
    try:
        extremes = Extremes.of(clicks, SIZE)
    except BadShape:
        return
    edges = np.array(extremes.edges)
    for line in (curve(extremes), octagon(extremes)):
        assert np.allclose(np.concatenate([line.min(axis=0), line.max(axis=0)]), edges, atol=1e-6)
