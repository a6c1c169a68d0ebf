"""How a simulated person outlines or paints objects: keeps, redraws, deletes and adds, with their mistakes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from blocks.shapes import Box, Shape
from infra.annotators.desk import OpenQuestion
from infra.annotators.people import Mistake
from infra.annotators.times import Stopwatch
from infra.annotators.truth import TruePicture
from tasks.kinds.geometry import RIGHT_IOU
from tasks.kinds.matching import match_optimally
from tasks.kinds.outlines.raster import Raster, mask_iou_of_all, rasterised
from tasks.kinds.outlines.trace import mask_of
from tasks.review.questions.kinds.outlines.mark import MarkOutlines
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline

KEEP_IOU = 0.8
"""What meets the object at this mask IoU is left as it is: nobody drags corners by a pixel."""

SLOPPY_SHARE = 0.15
"""By how much of its side a careless outline is off."""

Mistakes = Callable[[np.random.Generator, int], list[Mistake | None]]


def answer_outlines(
    kind: MarkOutlines,
    question: OpenQuestion,
    picture: TruePicture,
    mistakes: Mistakes,
    rng: np.random.Generator,
    watch: Stopwatch,
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Answer a question about outlines or masks, and charge the time.

    Args:
        kind: Of the question.
        question: What is shown.
        picture: What really is on it; objects of which only a box is known are that box.
        mistakes: Draws, for each of several objects, which mistake is made with it.
        rng: The person's chance.
        watch: Of this person at this question.

    Returns:
        The result of an annotation as the browser would send it, and how many were kept, changed, added and deleted.
    """
    payload = kind.payload(width=picture.size_wh[0], height=picture.size_wh[1])
    shown, _ = kind.sort(payload, question.regions, question.desk.classes)
    there = [box for box in picture.boxes if box.class_name in question.desk.classes]
    truth = [
        AnsweredOutline(id=f"t{n}", class_name=box.class_name, shape=_shape(kind, box.shape, box.xyxy), untouched=False)
        for n, box in enumerate(there)
    ]
    alike = mask_iou_of_all(truth, shown)
    partner = {row: column for row, column in match_optimally(alike) if alike[row, column] >= RIGHT_IOU}
    watch.look_over()
    watch.verify(len(shown))
    acts = dict.fromkeys(("kept", "changed", "added", "deleted"), 0)
    drawn: list[ShownOutline] = []
    kept: set[str] = set()
    for row, (true, slip) in enumerate(zip(truth, mistakes(rng, len(truth)), strict=True)):
        before = shown[partner[row]] if row in partner else None
        is_right = before is not None and before.class_name == true.class_name and alike[row, partner[row]] >= KEEP_IOU
        if before is not None and (is_right or slip == "missed") and slip != "confused":
            kept.add(before.id)
            acts["kept"] += 1
        elif slip != "missed":
            watch.outline()
            acts["added" if before is None else "changed"] += 1
            name = _another(true.class_name, question.desk.classes, rng) if slip == "confused" else true.class_name
            shape = _off(true.shape, picture.size_wh, kind) if slip == "sloppy" else true.shape
            drawn.append(ShownOutline(id=f"{rng.integers(16**10):010x}", class_name=name, score=0, shape=shape))
    wrong = [one for at, one in enumerate(shown) if at not in partner.values()]
    for one, slip in zip(wrong, mistakes(rng, len(wrong)), strict=True):
        if slip is None:
            watch.click()
            acts["deleted"] += 1
        else:
            kept.add(one.id)
            acts["kept"] += 1
    left = [{**region, "origin": "prediction"} for region in question.regions if _base(region) in kept]
    made = kind.shown(payload.showing(drawn))
    for region in made:
        del region["score"]  # only machines give scores
    return [*left, *({**region, "origin": "manual"} for region in made)], acts


def _base(region: dict[str, Any]) -> str:
    return str(region["id"]).partition("/")[0]


def _shape(kind: MarkOutlines, shape: Shape | None, edges: tuple[float, float, float, float]) -> Shape:
    box = dict(zip(("x_min", "y_min", "x_max", "y_max"), edges, strict=True))
    return kind.shaped(shape or Box(**box))


def _off(shape: Shape, size_wh: tuple[int, int], kind: MarkOutlines) -> Shape:
    """Return a shape that is moved to the right and cut at the border; itself where nothing would be left."""
    raster = rasterised(shape)
    left = raster.left + round(SLOPPY_SHARE * raster.pixels.shape[1])
    pixels = raster.pixels[:, : max(size_wh[0] - left, 0)]
    return kind.shaped(mask_of(Raster(left, raster.top, pixels))) if pixels.any() else shape


def _another(class_name: str, classes: Sequence[str], rng: np.random.Generator) -> str:
    others = [name for name in classes if name != class_name]
    return others[int(rng.integers(len(others)))] if others else class_name
