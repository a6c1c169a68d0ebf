"""Polygons and masks keep what a kind promises, holes and parts included; mask AP knows a perfect and a wrong model."""

from types import SimpleNamespace

import numpy as np
import pytest

from blocks.shapes import Mask, Polygon, Shape, shape_columns
from tasks.kinds.masks.kind import MASKS
from tasks.kinds.outlines.average_precision import FoundShape
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.kinds.polygons.kind import POLYGONS
from tasks.kinds.protocol import LabelKind
from tests.kinds.outlines.drawn import drawn_object

SHAPED = {POLYGONS: traced, MASKS: mask_of}
BOTH = pytest.mark.parametrize("kind", [POLYGONS, MASKS], ids=["polygons", "masks"])


def drawn(kind: LabelKind, seed: int, left: int = 0) -> Shape:
    return SHAPED[kind](Raster(left, 0, drawn_object(seed)))


def row(class_name: str, shape: Shape) -> SimpleNamespace:
    return SimpleNamespace(class_name=class_name, **shape_columns(shape))


@BOTH
def test_two_are_as_alike_as_the_pixels_they_share_whatever_their_class(kind: LabelKind) -> None:
    here, beside, away = (row("cell", drawn(kind, 1, left)) for left in (0, 6, 500))
    alike = kind.similarity([here, beside], [here, beside, away])
    assert alike[0, 0] == 1 and 0.2 < alike[0, 1] < 0.9 and alike[0, 2] == 0
    assert alike[1, 0] == alike[0, 1]


@BOTH
def test_the_same_is_the_same_class_and_the_same_shape(kind: LabelKind) -> None:
    one, other = drawn(kind, 3), drawn(kind, 4)
    assert kind.is_same(row("cell", one), row("cell", one))
    assert not kind.is_same(row("cell", one), row("blob", one))
    assert not kind.is_same(row("cell", one), row("cell", other))


def test_corners_may_differ_by_rounding_and_holes_count() -> None:
    square = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    hole = ((2.0, 2.0), (4.0, 2.0), (4.0, 4.0))
    plain = row("cell", Polygon(points=square))
    assert POLYGONS.is_same(plain, row("cell", Polygon(points=((0.005, 0.0), *square[1:]))))
    assert not POLYGONS.is_same(plain, row("cell", Polygon(points=square, holes=(hole,))))


@BOTH
def test_several_come_to_one_between_them_and_one_to_itself(kind: LabelKind) -> None:
    one, other = drawn(kind, 3), drawn(kind, 3, 2)
    assert kind.fuse([one], [1.0]) == one
    middle = kind.fuse([one, other], [1.0, 1.0])
    assert middle.type in kind.shapes
    assert all(mask_iou(rasterised(middle), rasterised(each)) > 0.85 for each in (one, other))


@BOTH
def test_it_is_drawn_at_the_scale_of_the_picture(kind: LabelKind) -> None:
    picture = np.zeros((60, 60, 3), np.uint8)
    kind.draw(picture, SHAPED[kind](Raster(20, 20, np.ones((40, 40), np.bool_))), (255, 255, 255), 1, 0.5)
    assert picture[10, 10:30].all() and picture[10:30, 10].all() and not picture[20, 20].any()


@BOTH
def test_mask_ap_is_one_for_the_truth_and_falls_with_every_mistake(kind: LabelKind) -> None:
    truth = [[FoundShape("cell", drawn(kind, seed, 70 * seed)) for seed in range(4)], []]
    assert kind.metrics(truth, truth, ("cell", "blob")).value == pytest.approx(1)
    assert kind.metrics([[], []], truth, ("cell", "blob")).value == 0
    half = [[one._replace(score=0.9) for one in truth[0][:2]], [FoundShape("cell", truth[0][0].shape, 0.2)]]
    found = kind.metrics(half, truth, ("cell", "blob"))
    assert found.value == pytest.approx(0.5, abs=0.02) and found.by_class["cell"]["truths"] == 4
    other_class = [[one._replace(class_name="blob") for one in truth[0]], []]
    numbers = kind.metrics(other_class, truth, ("cell", "blob")).numbers
    assert numbers["map50"] == 0 and numbers["map50_any_class"] == pytest.approx(1)


def test_a_mask_keeps_its_holes_and_parts_as_a_polygon() -> None:
    pixels = drawn_object(3)  # with a hole and a part beside it
    polygon = traced(Raster(0, 0, pixels))
    assert polygon.holes and polygon.parts
    assert isinstance(mask_of(rasterised(polygon)), Mask)
    assert np.array_equal(rasterised(polygon).pixels, Mask.of(pixels).pixels())
