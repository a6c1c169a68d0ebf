"""Where a thing is in its item, as one value: the whole of it, a box, a polygon, a mask, or a span of a text.

A shape says nothing of what is there (that is the class) nor of which item: it is the geometry of a proposal or a
label. In the catalogue its bounds stand in four columns, null where there are none, and `shape` holds what bounds do
not say; a box is its bounds, so a row of a box has no `shape`, and code for boxes reads the four columns as ever.

All pixels are of the upright item, x to the right, y downwards, floats. A track is no shape: frames share an identity.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_serializer, model_validator

from blocks.errors import BadShape
from blocks.frozen import Frozen

FARTHEST_PX = 1_000_000.0
"""No corner is farther from the item's origin: well beyond any picture, and exact to 1/1000 pixel in float32."""

MOST_PIXELS = 1 << 30
"""No mask is larger: as many pixels as the largest picture that a machine is let decode could have."""

MOST_POINTS = 100_000
"""No polygon has more corners."""

HALF_PX = 0.5
"""By how much rounding may put an edge outside of its picture."""

WHOLE = "whole"
"""The type of the shape that has no place, and the identity of the one label of its item that has it."""

SEVERAL = "several"
"""The type of the same shape, of a label that stands beside others of its item: each is of another class."""

PLACED = frozenset({"box", "polygon", "mask"})
"""Types of the shapes that have bounds, so that a crop can show them alone."""

Bounds = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max in pixels of the upright item."""

Edge = Annotated[float, Field(ge=-FARTHEST_PX, le=FARTHEST_PX, allow_inf_nan=False)]


def _closed(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    across, down = zip(*points, strict=True)
    if min(across) >= max(across) or min(down) >= max(down):
        raise ValueError("expected corners that do not lie on one upright or level line")
    if points[0] == points[-1]:
        raise ValueError("expected the first corner once, not again at the end")
    return points


Ring = Annotated[tuple[tuple[Edge, Edge], ...], Field(min_length=3, max_length=MOST_POINTS), AfterValidator(_closed)]
"""One closed outline; the last corner joins the first, which is not repeated."""


class Whole(Frozen):
    """All of an item: what is said holds of the picture or the text, not of a place in it."""

    type: Literal["whole", "several"] = "whole"

    def bounds(self) -> Bounds | None:
        """Return None: it has no edges of its own."""
        return None


class Box(Frozen):
    """An upright rectangle with an area."""

    type: Literal["box"] = "box"
    x_min: Edge
    y_min: Edge
    x_max: Edge
    y_max: Edge

    @model_validator(mode="after")
    def _has_an_area(self) -> Self:
        if self.x_min >= self.x_max or self.y_min >= self.y_max:
            raise ValueError("expected x_min < x_max and y_min < y_max")
        return self

    def bounds(self) -> Bounds:
        """Return its edges."""
        return self.x_min, self.y_min, self.x_max, self.y_max


class PolygonPart(Frozen):
    """One part of a polygon: its outline, and those of the holes in it."""

    points: Ring = Field(description="corners x, y")
    holes: tuple[Ring, ...] = ()


class Polygon(Frozen):
    """An object's outline, the holes in it, and its further parts, apart from the first; each ring closes by itself."""

    type: Literal["polygon"] = "polygon"
    points: Ring = Field(description="corners x, y")
    holes: tuple[Ring, ...] = Field(default=(), description="outlines of what is cut out of it")
    parts: tuple[PolygonPart, ...] = Field(default=(), description="further parts of the same object")

    @model_validator(mode="after")
    def _has_few_corners(self) -> Self:
        if sum(len(ring) for piece in self.pieces for ring in (piece.points, *piece.holes)) > MOST_POINTS:
            raise ValueError(f"expected at most {MOST_POINTS} corners together")
        return self

    @model_serializer
    def _as_ever_where_it_is_plain(self) -> dict[str, Any]:
        rest = {"holes": self.holes, "parts": self.parts}
        return {"type": self.type, "points": self.points, **{name: some for name, some in rest.items() if some}}

    @property
    def pieces(self) -> tuple[PolygonPart, ...]:
        """All its parts, the first one first."""
        return (PolygonPart.model_construct(points=self.points, holes=self.holes), *self.parts)

    def bounds(self) -> Bounds:
        """Return the smallest upright rectangle around it."""
        across, down = zip(*(point for piece in self.pieces for point in piece.points), strict=True)
        return min(across), min(down), max(across), max(down)


