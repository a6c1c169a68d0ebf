"""How a simulated person answers "is this right?" about one box, or one outline, in a crop."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from blocks.database.audit_tables import Said
from blocks.shapes import Bounds
from infra.annotators.desk import OpenQuestion
from infra.annotators.people import Mistake
from infra.annotators.truth import TruePicture
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.kinds.outlines.brush_regions import sort_brushes
from tasks.review.questions.kinds.outlines.polygon_regions import sort_polygons
from tasks.review.questions.kinds.registry import KINDS
from tasks.review.questions.kinds.verify import CHECKS

SOMETHING_IOU = 0.1
"""From this IoU on there is something, only of another class or elsewhere."""


def answer_check(
    class_name: str, box: Bounds, picture: TruePicture, slip: Mistake | None, rng: np.random.Generator
) -> str:
    """Choose one of the four choices; who slips presses any other key than the right one, but never "cannot tell".

    Args:
        class_name: What the box is said to hold.
        box: In pixels of the picture.
        picture: What really is on the picture.
        slip: The mistake this person makes with this question, if any.
        rng: The person's chance.
    """
    return _pressed(_truth_of(class_name, box, picture), slip, rng)


def answer_outline_check(
    question: OpenQuestion, picture: TruePicture, slip: Mistake | None, rng: np.random.Generator
) -> str:
    """Choose one of the four choices about an outline that is shown in a crop; the pixels decide."""
    left, top, right, bottom = (int(edge) for edge in question.crop or (0, 0, 0, 0))
    seen_as = question.regions, (right - left, bottom - top), question.desk.classes, ()
    shown = sort_polygons(*seen_as)[0] or sort_brushes(*seen_as)[0]
    if not shown:
        return _pressed(Said.NOTHING, slip, rng)
    seen = rasterised(shown[0].shape)
    there = Raster(seen.left + left, seen.top + top, seen.pixels)
    overlaps = [(true.class_name, mask_iou(rasterised(true.seen_shape), there)) for true in picture.boxes]
    return _pressed(_worth(shown[0].class_name, overlaps), slip, rng)


def _pressed(true: Said, slip: Mistake | None, rng: np.random.Generator) -> str:
    words = {said: words for words, said in CHECKS.items()}
    if slip is None:
        return words[true]
    others = [said for said in (Said.RIGHT, Said.WRONG, Said.NOTHING) if said is not true]
    return words[others[int(rng.integers(len(others)))]]


def _truth_of(class_name: str, box: Bounds, picture: TruePicture) -> Said:
    if not picture.boxes:
        return Said.NOTHING
    overlaps = iou_of_all(np.array([box], np.float64), np.array([true.xyxy for true in picture.boxes], np.float64))[0]
    return _worth(class_name, [(true.class_name, each) for true, each in zip(picture.boxes, overlaps, strict=True)])


def _worth(class_name: str, overlaps: Sequence[tuple[str, float]]) -> Said:
    """Return what is right to say of what overlaps each of several objects so much."""
    if max((overlap for name, overlap in overlaps if name == class_name), default=0.0) >= RIGHT_IOU:
        return Said.RIGHT
    return Said.WRONG if max((overlap for _, overlap in overlaps), default=0.0) >= SOMETHING_IOU else Said.NOTHING


def check_result(question: OpenQuestion, choice: str) -> list[dict[str, Any]]:
    """Return the result of a check as the browser would send it: what was shown, and the choice."""
    said = {"from_name": KINDS[question.desk.kind].control, "to_name": IMAGE, "value": {"choices": [choice]}}
    chosen = {"id": "check", "type": "choices", **said}
    return [*({**region, "origin": "prediction"} for region in question.regions), {**chosen, "origin": "manual"}]
