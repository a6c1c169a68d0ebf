"""Between polygons in pixels and Label Studio's, in percent: the only file that knows both.

A polygon of Label Studio is one ring. So each ring of ours is a region of its own: `id` for the outline, `id/part2` for
a further part of the same object, `id/hole1` for what is cut out, under the label `(hole)`, which people can draw with,
too: a hole is cut out of the smallest object that it lies in.

A polygon that was suggested for clicks comes back with a twin of its id: see `four_clicks.py`.

Source:
    Label Studio 1.23.2, result of a PolygonLabels control: value points, each x and y in percent of the picture.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blocks.errors import BadRegion, BadShape, UnknownClass
from blocks.shapes import Polygon
from tasks.kinds.geometry import same_edges
from tasks.kinds.outlines.raster import Points, Raster, rasterised
from tasks.kinds.outlines.simplify import MOST_CORNERS, corners_of, simplified
from tasks.kinds.outlines.valid import cut_out, joined, outlined
from tasks.review.questions.kinds.boxes.regions import CLIP_PX, MOST_SIDE_PX
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.kinds.outlines.four_clicks import carried_by, from_lone_clicks, is_click
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.parts import SetAsidePart, is_word, passed_over, set_aside

POLYGON = "polygon"
"""The control with which people draw."""

HOLE = "(hole)"
"""The label of what is cut out of an object; no class is called so."""

MOST_DRAWN = 20_000
"""Corners of one ring that are read at all."""

INSIDE_SHARE = 0.5
"""A hole is cut out of an object that covers at least so much of it."""


class _PolygonValue(BaseModel):
    """The value of a polygon, in percent."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    points: list[Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(max_length=MOST_DRAWN)
    polygonlabels: list[str]


class _PolygonRegion(BaseModel):
    """One entry of a result, as far as it is read."""

    id: str
    type: Literal["polygonlabels"]
    from_name: Literal["polygon"]
    value: _PolygonValue
    original_width: int | None = Field(default=None, ge=0, le=MOST_SIDE_PX)
    original_height: int | None = Field(default=None, ge=0, le=MOST_SIDE_PX)


def to_polygon_regions(outlines: Sequence[ShownOutline], size_wh: tuple[int, int]) -> list[dict[str, Any]]:
    """Return polygons as the regions of a prediction, ring by ring, in the order given."""
    return [
        {
            "id": id_,
            "type": "polygonlabels",
            "from_name": POLYGON,
            "to_name": IMAGE,
            "original_width": size_wh[0],
            "original_height": size_wh[1],
            "image_rotation": 0,
            "score": one.score,
            "value": {
                "points": [[x * 100 / size_wh[0], y * 100 / size_wh[1]] for x, y in ring],
                "closed": True,
                "polygonlabels": [HOLE if is_hole else one.class_name],
            },
        }
        for one in outlines
        for id_, ring, is_hole in _rings_of(one)
    ]


def _rings_of(one: ShownOutline) -> Iterator[tuple[str, Points, bool]]:
    assert isinstance(one.shape, Polygon)
    holes = 0
    for number, piece in enumerate(one.shape.pieces, start=1):
        yield (one.id if number == 1 else f"{one.id}/part{number}"), piece.points, False
        for hole in piece.holes:
            holes += 1
            yield f"{one.id}/hole{holes}", hole, True


def sort_polygons(
    result: Sequence[Any], size_wh: tuple[int, int], classes: Sequence[str], shown: Sequence[ShownOutline]
) -> tuple[list[AnsweredOutline], list[SetAsidePart]]:
    """Return the polygons that a person left in an answer, and what in it does not count, with the reasons.

    One that crosses itself becomes what it encloses, in parts; one of thousands of corners is simplified.

    Args:
        result: The annotation's result as Label Studio sends it; empty means that nothing is there.
        size_wh: Of the upright item, in pixels.
        classes: Known class names.
        shown: The polygons that the question began with.
    """
    outlines = {str(entry.get("id")) for entry in result if isinstance(entry, dict) and not is_click(entry)}
    lone, parts = from_lone_clicks(result, size_wh, classes, outlines)
    read: list[_DrawnRing] = []
    for position, entry in enumerate(result):
        if is_word(entry) or is_click(entry):
            parts += [passed_over(position, entry)] if is_word(entry) or entry.get("id") in outlines else []
            continue
        try:
            read.append(_read(position, entry, size_wh, classes))
        except (BadRegion, UnknownClass) as error:
            parts.append(set_aside(position, entry, error))
    kept = _untouched(read, shown)
    drawn: dict[str, tuple[str, Polygon]] = {}
    holes: list[tuple[_DrawnRing, Polygon]] = []
    for one in read:
        if one.base in kept:
            continue
        try:
            polygon = outlined(one.points, f"polygon {one.id!r}")
        except BadShape as error:
            parts.append(set_aside(one.position, one.entry, error))
            continue
        if one.class_name == HOLE:
            holes.append((one, polygon))
        elif drawn.get(one.id) == (one.class_name, polygon):
            parts.append(passed_over(one.position, one.entry))
        else:
            drawn[_free(one.id, drawn)] = one.class_name, polygon
    objects = _objects(drawn)
    parts += _cut_holes(holes, objects)
    clicks = {one.base: found for one in read if (found := carried_by(one.entry))}
    said = [(id_, name, _bounded(polygon), clicks.get(id_)) for id_, (name, polygon) in objects.items()]
    drawn_now = [
        AnsweredOutline(id=id_, class_name=name, shape=polygon, untouched=False, clicks=points)
        for id_, name, polygon, points in (*said, *lone)
    ]
    return [*kept.values(), *drawn_now], parts


