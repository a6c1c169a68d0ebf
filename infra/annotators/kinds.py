"""How a simulated person answers "which kind is it?" about the object in the middle of a crop."""

from collections.abc import Sequence

import numpy as np

from infra.annotators.matching import iou_matrix
from infra.annotators.people import Mistake
from infra.annotators.times import Stopwatch
from infra.annotators.truth import Corners, TrueBox, TruePicture
from tasks.review.drafts import crop_around
from tasks.review.regions import AnsweredBox

SAME_CROP_IOU = 0.6
"""A crop cut around an object overlaps the question's crop at least so much if the question is about that object."""

MARGIN_SHARE = 0.5
"""The margin that questions have by default; with another one the nearest crop is still that of the right object."""


def answer_kind(
    choices: Sequence[str], crop: Corners, picture: TruePicture, slip: Mistake | None, rng: np.random.Generator
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


def kind_seconds(watch: Stopwatch, choices: Sequence[str]) -> None:
    """Charge the time of weighing every kind against the picture."""
    watch.name_one_of(max(1, len(choices) - 2))


def _in_the_middle(crop: Corners, picture: TruePicture) -> TrueBox | None:
    """Return the object that a crop was cut around, also where the picture's edge cut the crop."""
    if not picture.boxes:
        return None
    crops = np.array([_crop_of(box, picture.size_wh) for box in picture.boxes], np.float64)
    overlaps = iou_matrix(np.array([crop], np.float64), crops)[0]
    best = int(np.argmax(overlaps))
    return picture.boxes[best] if overlaps[best] >= SAME_CROP_IOU else None


def _crop_of(box: TrueBox, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    x_min, y_min, x_max, y_max = box.xyxy
    edges = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
    return crop_around(AnsweredBox(id="", class_name=box.class_name, untouched=True, **edges), *size_wh, MARGIN_SHARE)
