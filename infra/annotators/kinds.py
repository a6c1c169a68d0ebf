"""How a simulated person chooses: the kind of the object in the middle of a crop, or the class of a whole picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from blocks.shapes import Bounds
from infra.annotators.people import Mistake
from infra.annotators.times import Stopwatch
from infra.annotators.truth import AnnotatorBox, TruePicture
from tasks.kinds.geometry import iou_of_all
from tasks.review.drafts.items_and_kinds import crop_around
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.kinds.choose import CANNOT_TELL, KIND
from tasks.review.questions.kinds.controls import IMAGE

SAME_CROP_IOU = 0.6
"""A crop cut around an object overlaps the question's crop at least so much if the question is about that object."""

MARGIN_SHARE = 0.5
"""The margin that questions have by default; with another one the nearest crop is still that of the right object."""


def answer_kind(
    choices: Sequence[str], crop: Bounds, picture: TruePicture, slip: Mistake | None, rng: np.random.Generator
) -> str:
    """Choose one of the offered choices.

    Args:
        choices: The kinds, then "not a …", then "cannot tell", as the queue offers them.
        crop: What the question shows, in pixels of the picture.
        picture: What really is on the picture.
        slip: The mistake this person makes with this question, if any: any other choice.
        rng: The person's chance.
    """
    *kinds, not_one, cannot_tell = choices
    seen = _in_the_middle(crop, picture)
    if seen is None or not_one != f"not a {seen.class_name}":
        right = not_one
    else:
        right = seen.kind if seen.kind in kinds else cannot_tell
    if slip is None:
        return right
    others = [choice for choice in (*kinds, not_one) if choice != right]
    return others[int(rng.integers(len(others)))]


def answer_class(
    proposed: str | None,
    classes: Sequence[str],
    picture: TruePicture,
    slip: Mistake | None,
    rng: np.random.Generator,
    watch: Stopwatch,
) -> str:
    """Choose the class of a whole picture, and charge the time: a look at what is chosen already, or at all classes.

    Args:
        proposed: What is chosen already; None: nothing.
        classes: What the queue offers, without "cannot tell".
        picture: What really is on the picture.
        slip: The mistake this person makes, if any: a wrong guess is overlooked, else any other class is chosen.
        rng: The person's chance.
        watch: Of this person at this question.
    """
    true = picture.class_name
    right = true if true is not None and true in classes else CANNOT_TELL
    if proposed is None:
        watch.name_one_of(len(classes))
    else:
        watch.verify()
        if slip is not None and proposed != right:
            return proposed
        if proposed != right:
            watch.click()
    others = [name for name in classes if name != right]
    return right if slip is None or not others else others[int(rng.integers(len(others)))]


def kind_seconds(watch: Stopwatch, choices: Sequence[str]) -> None:
    """Charge the time of weighing every kind against the picture."""
    watch.name_one_of(max(1, len(choices) - 2))


def kind_result(choice: str) -> list[dict[str, Any]]:
    """Return the result of a choice as the browser would send it."""
    chosen = {"id": "kind", "type": "choices", "from_name": KIND, "to_name": IMAGE, "value": {"choices": [choice]}}
    return [{**chosen, "origin": "manual"}]


def _in_the_middle(crop: Bounds, picture: TruePicture) -> AnnotatorBox | None:
    """Return the object that a crop was cut around, also where the picture's edge cut the crop."""
    if not picture.boxes:
        return None
    crops = np.array([_crop_of(box, picture.size_wh) for box in picture.boxes], np.float64)
    overlaps = iou_of_all(np.array([crop], np.float64), crops)[0]
    best = int(np.argmax(overlaps))
    return picture.boxes[best] if overlaps[best] >= SAME_CROP_IOU else None


def _crop_of(box: AnnotatorBox, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    x_min, y_min, x_max, y_max = box.xyxy
    edges = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
    return crop_around(AnsweredBox(id="", class_name=box.class_name, untouched=True, **edges), *size_wh, MARGIN_SHARE)
