"""Objects outlined by four clicks: on the topmost, leftmost, bottommost and rightmost point, in any order.

Label Studio sends the clicks so far to the back end at each click, and shows the outline that comes back for the
fourth. The clicks are then gone, so the outline carries them along (`meta`), and they are kept with the answer. It
comes back with a twin of its id, which says its class once more under the clicks' control: the twin is passed over.
Clicks of which nothing became, because the back end was away, are not lost: four of one class are an outline by
themselves.

Source:
    Label Studio 1.23.2, result of a KeyPointLabels control: value x and y in percent of the picture; `smartOnly` lets
    its tool ask the back end whether or not somebody has turned auto-annotation on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, ValidationError

from blocks.errors import BadRegion, BadShape
from blocks.shapes import Polygon
from tasks.kinds.outlines.valid import outlined
from tasks.review.questions.kinds.boxes.extreme_points import CLICKS, Drawing
from tasks.review.questions.kinds.controls import IMAGE, add_classes
from tasks.review.questions.kinds.outlines.outline import ClickedPoints
from tasks.review.questions.parts import SetAsidePart, set_aside
from tasks.suggest.outlining.extremes import Extremes, curve

CLICKED = "clicks"
"""The control with which people click."""

TYPE = "keypointlabels"

META = "clicks"
"""Under which name an outline carries its clicks along, in pixels of what people see."""

BY_HAND = "extremes"

MOST_CLICKS = 400
"""In one question: more are not read."""

HOW_TO_OUTLINE: Mapping[Drawing, str] = {
    "corners": "press the class's number, then click corner after corner; the first one again closes it",
    "extreme_points": "press m, then the class's number, then click the object's topmost, leftmost, bottommost and "
    "rightmost point: its outline appears, and the next four clicks are the next object. Ctrl+Z takes a click back. "
    "Corner after corner is drawn with the class's letter",
}
"""What people read."""

HOW_TO_PAINT: Mapping[Drawing, str] = {
    "corners": "press the class's number, then paint. Esc ends the object",
    "extreme_points": "press m, then the class's number, then click the object's topmost, leftmost, bottommost and "
    "rightmost point: it is painted, and the next four clicks are the next object. Ctrl+Z takes a click back. "
    "By brush it is painted with the class's letter; Esc ends the object",
}


class _ClickValue(BaseModel):
    """The value of a click, in percent."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    x: float
    y: float
    keypointlabels: list[str]


class _Clicked(BaseModel):
    """One entry of a result, as far as it is read."""

    id: str
    value: _ClickValue


def add_clicks(
    view: ElementTree.Element,
    classes: Sequence[str],
    keys: Sequence[str] = (),
    *,
    is_chosen: bool = False,
    is_live: bool = True,
) -> None:
    """Add the control, with a label for each class.

    Args:
        view: Of a label config.
        classes: In order.
        keys: The labels' hotkeys, for the first classes.
        is_chosen: Whether the first class is chosen from the start.
        is_live: Whether people click with it; else it is there for what was clicked before, and its tool is not.
    """
    attributes = {"name": CLICKED, "toName": IMAGE, "strokeWidth": "3"}
    attributes |= {"smart": "true", "smartOnly": "true"} if is_live else {"smart": "false"}
    control = ElementTree.SubElement(view, "KeyPointLabels", attributes)
    add_classes(control, classes, keys, is_chosen=is_chosen)


def is_click(entry: object) -> bool:
    """Say whether an entry of a result is a click, or the twin of an outline."""
    return isinstance(entry, dict) and entry.get("type") == TYPE


def clicks_in(entries: Sequence[Any], size_wh: tuple[int, int]) -> dict[str, list[tuple[float, float]]]:
    """Return the clicks among the entries of a result by class, in their order, in pixels of what has that size.

    Raises:
        BadRegion: One has no place or not one class, or there are more than anybody clicks.
    """
    if len(entries) > MOST_CLICKS:
        raise BadRegion(f"{len(entries)} clicks (expected at most {MOST_CLICKS})")
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for entry in filter(is_click, entries):
        class_name, point = _read(entry, size_wh)
        found[class_name].append(point)
    return dict(found)


def carried(points: Sequence[tuple[float, float]], by: str) -> dict[str, Any]:
    """Return what an outline carries along of its clicks, in pixels of what people see, and what it came of."""
    return {"text": ["outlined from four clicks"], META: {"points": [list(one) for one in points], "by": by}}


def carried_by(entry: Mapping[str, Any]) -> ClickedPoints | None:
    """Return the clicks that a region carries along; None: none, or nothing that can be read as such."""
    meta = entry.get("meta")
    try:
        return ClickedPoints.model_validate(meta[META]) if isinstance(meta, dict) and META in meta else None
    except ValidationError:
        return None


def from_lone_clicks(
    result: Sequence[Any], size_wh: tuple[int, int], classes: Sequence[str], taken: set[str]
) -> tuple[list[tuple[str, str, Polygon, ClickedPoints]], list[SetAsidePart]]:
    """Return what clicks come to of which no outline was made: four of a class in turn are one object.

    Args:
        result: Of an annotation.
        size_wh: Of the item, in pixels.
        classes: Known class names.
        taken: Ids of outlines: a click of such an id is its twin, and none.

    Returns:
        Id, class, outline and clicks of each object; and the clicks that come to nothing, with the reasons.
    """
    lone: dict[str, list[tuple[int, Any, tuple[float, float]]]] = defaultdict(list)
    parts: list[SetAsidePart] = []
    for position, entry in enumerate(result):
        if not is_click(entry) or entry.get("id") in taken:
            continue
        try:
            class_name, point = _read(entry, size_wh)
            if class_name not in classes:
                raise BadRegion(f"a click on {class_name!r}, which is no class of the question")
            lone[class_name].append((position, entry, point))
        except BadRegion as error:
            parts.append(set_aside(position, entry, error))
    found: list[tuple[str, str, Polygon, ClickedPoints]] = []
    for class_name, clicks in lone.items():
        for at in range(0, len(clicks), CLICKS):
            four = clicks[at : at + CLICKS]
            points = tuple(point for _, _, point in four)
            try:
                line = curve(Extremes.of(points, size_wh))
                polygon = outlined([(float(x), float(y)) for x, y in line], "what was clicked")
            except BadShape as error:
                why = BadRegion(f"{error}: no outline came of it")
                parts += [set_aside(position, entry, why) for position, entry, _ in four]
                continue
            kept = ClickedPoints.model_validate({"points": points, "by": BY_HAND})
            found.append((str(four[0][1]["id"]), class_name, polygon, kept))
    return found, parts


def _read(entry: Any, size_wh: tuple[int, int]) -> tuple[str, tuple[float, float]]:
    try:
        value = _Clicked.model_validate(entry).value
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        raise BadRegion(f"a click of which {where} cannot be read: {first['msg']}") from None
    if len(value.keypointlabels) != 1:
        raise BadRegion(f"a click with {len(value.keypointlabels)} labels (expected 1)")
    return value.keypointlabels[0], (value.x * size_wh[0] / 100, value.y * size_wh[1] / 100)
