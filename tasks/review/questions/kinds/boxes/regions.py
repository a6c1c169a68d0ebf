"""Between pixel boxes and Label Studio's percentages: the only file that knows both.

Going out, boxes become the regions of a prediction. Coming back, regions become boxes again. What is no
box of the question does not void those beside it: see `parts.py`.

Source:
    Label Studio 1.23.2, result of a RectangleLabels control: value x, y, width, height in percent of the picture.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blocks.errors import BadRegion, UnknownClass
from blocks.frozen import Frozen
from tasks.kinds.geometry import SAME_PX
from tasks.review.questions.kinds.boxes.extreme_points import as_rectangle, is_drawn_by_points
from tasks.review.questions.kinds.controls import BOX, IMAGE, UNSURE
from tasks.review.questions.parts import SetAsidePart, is_word, passed_over, set_aside

CLIP_PX = 1.0
"""A corner this far outside the picture is a slip of the mouse: it is clipped. Farther out, the box is set aside."""

ASPECT_SHARE = 0.02
"""By how much the aspect of the picture a person saw may differ from the item's: more means it was turned."""

MOST_SIDE_PX = 2**31 - 1
"""No format of pictures has a longer side: a number above it is made up, and may be more than a float holds."""


class ShownBox(Frozen):
    """A box as a question shows it: pixels of the upright item."""

    id: str
    class_name: str
    score: float
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    sure: bool = True


class AnsweredBox(Frozen):
    """A box as a person left it: pixels of the upright item. `id` is the proposal's where a prefilled box was kept."""

    id: str
    class_name: str
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    untouched: bool


