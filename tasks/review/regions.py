"""Between pixel boxes and Label Studio's percentages: the only file that knows both.

Going out, boxes become the regions of a prediction. Coming back, regions become boxes again, and everything that is no
box of the question is an error with its reason: the caller keeps such an answer raw and sets it aside.

Source:
    Label Studio 1.23.2, result of a RectangleLabels control: value x, y, width, height in percent of the picture.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from blocks.errors import BadRegion, UnknownClass
from tasks.review.configs import BOX, IMAGE, KIND, UNSURE
from tasks.review.queues import CANNOT_TELL, choices_of, not_an_object

CLIP_PX = 1.0
"""A corner this far outside the picture is a slip of the mouse: it is clipped. Farther out, the answer is set aside."""

SAME_PX = 0.01
"""A prefilled box whose edges moved by less was not touched: its own numbers are kept, to the last bit."""

ASPECT_SHARE = 0.02
"""By how much the aspect of the picture a person saw may differ from the item's: more means it was turned."""


class ShownBox(BaseModel):
    """A box as a question shows it: pixels of the upright item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    class_name: str
    score: float
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    sure: bool = True


class AnsweredBox(BaseModel):
    """A box as a person left it: pixels of the upright item. `id` is the proposal's where a prefilled box was kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    class_name: str
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    untouched: bool


class AnsweredKind(BaseModel):
    """What a person said about one box."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str | None
    verdict: Literal["kind", "not_an_object", "cannot_tell"]


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
    original_width: int | None = None
    original_height: int | None = None


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
        BadRegion: An entry is no upright box inside the picture, or two boxes have one id.
        UnknownClass: A label is not among the classes.
    """
    prefilled = {box.id: box for box in shown}
    return [_to_box(region, width, height, classes, prefilled) for region in _one_per_id(result).values()]


def read_kind(result: Sequence[Any], class_name: str, kinds: Sequence[str]) -> AnsweredKind:
    """Return what a person chose about one box.

    Raises:
        BadRegion: The answer is not exactly one of the choices.
    """
    chosen = [entry.get("value", {}).get("choices") for entry in result if _is_choice(entry)]
    if len(chosen) != 1 or len(result) != 1 or not isinstance(chosen[0], list) or len(chosen[0]) != 1:
        raise BadRegion(f"the answer holds {len(result)} entries (expected exactly one choice of control {KIND!r})")
    choice = chosen[0][0]
    known = choices_of(class_name, kinds)
    if choice not in known:
        raise BadRegion(f"choice {choice!r} is not one of {known}")
    if choice == CANNOT_TELL:
        return AnsweredKind(kind=None, verdict="cannot_tell")
    if choice == not_an_object(class_name):
        return AnsweredKind(kind=None, verdict="not_an_object")
    return AnsweredKind(kind=choice, verdict="kind")


def _is_choice(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("type") == "choices"
        and entry.get("from_name") == KIND
        and isinstance(entry.get("value"), dict)
    )


def _one_per_id(result: Sequence[Any]) -> dict[str, _Region]:
    """Parse regions; where a person re-labelled a doubtful box, its label in the visible control counts.

    The browser then sends the region twice under one id: once with the hidden control, once with the visible one.
    """
    regions: dict[str, _Region] = {}
    for entry in result:
        try:
            region = _Region.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "entry"
            raise BadRegion(
                f"entry {_name_of(entry)} is no box of this question: {where}: {first['msg']} "
                f"(got {first['input']!r:.80})"
            ) from None
        other = regions.get(region.id)
        if other is not None and {other.from_name, region.from_name} != {BOX, UNSURE}:
            raise BadRegion(f"two boxes have the id {region.id!r}")
        if other is None or region.from_name == BOX:
            regions[region.id] = region
    return regions


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