@dataclass(frozen=True, slots=True)
class _DrawnRing:
    """One ring of an answer."""

    position: int
    entry: dict[str, Any]
    id: str
    class_name: str
    points: Points

    @property
    def base(self) -> str:
        return self.id.partition("/")[0]


def _untouched(read: Sequence[_DrawnRing], shown: Sequence[ShownOutline]) -> dict[str, AnsweredOutline]:
    """Return the shown objects of which every ring came back as it was, and no other with its id."""
    by_base: dict[str, list[_DrawnRing]] = defaultdict(list)
    for one in read:
        by_base[one.base].append(one)
    kept = {}
    for known in shown:
        rings = {id_: (HOLE if is_hole else known.class_name, ring) for id_, ring, is_hole in _rings_of(known)}
        back = by_base[known.id]
        if len(back) == len(rings) and all(_is_ring(each, rings.get(each.id)) for each in back):
            left = {"id": known.id, "class_name": known.class_name, "shape": known.shape, "untouched": True}
            kept[known.id] = AnsweredOutline.model_validate(left)
    return kept


def _is_ring(one: _DrawnRing, ring: tuple[str, Points] | None) -> bool:
    if ring is None or ring[0] != one.class_name or len(ring[1]) != len(one.points):
        return False
    return all(same_edges((*a, 0, 0), (*b, 0, 0)) for a, b in zip(one.points, ring[1], strict=True))


def _read(position: int, entry: Any, size_wh: tuple[int, int], classes: Sequence[str]) -> _DrawnRing:
    try:
        region = _PolygonRegion.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        name = repr(entry.get("id") if isinstance(entry, dict) else entry)[:80]
        raise BadRegion(
            f"entry {name} is no polygon of this question: {where}: {first['msg']} (got {first['input']!r:.80})"
        ) from None
    if len(region.value.polygonlabels) != 1:
        raise BadRegion(f"polygon {region.id!r} has {len(region.value.polygonlabels)} labels (expected 1)")
    (class_name,) = region.value.polygonlabels
    if class_name not in classes and class_name != HOLE:
        raise UnknownClass.named(class_name, classes, "the label config")
    refuse_other_picture(region.id, (region.original_width, region.original_height), size_wh)
    width, height = size_wh
    points = [(x * width / 100, y * height / 100) for x, y in region.value.points]
    for x, y in points:
        if not (-CLIP_PX <= x <= width + CLIP_PX and -CLIP_PX <= y <= height + CLIP_PX):
            raise BadRegion(
                f"polygon {region.id!r} has a corner at {x:.1f}, {y:.1f} px in a picture of {width}×{height} px "
                f"(at most {CLIP_PX:g} px outside is clipped)"
            )
    inside = [(min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in points]
    return _DrawnRing(position, entry, region.id, class_name, inside)


def refuse_other_picture(id_: str, seen_wh: tuple[int | None, int | None], size_wh: tuple[int, int]) -> None:
    """Refuse what was drawn on a picture of other sides: then percent of it mean other pixels.

    Raises:
        BadRegion: So it is.
    """
    if all(seen_wh) and seen_wh != size_wh:
        raise BadRegion(
            f"{id_!r} was drawn on a picture of {seen_wh[0]}×{seen_wh[1]} px, but the item is "
            f"{size_wh[0]}×{size_wh[1]} px"
        )


def _free(id_: str, taken: dict[str, Any]) -> str:
    number = sum(other.partition("~")[0] == id_ for other in taken)
    return f"{id_}~{number}" if number else id_


def _objects(drawn: dict[str, tuple[str, Polygon]]) -> dict[str, tuple[str, Polygon]]:
    """Join the parts of an object that are still of one class; what is left of it keeps its id."""
    objects: dict[str, tuple[str, Polygon]] = {}
    for id_, (class_name, polygon) in drawn.items():
        base = id_.partition("/")[0]
        if base not in objects:
            objects[base] = class_name, polygon
        elif objects[base][0] == class_name:
            objects[base] = class_name, joined([objects[base][1], polygon])
        else:
            objects[id_] = class_name, polygon
    return objects


def _cut_holes(
    holes: Sequence[tuple[_DrawnRing, Polygon]], objects: dict[str, tuple[str, Polygon]]
) -> Iterator[SetAsidePart]:
    rasters = {id_: rasterised(polygon) for id_, (_, polygon) in objects.items()} if holes else {}
    for one, hole in holes:
        pixels = rasterised(hole)
        around = [id_ for id_, raster in rasters.items() if _covers(raster, pixels)]
        if not around:
            yield set_aside(
                one.position, one.entry, BadRegion("a hole that lies in no object: draw the object, or delete it")
            )
            continue
        id_ = min(around, key=lambda id_: rasters[id_].area)
        class_name, polygon = objects[id_]
        left = cut_out(polygon, hole)
        if left is None:
            yield set_aside(one.position, one.entry, BadRegion("a hole that leaves nothing of its object"))
        else:
            objects[id_] = class_name, left


def _covers(one: Raster, hole: Raster) -> bool:
    left, top = max(one.left, hole.left), max(one.top, hole.top)
    right, bottom = min(one.right, hole.right), min(one.bottom, hole.bottom)
    if left >= right or top >= bottom:
        return False
    both = one.part(left, top, right, bottom) & hole.part(left, top, right, bottom)
    return bool(both.sum() >= INSIDE_SHARE * hole.area)


def _bounded(polygon: Polygon) -> Polygon:
    return polygon if corners_of(polygon) <= MOST_CORNERS else simplified(polygon)
