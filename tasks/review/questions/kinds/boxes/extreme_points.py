"""Boxes drawn by four clicks: the topmost, leftmost, bottommost and rightmost point of an object, in any order.

Label Studio has no such tool. Its vector control ends a line by itself once it has as many points as `maxPoints` says,
so four clicks and no more draw an object, and the next click begins the next one. The bounds of the four points are the
box. A click on a shown box selects it, so the first point must lie outside of the others; the next three need not.

Source:
    Label Studio 1.23.2, result of a VectorLabels control: value vertices, each x and y in percent of the picture; a
    line that is submitted before its last point has fewer. Papadopoulos et al., "Extreme clicking for efficient object
    annotation", ICCV 2017.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, ValidationError

from blocks.errors import BadRegion
from blocks.published_times import DRAW_BOX, DRAW_BOX_FAST
from tasks.review.questions.kinds.controls import BOX, IMAGE, add_classes

POINTS = "points"
"""The control with which people click extreme points."""

TYPE = "vectorlabels"

CLICKS = 4

Drawing = Literal["corners", "extreme_points"]
"""How people draw boxes: by dragging from corner to corner, or by four clicks."""

DRAW_BOX_S: Mapping[Drawing, float] = {"corners": DRAW_BOX.seconds, "extreme_points": DRAW_BOX_FAST.seconds}
"""To draw one box, by how a queue lets people draw."""

HOW_TO_DRAW: Mapping[Drawing, str] = {
    "corners": "drag, box after box",
    "extreme_points": "click the object's topmost, leftmost, bottommost and rightmost point, object after object. "
    "Begin with one that lies outside of all boxes; if none does, hide them first (the eye above the list of regions). "
    "After a shown box was selected: Esc, then the class's number. To delete one, click its line, then Backspace",
}
"""What people read, after they have pressed a class's key."""


class _Point(BaseModel):
    """One vertex, in percent."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    x: float
    y: float


class _Line(BaseModel):
    """The value of a line, as far as it is read."""

    vertices: list[_Point]
    vectorlabels: list[str]


def add_points(
    view: ElementTree.Element, classes: Sequence[str], keys: Sequence[str] = (), *, is_chosen: bool = False
) -> None:
    """Add the control, with a label for each class.

    Args:
        view: Of a label config.
        classes: In order.
        keys: The labels' hotkeys, for the first classes.
        is_chosen: Whether the first class is chosen from the start.
    """
    attributes = {"name": POINTS, "toName": IMAGE, "closable": "false", "strokeWidth": "2", "opacity": "1"}
    numbers = {"minPoints": str(CLICKS), "maxPoints": str(CLICKS)}
    control = ElementTree.SubElement(view, "VectorLabels", attributes | numbers)
    add_classes(control, classes, keys, is_chosen=is_chosen)


def is_drawn_by_points(entry: object) -> bool:
    """Say whether an entry of a result was drawn by clicks."""
    return isinstance(entry, dict) and entry.get("type") == TYPE and entry.get("from_name") == POINTS


def as_rectangle(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry that was drawn by clicks as the rectangle around its points, in percent as it came.

    Raises:
        BadRegion: It is not finished, or its points are no numbers.
    """
    name = repr(entry.get("id"))[:80]
    try:
        line = _Line.model_validate(entry.get("value"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "value"
        raise BadRegion(
            f"entry {name} has no extreme points: {where}: {first['msg']} (got {first['input']!r:.80})"
        ) from None
    if len(line.vertices) < CLICKS:
        raise BadRegion(
            f"entry {name} has {len(line.vertices)} of {CLICKS} extreme points: it was not finished, or one was deleted"
        )
    across, down = [point.x for point in line.vertices], [point.y for point in line.vertices]
    x, y = min(across), min(down)
    value = {"x": x, "y": y, "width": max(across) - x, "height": max(down) - y, "rectanglelabels": line.vectorlabels}
    return {**entry, "type": "rectanglelabels", "from_name": BOX, "value": value}


def as_points(rectangle: Mapping[str, Any]) -> dict[str, Any]:
    """Return the region of a box as somebody draws it by clicks: in the middle of each side, from the top leftwards."""
    value = rectangle["value"]
    x, y, width, height = (value[name] for name in ("x", "y", "width", "height"))
    clicked = (x + width / 2, y), (x, y + height / 2), (x + width / 2, y + height), (x + width, y + height / 2)
    vertices = [{"x": across, "y": down, "isBezier": False} for across, down in clicked]
    line = {"vertices": vertices, "closed": False, TYPE: value["rectanglelabels"]}
    return {**rectangle, "type": TYPE, "from_name": POINTS, "value": line}