class Mask(Frozen):
    """Some of the pixels of a rectangle, as lengths of runs row by row: outside, inside, outside, and so on in turn.

    The rectangle is no larger than it must be (`Mask.of` sees to that), so a mask has one form only.
    """

    type: Literal["mask"] = "mask"
    left: int = Field(ge=0, le=FARTHEST_PX, description="first column of the rectangle, in pixels of the item")
    top: int = Field(ge=0, le=FARTHEST_PX, description="first row of the rectangle, in pixels of the item")
    width: int = Field(gt=0, le=FARTHEST_PX)
    height: int = Field(gt=0, le=FARTHEST_PX)
    runs: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1, description="of outside, inside, outside, …")

    @model_validator(mode="after")
    def _runs_fill_the_rectangle(self) -> Self:
        pixels = self.width * self.height
        if pixels > MOST_PIXELS:
            raise ValueError(f"expected at most {MOST_PIXELS} pixels, not {pixels}")
        if sum(self.runs) != pixels:
            raise ValueError(f"expected runs of {pixels} pixels together, not {sum(self.runs)}")
        if 0 in self.runs[1:]:
            raise ValueError("expected no empty run but the first")
        if not self._touches_its_sides():
            raise ValueError("expected a rectangle with a pixel of the mask at each of its four sides")
        return self

    def _touches_its_sides(self) -> bool:
        # From the runs alone: a few bytes of JSON can speak of a billion pixels, which nobody should draw to check.
        ends = np.cumsum(self.runs, dtype=np.int64)
        starts, ends = ends[:-1:2], ends[1::2]  # of the runs that are inside
        if not len(ends):
            return False
        wide, last = self.width, self.width - 1
        above, below = starts[0] < wide, ends[-1] > wide * (self.height - 1)
        left, right = (ends - 1) // wide * wide >= starts, (ends - 1 - last) // wide * wide + last >= starts
        return bool(above and below and left.any() and right.any())

    @classmethod
    def of(cls, inside: npt.NDArray[np.bool_], offset_xy: tuple[int, int] = (0, 0)) -> Self:
        """Make the mask of the pixels that are true.

        Args:
            inside: Shape (height, width); at least one pixel is true.
            offset_xy: Where the array's first pixel is in the item.

        Raises:
            BadShape: No pixel is true.
        """
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if not len(rows):
            raise BadShape("a mask of no pixel is no shape: leave the object out instead")
        cut = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        flat = np.concatenate(([False], cut.ravel()))
        changes = np.flatnonzero(flat[1:] != flat[:-1])
        runs = np.diff(np.concatenate(([0], changes, [cut.size])))
        height, width = cut.shape
        left, top = offset_xy[0] + int(columns[0]), offset_xy[1] + int(rows[0])
        return cls(left=left, top=top, width=width, height=height, runs=tuple(runs.tolist()))

    def pixels(self) -> npt.NDArray[np.bool_]:
        """Return which pixels of its rectangle are inside, shape (height, width)."""
        turns = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(turns, self.runs).reshape(self.height, self.width)

    def bounds(self) -> Bounds:
        """Return the edges of its outermost pixels."""
        return float(self.left), float(self.top), float(self.left + self.width), float(self.top + self.height)


