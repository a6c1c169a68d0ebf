"""How a simulated person answers "which kind is it?" about the object in the middle of a crop."""

from collections.abc import Sequence

import numpy as np

from infra.annotators.matching import iou_matrix
from infra.annotators.people import Mistake
from infra.annotators.times import Stopwatch
from infra.annotators.truth import Corners, TrueBox
from tasks.review.queues import CANNOT_TELL

MIN_SHARE_OF_CROP = 0.1
"""An object that overlaps the crop by less (IoU) is not what the question is about."""


def answer_kind(
    choices: Sequence[str], crop: Corners, truth: Sequence[TrueBox], slip: Mistake | None, rng: np.random.Generator
) -> str:
    """Choose one of the offered choices.

    Args:
        choices: The kinds, then "not a …", then "cannot tell", as the queue offers them.
        crop: What the question shows, in pixels of the picture.
        truth: All objects of the picture.
        slip: The mistake this person makes with this question, if any: any other choice.
        rng: The person's chance.
    """
    *kinds, not_one, cannot_tell = choices
    seen = _in_the_middle(crop, truth)
    if seen is None or not_one != f"not a {seen.class_name}":
        right = not_one
    else:
        right = seen.kind if seen.kind in kinds else cannot_tell
    if slip is None:
        return right
    others = [choice for choice in (*kinds, not_one) if choice not in (right, CANNOT_TELL)]
    return others[int(rng.integers(len(others)))]


def kind_seconds(watch: Stopwatch, choices: Sequence[str]) -> None:
    """Charge the time of weighing every kind against the picture."""
    watch.name_one_of(max(1, len(choices) - 2))


def _in_the_middle(crop: Corners, truth: Sequence[TrueBox]) -> TrueBox | None:
    """Return the object that a crop was cut around: a crop is its object's box with a margin."""
    if not truth:
        return None
    overlaps = iou_matrix(np.array([crop], np.float64), np.array([box.xyxy for box in truth], np.float64))[0]
    best = int(np.argmax(overlaps))
    return truth[best] if overlaps[best] >= MIN_SHARE_OF_CROP else None