class _Value(BaseModel):
    """The value of a rectangle, in percent."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0
    rectanglelabels: list[str]


class _Region(BaseModel):
    """One entry of a result, as far as it is read."""

    id: str
    type: Literal["rectanglelabels"]
    from_name: Literal["box", "unsure"]
    value: _Value
    original_width: int | None = Field(default=None, ge=0, le=MOST_SIDE_PX)
    original_height: int | None = Field(default=None, ge=0, le=MOST_SIDE_PX)


def to_regions(boxes: Sequence[ShownBox], width: int, height: int) -> list[dict[str, Any]]:
    """Return boxes as the regions of a prediction, in the order given.

    Args:
        boxes: Boxes in pixels; may be empty.
        width: Of the upright item, in pixels.
        height: Of the upright item, in pixels.
    """
    across, down = 100 / width, 100 / height
    seen = {"to_name": IMAGE, "original_width": width, "original_height": height, "image_rotation": 0}
    return [
        {
            "id": box.id,
            "type": "rectanglelabels",
            "from_name": BOX if box.sure else UNSURE,
            "score": box.score,
            "value": {
                "x": box.x_min * across,
                "y": box.y_min * down,
                "width": (box.x_max - box.x_min) * across,
                "height": (box.y_max - box.y_min) * down,
                "rotation": 0,
                "rectanglelabels": [box.class_name],
            },
            **seen,
        }
        for box in boxes
    ]


def read_boxes(
    result: Sequence[Any], width: int, height: int, classes: Sequence[str], shown: Sequence[ShownBox]
) -> list[AnsweredBox]:
    """Return the boxes that a person left in an answer, in the order of the answer.

    Args:
        result: The annotation's result as Label Studio sends it; empty means that nothing is there.
        width: Of the upright item, in pixels.
        height: Of the upright item, in pixels.
        classes: Known class names.
        shown: The prefilled boxes of the question.

    Raises:
        BadRegion: A region is no upright box inside the picture, and which.
    """
    boxes, parts = sort_boxes(result, width, height, classes, shown)
    bad = [part.reason for part in parts if part.is_region]
    if bad:
        raise BadRegion(bad[0])
    return boxes


def sort_boxes(
    result: Sequence[Any], width: int, height: int, classes: Sequence[str], shown: Sequence[ShownBox]
) -> tuple[list[AnsweredBox], list[SetAsidePart]]:
    """Return the boxes that a person left in an answer, and what in it does not count, with the reasons.

    Where a person re-labelled a doubtful box, its label in the visible control counts: the browser then sends the
    region twice under one id, once with the hidden control and once with the visible one. Two other boxes of one id are
    two boxes, and the second gets an id of its own.

    Args:
        result: The annotation's result as Label Studio sends it; empty means that nothing is there.
        width: Of the upright item, in pixels.
        height: Of the upright item, in pixels.
        classes: Known class names.
        shown: The prefilled boxes of the question.
    """
    prefilled = {box.id: box for box in shown}
    parts: list[SetAsidePart] = []
    relabelled = {_id_of(entry) for entry in result if _is_of(entry, BOX)}
    boxes: dict[str, AnsweredBox] = {}
    for position, entry in enumerate(result):
        if is_word(entry) or (_is_of(entry, UNSURE) and _id_of(entry) in relabelled):
            parts.append(passed_over(position, entry))
            continue
        try:
            rectangle = as_rectangle(entry) if is_drawn_by_points(entry) else entry
            box = _to_box(_parse(rectangle), width, height, classes, prefilled)
        except (BadRegion, UnknownClass) as error:
            parts.append(set_aside(position, entry, error))
            continue
        if box == boxes.get(box.id):
            parts.append(passed_over(position, entry))
        else:
            number = sum(id_.partition("~")[0] == box.id for id_ in boxes)
            box = box.model_copy(update={"id": f"{box.id}~{number}", "untouched": False}) if number else box
            boxes[box.id] = box
    return list(boxes.values()), parts


def _is_of(entry: object, control: str) -> bool:
    return isinstance(entry, dict) and entry.get("type") == "rectanglelabels" and entry.get("from_name") == control


def _id_of(entry: dict[str, Any]) -> str:
    return str(entry.get("id"))


def _parse(entry: object) -> _Region:
    try:
        return _Region.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        raise BadRegion(
            f"entry {_name_of(entry)} is no box of this question: {where}: {first['msg']} (got {first['input']!r:.80})"
        ) from None


def _name_of(entry: object) -> str:
    return repr(entry.get("id"))[:80] if isinstance(entry, dict) else repr(entry)[:80]


def _to_box(
    region: _Region, width: int, height: int, classes: Sequence[str], prefilled: dict[str, ShownBox]
) -> AnsweredBox:
    value = region.value
    if value.rotation % 360 != 0:
        raise BadRegion(f"box {region.id!r} is rotated by {value.rotation} degrees (expected 0)")
    if len(value.rectanglelabels) != 1:
        raise BadRegion(f"box {region.id!r} has {len(value.rectanglelabels)} labels (expected 1)")
    class_name = value.rectanglelabels[0]
    if class_name not in classes:
        raise UnknownClass.named(class_name, classes, "the label config")
    _refuse_turned(region, width, height)
    x_min, x_max = _edges_px(value.x, value.width, width, region.id)
    y_min, y_max = _edges_px(value.y, value.height, height, region.id)
    edges = (x_min, y_min, x_max, y_max)
    shown = prefilled.get(region.id)
    if shown is not None:
        before = (shown.x_min, shown.y_min, shown.x_max, shown.y_max)
        # A prefilled box that moved by less was not touched: its own numbers are kept, to the last bit.
        if all(math.isclose(new, old, abs_tol=SAME_PX) for new, old in zip(edges, before, strict=True)):
            edges = before
        untouched = edges == before and class_name == shown.class_name
    else:
        untouched = False
    x_min, y_min, x_max, y_max = edges
    return AnsweredBox(
        id=region.id, class_name=class_name, x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max, untouched=untouched
    )


def _edges_px(start_percent: float, length_percent: float, size_px: int, region_id: str) -> tuple[float, float]:
    low, high = start_percent * size_px / 100, (start_percent + length_percent) * size_px / 100
    if low < -CLIP_PX or high > size_px + CLIP_PX:
        raise BadRegion(
            f"box {region_id!r} reaches from {low:.1f} to {high:.1f} px in a picture of {size_px} px "
            f"(at most {CLIP_PX:g} px outside is clipped)"
        )
    low, high = max(low, 0.0), min(high, float(size_px))
    if high - low < SAME_PX:
        raise BadRegion(f"box {region_id!r} has no area ({high - low:.3f} px between two edges)")
    return low, high


def _refuse_turned(region: _Region, width: int, height: int) -> None:
    seen_width, seen_height = region.original_width, region.original_height
    if not seen_width or not seen_height:
        return
    if abs(seen_width * height / (seen_height * width) - 1) > ASPECT_SHARE:
        raise BadRegion(
            f"box {region.id!r} was drawn on a picture of {seen_width}×{seen_height} px, but the item is "
            f"{width}×{height} px"
        )