class Span(Frozen):
    """Some characters of a text, counted in Unicode code points from 0; `end` is the first one behind it."""

    type: Literal["span"] = "span"
    start: int = Field(ge=0)
    end: int = Field(gt=0, lt=1 << 31)

    @model_validator(mode="after")
    def _has_a_character(self) -> Self:
        if self.start >= self.end:
            raise ValueError("expected start < end")
        return self

    def bounds(self) -> Bounds | None:
        """Return None: a text has no pixels."""
        return None


Shape = Annotated[Whole | Box | Polygon | Mask | Span, Field(discriminator="type")]
"""One shape; `type` says which."""

SHAPES: TypeAdapter[Whole | Box | Polygon | Mask | Span] = TypeAdapter(Shape)


class PlacedRow(Protocol):
    """A row of the catalogue that has a place in its item: a proposal, or a label."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float
    shape: dict[str, Any] | None


def read_shape(value: Any) -> Shape:
    """Make a shape of its JSON, parsed or as text.

    Raises:
        BadShape: It is none: of an unknown type, not finite, out of order or beyond what is allowed.
    """
    try:
        return SHAPES.validate_json(value) if isinstance(value, str | bytes) else SHAPES.validate_python(value)
    except ValidationError as error:
        raise _refusal(value, error) from error


def shape_of(row: PlacedRow) -> Shape:
    """Return the shape of a row.

    Raises:
        BadShape: Its columns hold none.
    """
    if row.shape is not None:
        return read_shape(row.shape)
    return read_shape({"type": "box", "x_min": row.x_min, "y_min": row.y_min, "x_max": row.x_max, "y_max": row.y_max})


def shape_type(row: PlacedRow) -> str:
    """Return the `type` of a row's shape."""
    return "box" if row.shape is None else str(row.shape["type"])


def shape_columns(shape: Shape) -> dict[str, Any]:
    """Return the columns of a row that has a shape: its bounds, and what they do not say."""
    edges = shape.bounds() or (None, None, None, None)
    rest = None if isinstance(shape, Box) else shape.model_dump(mode="json")
    return {**dict(zip(("x_min", "y_min", "x_max", "y_max"), edges, strict=True)), "shape": rest}


def identity_in_item(shape: Mapping[str, Any] | None, id_: str, class_name: str) -> str:
    """Return what tells a label from others of its item: of the whole there is one, or one of each class."""
    return {WHOLE: WHOLE, SEVERAL: f"{WHOLE}:{class_name}"}.get(shape["type"] if shape else "", id_)


def check_inside(shape: Shape, size_wh: tuple[int, int] | None, length: int | None = None) -> None:
    """Refuse a shape that its item cannot have: of another kind of item, or outside by more than half a pixel.

    Args:
        shape: Which.
        size_wh: Of a picture; None: the item is a text.
        length: Of a text, in code points; None: the item is a picture.

    Raises:
        BadShape: It does not fit.
    """
    if isinstance(shape, Span):
        if length is None or shape.end > length:
            room = "a picture" if length is None else f"a text of {length} characters"
            raise BadShape(f"characters {shape.start} to {shape.end} are not in {room}")
        return
    edges = shape.bounds()
    if edges is None:
        return
    if size_wh is None:
        raise BadShape(f"a {shape.type} cannot be in a text: expected a span, or the whole of it")
    x_min, y_min, x_max, y_max = edges
    if min(x_min, y_min) < -HALF_PX or x_max > size_wh[0] + HALF_PX or y_max > size_wh[1] + HALF_PX:
        places = ", ".join(f"{edge:g}" for edge in edges)
        raise BadShape(f"the {shape.type} {places} is not inside a picture of {size_wh[0]}×{size_wh[1]} pixels")


def _refusal(value: Any, error: ValidationError) -> BadShape:
    first, said = error.errors(include_url=False)[0], repr(value)
    where = ".".join(str(part) for part in first["loc"]) or "it"
    return BadShape(f"{said if len(said) < 200 else said[:199] + '…'} is no shape: {where}: {first['msg']}")
