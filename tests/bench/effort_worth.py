"""What the labels of a trial are worth, by the published labels: how many are right, and what was accepted unseen.

A label is right if it is paired one to one with an object of its class at IoU 0.5 or more. What is accepted unseen is
judged as people judge single boxes and as the promise means it: right if any object of its class overlaps it so.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from sqlalchemy import Engine

from blocks.database.tables import Label
from blocks.shapes import Bounds
from infra.annotators.boxes import KEEP_IOU
from infra.annotators.matching import match
from infra.annotators.truth import KnownWorld, TruePicture
from tasks.kinds.geometry import iou_of_all
from tasks.settle.in_force import labels_in_force
from tasks.settle.truth import MACHINE


@dataclass(frozen=True, slots=True)
class Worth:
    """Labels of some items, counted."""

    items: int
    objects: int
    """True ones, by the published labels."""
    labels: int
    correct: int
    accepted: int
    """Labels that no person has judged: triage accepted them by a certified threshold."""
    wrong: int
    """Wrong ones among the accepted."""
    wrong_by_class: dict[str, tuple[int, int]]
    """Wrong ones and all accepted, by class."""

    @property
    def share_accepted(self) -> float | None:
        """Accepted unseen, of all labels; None without labels."""
        return round(self.accepted / self.labels, 4) if self.labels else None

    @property
    def true_error(self) -> float | None:
        """Share of the accepted that is wrong; None where none was accepted."""
        return round(self.wrong / self.accepted, 4) if self.accepted else None

    def as_row(self) -> dict[str, object]:
        """Return counts and shares as they are kept in a cell."""
        return {**asdict(self), "share_accepted": self.share_accepted, "true_error": self.true_error}


def worth_of(engine: Engine, item_ids: Sequence[str], world: KnownWorld) -> Worth:
    """Compare the labels in force of some items with what is true of them; items may be none."""
    in_force = labels_in_force(engine, item_ids)
    correct = 0
    tally: dict[str, tuple[int, int]] = {}
    for item_id, labels in in_force.items():
        picture = world.pictures[item_id]
        correct += sum(_count_pairs(labels, picture, name) for name in world.classes)
        for label in (one for one in labels if one.origin == MACHINE):
            wrong, accepted = tally.get(label.class_name, (0, 0))
            tally[label.class_name] = (wrong + is_wrong(label, picture), accepted + 1)
    return Worth(
        items=len(in_force),
        objects=sum(len(world.pictures[item_id].boxes) for item_id in in_force),
        labels=sum(len(labels) for labels in in_force.values()),
        correct=correct,
        accepted=sum(accepted for _, accepted in tally.values()),
        wrong=sum(wrong for wrong, _ in tally.values()),
        wrong_by_class=dict(sorted(tally.items())),
    )


def is_wrong(label: Label, picture: TruePicture) -> bool:
    """Say whether no object of the label's class is where the label says."""
    true = _true_of(picture, label.class_name)
    if not true:
        return True
    return float(iou_of_all(np.array([_corners(label)], np.float64), np.array(true, np.float64)).max()) < KEEP_IOU


def _count_pairs(labels: Sequence[Label], picture: TruePicture, class_name: str) -> int:
    mine = [_corners(label) for label in labels if label.class_name == class_name]
    return sum(overlap >= KEEP_IOU for _, overlap in match(mine, _true_of(picture, class_name)).values())


def _true_of(picture: TruePicture, class_name: str) -> list[Bounds]:
    return [box.xyxy for box in picture.boxes if box.class_name == class_name]


def _corners(label: Label) -> Bounds:
    return label.x_min, label.y_min, label.x_max, label.y_max
