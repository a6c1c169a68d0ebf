"""Shapes: what each one is made of, what is none, and that nothing is lost on the way to JSON or to a row and back."""

import json
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from blocks.errors import BadShape
from blocks.shapes import (
    FARTHEST_PX,
    SHAPES,
    Box,
    Mask,
    Polygon,
    PolygonPart,
    Shape,
    Span,
    Whole,
    check_inside,
    read_shape,
    shape_columns,
    shape_of,
)

EDGES = st.floats(-FARTHEST_PX, FARTHEST_PX, allow_nan=False)
PIXELS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(lambda drawn: drawn.any())


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    (x_min, x_max), (y_min, y_max) = (sorted(draw(st.lists(EDGES, min_size=2, max_size=2, unique=True))) for _ in "xy")
    return Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    box, others = draw(boxes()), draw(st.lists(st.tuples(EDGES, EDGES), max_size=5))
    ring = ((box.x_min, box.y_min), *others, (box.x_max, box.y_min), (box.x_min, box.y_max))
    holes, parts = draw(st.lists(st.just(ring), max_size=2)), draw(st.lists(st.booleans(), max_size=2))
    further = tuple(PolygonPart(points=ring, holes=(ring,) * has_hole) for has_hole in parts)
    return Polygon(points=ring, holes=tuple(holes), parts=further)


def test_a_polygon_of_one_outline_is_written_as_ever_and_read_as_ever() -> None:
    plain = {"type": "polygon", "points": [[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]]}
    assert read_shape(plain).model_dump(mode="json") == plain
    assert shape_columns(read_shape(plain))["shape"] == plain


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start, end = sorted(draw(st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=2, unique=True)))
    return Span(start=start, end=end)


MASKS = st.builds(Mask.of, PIXELS, st.tuples(st.integers(0, 5000), st.integers(0, 5000)))
ANY = st.one_of(st.just(Whole()), boxes(), polygons(), MASKS, spans())


@given(ANY)
def test_json_gives_the_shape_back(shape: Shape) -> None:
    assert read_shape(shape.model_dump_json()) == shape
    assert read_shape(json.loads(json.dumps(shape.model_dump(mode="json")))) == shape


@given(ANY)
def test_a_row_gives_the_shape_back(shape: Shape) -> None:
    assert shape_of(SimpleNamespace(**shape_columns(shape))) == shape


@given(boxes())
def test_a_box_is_its_bounds_and_its_row_says_nothing_twice(box: Box) -> None:
    columns = shape_columns(box)
    assert columns["shape"] is None
    assert tuple(columns.values())[:4] == box.bounds()


@given(polygons())
def test_bounds_hold_every_corner_and_touch_one_at_each_side(polygon: Polygon) -> None:
    points = np.array(polygon.points)
    assert polygon.bounds() == (*points.min(axis=0), *points.max(axis=0))


@given(PIXELS)
def test_a_mask_gives_its_pixels_back_and_its_bounds_are_tight(inside: npt.NDArray[np.bool_]) -> None:
    mask = Mask.of(inside, offset_xy=(7, 3))
    drawn = np.zeros((3 + inside.shape[0], 7 + inside.shape[1]), np.bool_)
    x_min, y_min, x_max, y_max = (int(edge) for edge in mask.bounds())
    drawn[y_min:y_max, x_min:x_max] = mask.pixels()
    assert (drawn[3:, 7:] == inside).all() and drawn.sum() == inside.sum()
    assert [mask.pixels()[0].any(), mask.pixels()[-1].any(), *mask.pixels()[:, [0, -1]].any(axis=0)] == [True] * 4


def test_what_has_no_edges_has_no_bounds() -> None:
    assert Whole().bounds() is None and Span(start=0, end=4).bounds() is None
    assert shape_columns(Whole()) == dict.fromkeys(("x_min", "y_min", "x_max", "y_max")) | {"shape": {"type": "whole"}}


