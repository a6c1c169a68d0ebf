"""Which settled labels look wrong: overlooked, badly placed, swapped or of nothing; each with a reason and a box.

Nothing is changed here and nothing is left out: findings are ranked, and what becomes a question is a matter of budget.
The detector should not have learned from these labels: one that has repeats their faults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import BadInput, NotEnoughData
from tasks.audit.fault_scores import SAME_OBJECT_IOU, Agreement, Fault, ItemBoxes, Paired, check_boxes, pair
from tasks.review.same_boxes import iou_of_all
from tasks.triage.reasons import a_or_an

Corners = tuple[float, float, float, float]


class FaultOptions(BaseModel):
    """Which labels are looked at again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: float = Field(default=0.15, gt=0, le=1, description="Share of the settled items that people look at again")
    fault_share: float = Field(
        default=0.05, gt=0, lt=1, description="Share of labels expected to be wrong, before any is looked at"
    )
    least_suspicion: float = Field(
        default=0.5, ge=0, le=1, description="Findings below this suspicion (0 to 1) are reported and not asked about"
    )
    min_score: float = Field(default=0.2, ge=0, le=1, description="Boxes of a lower score contradict no label")
    odd_z: float = Field(
        default=3.5, ge=1, le=100, description="From how many robust standard deviations on a place or a box is odd"
    )
    odd_colours: bool = Field(
        default=True, description="Also ask about labels of a colour that their class never has: reads every image"
    )
    scores: Literal["plain", "cleanlab"] = Field(
        default="plain",
        description="plain: how rarely labels and detector disagree so; cleanlab: its scores where it has one",
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """One label, or one missing label, that looks wrong."""

    item_id: str
    fault: Fault
    subject: str
    """Id of the label; of the detector's box where a label is missing."""
    class_name: str
    """What it is labelled, or what the detector sees where no label is."""
    box_px: Corners
    suspicion: float
    """0 to 1: how likely it is wrong, by how rare such a disagreement is; see `suspicion_of`."""
    reason: str


def find_faults(
    labels: Mapping[str, ItemBoxes], boxes: Mapping[str, ItemBoxes], classes: Sequence[str], options: FaultOptions
) -> list[Finding]:
    """Find labels that a detector contradicts, the most suspicious first.

    Args:
        labels: Settled labels by item id; an item may have none.
        boxes: A detector's boxes of the same items, of any score.
        classes: Class names by class id. With a single one no label can be swapped.
        options: Least score, oddness.

    Raises:
        BadInput: The items differ, or a score, a corner or a class id cannot be used.
        NotEnoughData: No item, or none has a label: nobody knows when labels and detector agree.
        BadOption: cleanlab's scores are asked for and it is not installed.
    """
    if labels.keys() != boxes.keys():
        odd = sorted(labels.keys() ^ boxes.keys())
        raise BadInput(f"{len(odd)} items have labels or detections only, such as {odd[0]!r}: scan those items first")
    if not any(len(mine) for mine in labels.values()):
        raise NotEnoughData(f"no label on {len(labels)} items: settle some before looking for faults among them")
    check_boxes(labels, len(classes), "label")
    check_boxes(boxes, len(classes), "box")
    items = {item_id: pair(mine, boxes[item_id].at_least(options.min_score)) for item_id, mine in labels.items()}
    judge = _Judge(Agreement.of(list(items.values())), tuple(classes), options)
    found = [finding for item_id, item in items.items() for finding in judge.findings(item_id, item)]
    if options.scores == "cleanlab":
        from tasks.audit.cleanlab_scores import weigh_by_cleanlab

        found = weigh_by_cleanlab(found, labels, boxes, len(classes))
    return ranked(found)


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings, the most suspicious first, always in the same order."""
    return sorted(findings, key=lambda one: (-one.suspicion, one.item_id, one.fault, one.subject))


def suspicion_of(rarity: float, fault_share: float) -> float:
    """Return how likely a label is wrong that is contradicted in a way that is so rare.

    By Bayes' rule, if every wrong label is contradicted and the right ones are as rarely as all labels are.

    Args:
        rarity: Share of labels that are contradicted so, 0 to 1.
        fault_share: Share of labels that are wrong, between 0 and 1.
    """
    return fault_share / (fault_share + (1 - fault_share) * min(1.0, max(0.0, rarity)))


@dataclass(frozen=True, slots=True)
class _Judge:
    agreement: Agreement
    classes: tuple[str, ...]
    options: FaultOptions

    def findings(self, item_id: str, item: Paired) -> list[Finding]:
        """Return what is suspicious in one item, at most one finding for a label or a box."""
        found: list[Finding] = []
        for label in range(len(item.labels)):
            fault = item.contradiction(label)
            found += [self._of_label(item_id, item, label, fault)] if fault else self._of_place(item_id, item, label)
        return found + self._of_single_boxes(item_id, item)

    def _of_label(self, item_id: str, item: Paired, label: int, fault: Fault) -> Finding:
        """Judge a label that the detector does not confirm."""
        class_id, score = int(item.labels.class_ids[label]), item.box_score(label)
        rarity, name = self.agreement.rarity(class_id, fault, score), self.classes[class_id]
        if fault is Fault.UNSEEN:
            share = self.agreement.found(class_id)
            reason = f"nothing seen here, though something is at {share:.0%} of the labels of class {name}"
        elif fault is Fault.SWAPPED:
            seen = a_or_an(self.classes[int(item.boxes.class_ids[item.partner[label]])])
            reason = f"labelled {name}, but looks like {seen} (score {score:.2f}): so do {rarity:.1%} of class {name}"
        else:
            reason = self._apart(class_id, float(item.iou[label, item.partner[label]]))
        return self._finding(item_id, fault, item.labels, label, rarity, reason)

    def _of_place(self, item_id: str, item: Paired, label: int) -> list[Finding]:
        """Judge the edges of a label that the detector confirms."""
        class_id, overlap = int(item.labels.class_ids[label]), float(item.iou[label, item.partner[label]])
        z, rarity = self.agreement.apart(class_id, overlap)
        if z < self.options.odd_z:
            return []
        reason = self._apart(class_id, overlap)
        return [self._finding(item_id, Fault.MISPLACED, item.labels, label, rarity, reason)]

    def _apart(self, class_id: int, overlap: float) -> str:
        return f"overlaps what is seen here by {overlap:.2f} only, {self.agreement.usual_iou(class_id):.2f} is usual"

    def _of_single_boxes(self, item_id: str, item: Paired) -> list[Finding]:
        """Judge boxes without a label, the best first; one over a label, or over a better one, says nothing new."""
        found: list[Finding] = []
        order = sorted(item.single_boxes.tolist(), key=lambda place: -item.boxes.scores[place])
        mine = item.boxes.xyxy_px[order]
        over = np.asarray((item.iou[:, order] >= SAME_OBJECT_IOU).any(axis=0))
        for rank, box in enumerate(order):
            if over[rank]:
                continue
            over |= iou_of_all(mine[[rank]], mine)[0] >= SAME_OBJECT_IOU
            class_id, score = int(item.boxes.class_ids[box]), float(item.boxes.scores[box])
            share = self.agreement.labelled(class_id, score)
            seen = a_or_an(self.classes[class_id])
            reason = f"{seen} of score {score:.2f} has no label: {share:.0%} of such boxes have one"
            found.append(self._finding(item_id, Fault.OVERLOOKED, item.boxes, box, 1 - share, reason))
        return found

    def _finding(self, item_id: str, fault: Fault, owner: ItemBoxes, place: int, rarity: float, reason: str) -> Finding:
        x_min, y_min, x_max, y_max = owner.xyxy_px[place].tolist()
        name = self.classes[int(owner.class_ids[place])]
        box = (x_min, y_min, x_max, y_max)
        suspicion = suspicion_of(rarity, self.options.fault_share)
        return Finding(item_id, fault, owner.ids[place], name, box, suspicion, reason)
