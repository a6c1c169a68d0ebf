"""What a network found is an outline as far as it keeps to the four clicks; else colours are asked."""

import numpy as np
import pytest

from tasks.detect.prompted.outline import outline_of
from tasks.kinds.geometry import Flags
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import corners_of
from tasks.suggest.outlining.extremes import Extremes
from tasks.suggest.outlining.grab import MOST_CORNERS

ALL = (0, 0, 200, 200)
CLICKS = Extremes((100, 40), (160, 100), (100, 160), (40, 100))


def disc(x: float = 100, y: float = 100, radius: float = 60, size: int = 200) -> Flags:
    down, across = np.mgrid[:size, :size] + 0.5
    return np.asarray(np.hypot(across - x, down - y) < radius)


def test_what_keeps_to_the_clicks_is_outlined_in_few_corners_without_holes() -> None:
    found = disc() & ~disc(radius=12)
    found[5:9, 5:9] = True  # a speck elsewhere
    outline = outline_of(found, CLICKS, ALL)
    assert outline is not None
    assert mask_iou(rasterised(outline), Raster(0, 0, disc())) > 0.98
    assert corners_of(outline) <= MOST_CORNERS and len(outline.pieces) == 1 and not outline.holes


def test_what_reaches_a_little_beyond_the_clicks_is_cut_there() -> None:
    outline = outline_of(disc(radius=66), CLICKS, ALL)
    assert outline is not None
    assert all(abs(edge - click) <= 3 for edge, click in zip(outline.bounds(), CLICKS.edges, strict=True))


@pytest.mark.parametrize(
    "found",
    [
        np.zeros((200, 200), np.bool_),
        np.ones((200, 200), np.bool_),
        disc(radius=40),
        disc(x=140),
        disc(x=20, y=20, radius=15),
        disc(radius=90),
        disc() & (np.mgrid[:200, :200][1] < 100),
    ],
    ids=["nothing", "all", "a part", "beside", "elsewhere", "too large", "half"],
)
def test_what_is_far_from_the_clicks_is_no_outline(found: Flags) -> None:
    assert outline_of(found, CLICKS, ALL) is None


def test_a_box_as_large_without_the_clicks_on_it_is_no_outline() -> None:
    corners = np.zeros((200, 200), np.bool_)
    corners[40:160, 40:48] = corners[40:48, 40:160] = corners[40:160, 152:160] = True
    aside = Extremes((100, 40), (160, 100), (100, 160), (40, 100))
    assert outline_of(corners, aside, ALL) is None, "the click at the bottom is far from all of it"


@pytest.mark.parametrize("size", [4, 9])
def test_a_speck_and_an_object_at_the_edge_have_outlines_inside_their_picture(size: int) -> None:
    found = np.ones((size, size), np.bool_)
    middle = size / 2
    outline = outline_of(found, Extremes((middle, 0), (size, middle), (middle, size), (0, middle)), (0, 0, size, size))
    assert outline is not None and rasterised(outline).area > 0
    assert min(outline.bounds()) >= 0 and max(outline.bounds()) <= size


@pytest.mark.parametrize("cells", [100, 200])
def test_what_is_found_in_a_box_and_in_larger_cells_is_outlined_in_pixels_of_the_picture(cells: int) -> None:
    by, (left, top) = 200 / cells, (4000, 3000)
    clicks = Extremes(*((left + x, top + y) for x, y in CLICKS.points))
    found = disc(x=100 / by, y=100 / by, radius=60 / by, size=cells)
    outline = outline_of(found, clicks, (left, top, left + 200, top + 200))
    assert outline is not None
    assert mask_iou(rasterised(outline), Raster(left, top, disc())) > 0.97