BOX = {"type": "box", "x_min": 1.0, "y_min": 1.0, "x_max": 2.0, "y_max": 2.0}
MASK = {"type": "mask", "left": 0, "top": 0, "width": 2, "height": 2, "runs": [0, 4]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"type": "circle"}, "circle"),
        ({}, "type"),
        ([], "is no shape"),
        (None, "is no shape"),
        ("{", "is no shape"),
        (BOX | {"x_min": float("nan")}, "x_min"),
        (BOX | {"x_max": float("inf")}, "x_max"),
        (BOX | {"x_max": 2 * FARTHEST_PX}, "x_max"),
        (BOX | {"x_max": 1.0}, "x_min < x_max"),
        (BOX | {"y_max": 0.5}, "y_min < y_max"),
        (BOX | {"y_min": None}, "y_min"),
        (BOX | {"angle": 3}, "angle"),
        ({"type": "polygon", "points": [[0, 0], [1, 1]]}, "points"),
        ({"type": "polygon", "points": [[0, 0], [1, 0], [2, 0]]}, "line"),
        ({"type": "polygon", "points": [[0, 0], [1, 0], [1, 1], [0, 0]]}, "first corner once"),
        ({"type": "polygon", "points": [[0, 0], [9, 0], [9, 9]], "holes": [[[1, 1], [2, 1]]]}, "holes.0"),
        (
            {"type": "polygon", "points": [[0, 0], [9, 0], [9, 9]], "parts": [{"points": [[1, 1], [2, 1], [3, 1]]}]},
            "line",
        ),
        (MASK | {"runs": [0, 3]}, "4 pixels together"),
        (MASK | {"runs": [4]}, "each of its four sides"),
        (MASK | {"runs": [0, 1, 3]}, "each of its four sides"),
        (MASK | {"runs": [1, 1, 1, 0, 1]}, "no empty run"),
        (MASK | {"runs": [0, 5, -1]}, "runs"),
        (MASK | {"left": -1}, "left"),
        (MASK | {"width": 1_000_000, "height": 1_000_000, "runs": [0, 10**12]}, "at most"),
        ({"type": "span", "start": 3, "end": 3}, "start < end"),
        ({"type": "span", "start": -1, "end": 3}, "start"),
    ],
)
def test_what_is_no_shape_is_refused_by_name(value: object, said: str) -> None:
    with pytest.raises(BadShape, match=said):
        read_shape(value)


def test_a_mask_of_nothing_is_refused() -> None:
    with pytest.raises(BadShape, match="no pixel"):
        Mask.of(np.zeros((3, 3), np.bool_))


def test_a_value_too_long_to_read_is_cut_in_the_message() -> None:
    with pytest.raises(BadShape) as caught:
        read_shape({"type": "polygon", "points": [[n, "x"] for n in range(10_000)]})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("shape", "size_wh", "length"),
    [
        (Whole(), (10, 10), None),
        (Whole(), None, 10),
        (Box(x_min=-0.5, y_min=0, x_max=10.5, y_max=10), (10, 10), None),
        (Mask(left=8, top=8, width=2, height=2, runs=(0, 4)), (10, 10), None),
        (Span(start=0, end=10), None, 10),
    ],
)
def test_what_is_inside_its_item_fits(shape: Shape, size_wh: tuple[int, int] | None, length: int | None) -> None:
    check_inside(shape, size_wh, length)


@pytest.mark.parametrize(
    ("shape", "size_wh", "length", "said"),
    [
        (Box(x_min=-0.6, y_min=0, x_max=10, y_max=10), (10, 10), None, "the box -0.6, 0, 10, 10 is not inside"),
        (Polygon(points=((0, 0), (11, 0), (0, 5))), (10, 10), None, "polygon 0, 0, 11, 5 is not inside"),
        (Box(x_min=0, y_min=0, x_max=1, y_max=1), None, 10, "a box cannot be in a text"),
        (Span(start=0, end=11), None, 10, "0 to 11 are not in a text of 10"),
        (Span(start=0, end=1), (10, 10), None, "not in a picture"),
    ],
)
def test_what_its_item_cannot_have_is_refused(
    shape: Shape, size_wh: tuple[int, int] | None, length: int | None, said: str
) -> None:
    with pytest.raises(BadShape, match=said):
        check_inside(shape, size_wh, length)


def test_a_shape_never_changes() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Span(start=0, end=1).end = 3  # type: ignore[misc]


def test_every_type_is_told_by_its_name() -> None:
    names = {"whole", "several", "box", "polygon", "mask", "span"}
    assert set(SHAPES.json_schema()["discriminator"]["mapping"]) == names
