"""Labels of one picture as they can be used: inside it, with an area, each once; what was done is said."""

from collections.abc import Iterable
from typing import Any

from blocks.errors import BadShape
from blocks.shapes import HALF_PX, Box, Mask, Polygon, Shape, read_shape
from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity, fault_of
from tasks.dataset.formats.reading.pictures import RawLabel, ReadLabel
from tasks.dataset.formats.reading.problems import Problems

SAME_DIGITS = 3
"""Corners that agree to 1/1000 pixel are the same: files write shares with six digits."""


def usable_labels(
    raw: Iterable[RawLabel], size_wh: tuple[int, int] | None, unit: str, problems: Problems
) -> tuple[list[ReadLabel], int]:
    """Cut labels at the border of their picture, and leave out what is nothing or stands there twice.

    Args:
        raw: As the files have them.
        size_wh: Of the upright picture; None: not known, and nothing is cut.
        unit: What their `number` counts, such as "line".
        problems: Where what was done is noted.

    Returns:
        The labels, and how many could not be used; one that stands there twice does not count as such.
    """
    labels: list[ReadLabel] = []
    seen: dict[Any, RawLabel] = {}
    left_out = 0
    for each in raw:
        place = f"{unit} {each.number}"
        try:
            shape, was_cut = _fitted(each, size_wh)
        except (BadShape, FaultyLabel) as error:
            problems.add(fault_of(error), each.file, place, str(error))
            left_out += 1
            continue
        first = seen.setdefault((each.class_name, each.kind, each.track, _same(shape)), each)
        if first is not each:
            problems.add(
                Oddity.DOUBLED, each.file, place, f"the same {each.class_name} as {first.file}, {unit} {first.number}"
            )
            continue
        if was_cut:
            problems.add(
                Oddity.BEYOND_FRAME,
                each.file,
                place,
                f"a {each.class_name} beyond the border of its picture is cut",
                "changed",
            )
        labels.append(_label(each, shape))
    return labels, left_out


def _label(raw: RawLabel, shape: Shape) -> ReadLabel:
    return ReadLabel(
        raw.class_name, shape, raw.file, raw.number, raw.score, raw.kind, raw.track, raw.attributes
    )  # fmt: skip


def _fitted(raw: RawLabel, size_wh: tuple[int, int] | None) -> tuple[Shape, bool]:
    place = raw.place
    if not raw.class_name:
        raise FaultyLabel(Oddity.UNUSABLE_CLASS, "its class has no name")
    if isinstance(place, Polygon):
        return _cut_polygon(raw, place, size_wh)
    if not isinstance(place, tuple | Box):
        _check_mask(raw, place, size_wh)
        return place, False
    edges = place.bounds() if isinstance(place, Box) else place
    cut = edges
    if size_wh is not None:
        wide, high = float(size_wh[0]), float(size_wh[1])
        cut = (max(edges[0], 0.0), max(edges[1], 0.0), min(edges[2], wide), min(edges[3], high))
    if not (cut[2] > cut[0] and cut[3] > cut[1]):  # also false for NaN
        raise FaultyLabel(Oddity.WITHOUT_AREA, _without_area(raw, edges, size_wh))
    moved = 0.0 if cut == edges else max(abs(after - before) for after, before in zip(cut, edges, strict=True))
    corners = dict(zip(("x_min", "y_min", "x_max", "y_max"), cut, strict=True))
    return read_shape({"type": "box", **corners}), moved > HALF_PX


def _cut_polygon(raw: RawLabel, polygon: Polygon, size_wh: tuple[int, int] | None) -> tuple[Shape, bool]:
    if size_wh is None:
        return polygon, False
    wide, high = float(size_wh[0]), float(size_wh[1])
    points = [(min(max(x, 0.0), wide), min(max(y, 0.0), high)) for x, y in polygon.points]
    if points == list(polygon.points):
        return polygon, False
    points = [point for at, point in enumerate(points) if point != points[at - 1]]
    try:
        cut = Polygon(points=tuple(points))
    except ValueError as error:  # what pydantic raises where nothing of it is inside
        raise FaultyLabel(Oddity.WITHOUT_AREA, _without_area(raw, polygon.bounds(), size_wh)) from error
    edges = zip(cut.bounds(), polygon.bounds(), strict=True)
    return cut, max(abs(after - before) for after, before in edges) > HALF_PX


def _check_mask(raw: RawLabel, shape: Shape, size_wh: tuple[int, int] | None) -> None:
    if isinstance(shape, Mask) and size_wh is not None:
        _, _, right, bottom = shape.bounds()
        if right > size_wh[0] or bottom > size_wh[1]:
            what = f"a {raw.class_name} mask that is larger than its picture of {size_wh[0]}×{size_wh[1]}"
            raise FaultyLabel(Oddity.BEYOND_FRAME, what)


def _without_area(raw: RawLabel, edges: tuple[float, ...], size_wh: tuple[int, int] | None) -> str:
    corners = ", ".join(f"{edge:g}" for edge in edges)
    inside = f" in {size_wh[0]}×{size_wh[1]}" if size_wh else ""
    return f"a {raw.class_name} {'box' if not isinstance(raw.place, Polygon) else 'outline'} without area " + (
        f"inside the picture ({corners}{inside})" if size_wh else f"({corners})"
    )


def _same(shape: Shape) -> Any:
    if isinstance(shape, Box):
        return tuple(round(edge, SAME_DIGITS) for edge in shape.bounds())
    return shape
