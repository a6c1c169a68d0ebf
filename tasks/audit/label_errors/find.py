"""Which settled labels look wrong: overlooked, badly placed, swapped or of nothing; each with a reason and a box.

Nothing is changed here and nothing is left out: findings are ranked, and what becomes a question is a matter of budget.
The detector should not have learned from these labels: one that has repeats their faults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blocks.errors import BadInput, NotEnoughData
from tasks.audit.label_errors.finding import LabelErrorOptions, LabelFinding
from tasks.audit.label_errors.scores import DetectorAgreement, Fault, ItemBoxes, Paired, check_boxes, pair
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all
from tasks.triage.reasons import a_or_an


def find_faults(
    labels: Mapping[str, ItemBoxes], boxes: Mapping[str, ItemBoxes], classes: Sequence[str], options: LabelErrorOptions
) -> list[LabelFinding]:
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
    judge = _Judge(DetectorAgreement.of(list(items.values())), tuple(classes), options)
    found = [finding for item_id, item in items.items() for finding in judge.findings(item_id, item)]
    if options.scores == "cleanlab":
        from tasks.audit.label_errors.cleanlab_scores import weigh_by_cleanlab

        found = weigh_by_cleanlab(found, labels, boxes, len(classes))
    return ranked(found)


def ranked(findings: Sequence[LabelFinding]) -> list[LabelFinding]:
    """Return findings, the most suspicious first, always in the same order."""
    return sorted(findings, key=lambda one: (-one.suspicion, one.item_id, one.fault, one.subject))


def suspicion_of(rarity: float, expected_error_rate: float) -> float:
    """Return how likely a label is wrong that is contradicted in a way that is so rare.

    By Bayes' rule, if every wrong label is contradicted and the right ones are as rarely as all labels are.

    Args:
        rarity: Share of labels that are contradicted so, 0 to 1.
        expected_error_rate: Share of labels that are wrong, between 0 and 1.
    """
    return expected_error_rate / (expected_error_rate + (1 - expected_error_rate) * min(1.0, max(0.0, rarity)))


@dataclass(frozen=True, slots=True)
class _Judge:
    agreement: DetectorAgreement
    classes: tuple[str, ...]
    options: LabelErrorOptions

    def findings(self, item_id: str, item: Paired) -> list[LabelFinding]:
        """Return what is suspicious in one item, at most one finding for a label or a box."""
        found: list[LabelFinding] = []
        for label in range(len(item.labels)):
            fault = item.contradiction(label)
            found += [self._of_label(item_id, item, label, fault)] if fault else self._of_place(item_id, item, label)
        return found + self._of_single_boxes(item_id, item)

    def _of_label(self, item_id: str, item: Paired, label: int, fault: Fault) -> LabelFinding:
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

    def _of_place(self, item_id: str, item: Paired, label: int) -> list[LabelFinding]:
        """Judge the edges of a label that the detector confirms."""
        class_id, overlap = int(item.labels.class_ids[label]), float(item.iou[label, item.partner[label]])
        z, rarity = self.agreement.apart(class_id, overlap)
        if z < self.options.outlier_z:
            return []
        reason = self._apart(class_id, overlap)
        return [self._finding(item_id, Fault.MISPLACED, item.labels, label, rarity, reason)]

    def _apart(self, class_id: int, overlap: float) -> str:
        return f"overlaps what is seen here by {overlap:.2f} only, {self.agreement.usual_iou(class_id):.2f} is usual"

    def _of_single_boxes(self, item_id: str, item: Paired) -> list[LabelFinding]:
        """Judge boxes without a label, the best first; one over a label, or over a better one, says nothing new."""
        found: list[LabelFinding] = []
        order = sorted(item.single_boxes.tolist(), key=lambda place: -item.boxes.scores[place])
        mine = item.boxes.xyxy_px[order]
        over = np.asarray((item.iou[:, order] >= RIGHT_IOU).any(axis=0))
        for rank, box in enumerate(order):
            if over[rank]:
                continue
            over |= iou_of_all(mine[[rank]], mine)[0] >= RIGHT_IOU
            class_id, score = int(item.boxes.class_ids[box]), float(item.boxes.scores[box])
            share = self.agreement.labelled(class_id, score)
            seen = a_or_an(self.classes[class_id])
            reason = f"{seen} of score {score:.2f} has no label: {share:.0%} of such boxes have one"
            found.append(self._finding(item_id, Fault.OVERLOOKED, item.boxes, box, 1 - share, reason))
        return found

    def _finding(
        self, item_id: str, fault: Fault, owner: ItemBoxes, place: int, rarity: float, reason: str
    ) -> LabelFinding:
        x_min, y_min, x_max, y_max = owner.xyxy_px[place].tolist()
        name = self.classes[int(owner.class_ids[place])]
        box = (x_min, y_min, x_max, y_max)
        suspicion = suspicion_of(rarity, self.options.expected_error_rate)
        return LabelFinding(item_id, fault, owner.ids[place], name, box, suspicion, reason)
