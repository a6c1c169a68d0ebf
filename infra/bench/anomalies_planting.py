"""Faults planted in good labels, and what of them is sent back: arithmetic for the bench of label faults."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.audit.fault_scores import SAME_OBJECT_IOU, ItemBoxes
from tasks.audit.faults import Finding
from tasks.review.same_boxes import iou_of_all

KINDS = ("dropped", "shifted", "swapped")
SHIFT = (0.3, 0.5)
"""By what share of its sides a shifted box moves; at 0.4 along one side it overlaps its object by 0.43."""

World = dict[str, ItemBoxes]


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault: what was right before."""

    kind: str
    item_id: str
    label_id: str
    box_px: tuple[float, float, float, float]


def plant(labels: Mapping[str, ItemBoxes], classes: int, share: float, seed: int) -> tuple[World, list[Planted]]:
    """Drop, shift or swap a share of all labels, drawn by lot, each kind as often.

    Returns:
        The labels with faults, and the faults. With one class nothing is swapped.
    """
    rng = np.random.default_rng(seed)
    places = [(item_id, place) for item_id, mine in labels.items() for place in range(len(mine))]
    drawn = rng.permutation(len(places))[: round(share * len(places))]
    kinds = KINDS if classes > 1 else KINDS[:2]
    chosen = {places[number]: kinds[turn % len(kinds)] for turn, number in enumerate(drawn.tolist())}
    faulty, planted = {}, []
    for item_id, mine in labels.items():
        class_ids, boxes, kept = mine.class_ids.copy(), mine.xyxy_px.copy(), []
        for place, label_id in enumerate(mine.ids):
            kind = chosen.get((item_id, place))
            if kind:
                x_min, y_min, x_max, y_max = mine.xyxy_px[place].tolist()
                planted.append(Planted(kind, item_id, label_id, (x_min, y_min, x_max, y_max)))
            if kind == "shifted":
                boxes[place] = _shifted(boxes[place], rng)
            elif kind == "swapped":
                class_ids[place] = (class_ids[place] + rng.integers(1, classes)) % classes
            if kind != "dropped":
                kept.append(place)
        ids = [mine.ids[place] for place in kept]
        faulty[item_id] = ItemBoxes.of(ids, class_ids[kept].tolist(), boxes[kept].tolist())
    return faulty, planted


def _shifted(box: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    angle, share = rng.uniform(0, 2 * np.pi), rng.uniform(*SHIFT)
    across = share * np.cos(angle) * (box[2] - box[0])
    down = share * np.sin(angle) * (box[3] - box[1])
    return np.asarray(np.maximum(box + np.array([across, down, across, down]), 0))


def of_items(order: Sequence[str], planted: Sequence[Planted], budget: float) -> dict[str, float]:
    """Measure an order of items: those at its start, up to the budget, are sent back whole.

    Returns:
        Precision and recall of items that have a fault, and the share of all faults that lie in what is sent back.
    """
    return of_sent(order[: round(budget * len(order))], planted)


def of_sent(items: Collection[str], planted: Sequence[Planted]) -> dict[str, float]:
    """Measure the items that are sent back whole; see `of_items`."""
    sent = set(items)
    faulty = {fault.item_id for fault in planted}
    right = len(sent & faulty)
    return {
        "precision": right / max(1, len(sent)),
        "recall": right / max(1, len(faulty)),
        "share_of_faults": sum(fault.item_id in sent for fault in planted) / max(1, len(planted)),
    }


def of_findings(findings: Sequence[Finding], planted: Sequence[Planted], questions: int) -> dict[str, Any]:
    """Measure findings one by one: the first of them, up to a number of questions, are asked about singly.

    A finding is right if it is about a planted label, or about a box where a dropped or shifted one belongs.
    """
    by_item: dict[str, list[int]] = {}
    for number, fault in enumerate(planted):
        by_item.setdefault(fault.item_id, []).append(number)
    hit: set[int] = set()
    right = 0
    asked = findings[:questions]
    for one in asked:
        mine = [number for number in by_item.get(one.item_id, []) if _is_about(one, planted[number])]
        right += bool(mine)
        hit.update(mine)
    total = {kind: sum(fault.kind == kind for fault in planted) for kind in KINDS}
    found = {kind: sum(planted[number].kind == kind for number in hit) for kind in KINDS}
    return {
        "questions": len(asked),
        "precision": right / max(1, len(asked)),
        "recall": len(hit) / max(1, len(planted)),
        "recall_by_kind": {kind: found[kind] / max(1, total[kind]) for kind in KINDS},
    }


def _is_about(finding: Finding, fault: Planted) -> bool:
    if finding.subject == fault.label_id:
        return True
    overlap = iou_of_all(np.array([finding.box_px]), np.array([fault.box_px]))[0, 0]
    return fault.kind != "swapped" and bool(overlap >= SAME_OBJECT_IOU)
