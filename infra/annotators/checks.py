"""How a simulated person answers "is this box right?" about one box in a crop."""

import numpy as np

from blocks.database.audit_tables import Said
from blocks.shapes import Bounds
from infra.annotators.people import Mistake
from infra.annotators.truth import TruePicture
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all
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
    true = _truth_of(class_name, box, picture)
    words = {said: words for words, said in CHECKS.items()}
    if slip is None:
        return words[true]
    others = [said for said in (Said.RIGHT, Said.WRONG, Said.NOTHING) if said is not true]
    return words[others[int(rng.integers(len(others)))]]


def _truth_of(class_name: str, box: Bounds, picture: TruePicture) -> Said:
    if not picture.boxes:
        return Said.NOTHING
    overlaps = iou_of_all(np.array([box], np.float64), np.array([true.xyxy for true in picture.boxes], np.float64))[0]
    pairs = zip(overlaps.tolist(), picture.boxes, strict=True)
    of_class = [overlap for overlap, true in pairs if true.class_name == class_name]
    if max(of_class, default=0.0) >= RIGHT_IOU:
        return Said.RIGHT
    return Said.WRONG if float(overlaps.max()) >= SOMETHING_IOU else Said.NOTHING
