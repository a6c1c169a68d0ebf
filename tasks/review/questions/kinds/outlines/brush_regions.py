"""Between masks and Label Studio's brushes: what is no brush of the question does not void those beside it.

Source:
    Label Studio 1.23.2, result of a BrushLabels control: value format "rle" and rle, see `brush_rle.py`.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blocks.errors import BadRegion, UnknownClass
from blocks.shapes import Mask
from tasks.kinds.outlines.brush_rle import of_brush, to_brush
from tasks.kinds.outlines.raster import rasterised
from tasks.kinds.outlines.trace import mask_of
from tasks.review.questions.kinds.boxes.regions import MOST_SIDE_PX
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.kinds.outlines.four_clicks import carried_by, from_lone_clicks, is_click
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.kinds.outlines.polygon_regions import refuse_other_picture
from tasks.review.questions.parts import SetAsidePart, is_word, passed_over, set_aside

BRUSH = "brush"
"""The control with which people paint."""

MOST_BYTES = 64 << 20
"""Of the runs of one brush."""


class _BrushValue(BaseModel):
    """The value of a brush."""

    model_config = ConfigDict(strict=True)

    format: Literal["rle"]
    rle: list[Any] = Field(max_length=MOST_BYTES)
    brushlabels: list[str]


class _BrushRegion(BaseModel):
    """One entry of a result, as far as it is read."""

    id: str
    type: Literal["brushlabels"]
    from_name: Literal["brush"]
    value: _BrushValue
    original_width: int | None = Field(default=None, ge=0, le=MOST_SIDE_PX)
    original_height: int | None = Field(default=None, ge=0, le=MOST_SIDE_PX)


def to_brush_regions(outlines: Sequence[ShownOutline], size_wh: tuple[int, int]) -> list[dict[str, Any]]:
    """Return masks as the regions of a prediction, in the order given."""
    return [
        {
            "id": one.id,
            "type": "brushlabels",
            "from_name": BRUSH,
            "to_name": IMAGE,
            "original_width": size_wh[0],
            "original_height": size_wh[1],
            "image_rotation": 0,
            "score": one.score,
            "value": {
                "format": "rle",
                "rle": to_brush(rasterised(one.shape), size_wh),
                "brushlabels": [one.class_name],
            },
        }
        for one in outlines
    ]


def sort_brushes(
    result: Sequence[Any], size_wh: tuple[int, int], classes: Sequence[str], shown: Sequence[ShownOutline]
) -> tuple[list[AnsweredOutline], list[SetAsidePart]]:
    """Return the masks that a person left in an answer, and what in it does not count, with the reasons.

    Args:
        result: The annotation's result as Label Studio sends it; empty means that nothing is there.
        size_wh: Of the upright item, in pixels.
        classes: Known class names.
        shown: The masks that the question began with.
    """
    brushes = {str(entry.get("id")) for entry in result if isinstance(entry, dict) and not is_click(entry)}
    lone, parts = from_lone_clicks(result, size_wh, classes, brushes)
    masks: dict[str, AnsweredOutline] = {}
    before = {one.id: one for one in shown}
    for position, entry in enumerate(result):
        if is_word(entry) or is_click(entry):
            parts += [passed_over(position, entry)] if is_word(entry) or entry.get("id") in brushes else []
            continue
        try:
            id_, class_name, mask = _read(entry, size_wh, classes)
        except (BadRegion, UnknownClass) as error:
            parts.append(set_aside(position, entry, error))
            continue
        known = before.get(id_)
        untouched = known is not None and known.shape == mask and known.class_name == class_name
        clicks = carried_by(entry)
        one = AnsweredOutline(id=id_, class_name=class_name, shape=mask, untouched=untouched, clicks=clicks)
        if masks.get(id_) == one:
            parts.append(passed_over(position, entry))
            continue
        number = sum(other.partition("~")[0] == id_ for other in masks)
        one = one.model_copy(update={"id": f"{id_}~{number}", "untouched": False}) if number else one
        masks[one.id] = one
    for id_, class_name, polygon, points in lone:
        inside = mask_of(rasterised(polygon))
        masks[id_] = AnsweredOutline(id=id_, class_name=class_name, shape=inside, untouched=False, clicks=points)
    return list(masks.values()), parts


def _read(entry: object, size_wh: tuple[int, int], classes: Sequence[str]) -> tuple[str, str, Mask]:
    try:
        region = _BrushRegion.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        name = repr(entry.get("id") if isinstance(entry, dict) else entry)[:80]
        raise BadRegion(f"entry {name} is no brush of this question: {where}: {first['msg']}") from None
    if len(region.value.brushlabels) != 1:
        raise BadRegion(f"brush {region.id!r} has {len(region.value.brushlabels)} labels (expected 1)")
    (class_name,) = region.value.brushlabels
    if class_name not in classes:
        raise UnknownClass.named(class_name, classes, "the label config")
    refuse_other_picture(region.id, (region.original_width, region.original_height), size_wh)
    inside = of_brush(region.value.rle, size_wh)
    if not inside.any():
        raise BadRegion(f"brush {region.id!r} covers no pixel")
    return region.id, class_name, Mask.of(inside)
