"""Faults planted in good labels, and what of them is sent back: arithmetic for the bench of label faults."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.scores import Fault, ItemBoxes
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all

KINDS = ("dropped", "shifted", "swapped")
SHIFT = (0.3, 0.5)
"""By what share of its sides a shifted box moves; at 0.4 along one side it overlaps its object by 0.43."""

VERY_SURE = 0.6
"""Of the red cells of `bccd` that a detector gives this score or more, 16 % have no published label (Benchmarks)."""

World = dict[str, ItemBoxes]


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault: what was right before."""

    kind: str
    item_id: str
    label_id: str
    box_px: tuple[float, float, float, float]


def plant(labels: Mapping[str, ItemBoxes], classes: int, share: float, seed: int) -> tuple[World, list[Planted]]:
    """Drop, shift or swap a share of all labels, drawn at random, each kind as often.

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


def of_items(order: Sequence[str], planted: Sequence[Planted], budget: float) -> dict[str, Any]:
    """Measure an order of items: those at its start, up to the budget, are sent back whole.

    Returns:
        Precision and recall of items that have a fault, and the share of the faults that lie in what is sent back, of
        all and of each kind.
    """
    return of_sent(order[: round(budget * len(order))], planted)


def of_sent(items: Collection[str], planted: Sequence[Planted]) -> dict[str, Any]:
    """Measure the items that are sent back whole; see `of_items`."""
    sent = set(items)
    faulty = {fault.item_id for fault in planted}
    right = len(sent & faulty)
    return {
        "precision": right / max(1, len(sent)),
        "recall": right / max(1, len(faulty)),
        "share_of_faults": sum(fault.item_id in sent for fault in planted) / max(1, len(planted)),
        "share_by_kind": _by_kind(planted, [fault for fault in planted if fault.item_id in sent]),
    }


def _by_kind(planted: Sequence[Planted], found: Sequence[Planted]) -> dict[str, float]:
    total, mine = (Counter(fault.kind for fault in some) for some in (planted, found))
    return {kind: mine[kind] / max(1, total[kind]) for kind in KINDS}


def by_chance(planted: Sequence[Planted], labels: int, questions: int) -> dict[str, Any]:
    """Return what single questions come to drawn at random among the labels there are; one that is gone is never.

    Args:
        planted: The faults.
        labels: How many labels are left.
        questions: How many of them are asked about.
    """
    share = min(1.0, questions / max(1, labels))
    there = sum(fault.kind != "dropped" for fault in planted)
    return {
        "questions": questions,
        "precision": there / max(1, labels),
        "recall": share * there / max(1, len(planted)),
        "recall_by_kind": {kind: 0.0 if kind == "dropped" else share for kind in KINDS},
    }


def at_best(planted: Sequence[Planted], questions: int) -> dict[str, Any]:
    """Return what somebody who knows all faults could do with so many single questions, each used."""
    found = min(1.0, questions / max(1, len(planted)))
    precision = min(1.0, len(planted) / max(1, questions))
    return {
        "questions": questions,
        "precision": precision,
        "recall": found,
        "recall_by_kind": dict.fromkeys(KINDS, found),
    }


def of_findings(
    findings: Sequence[LabelFinding], planted: Sequence[Planted], questions: int, boxes: World | None = None
) -> dict[str, Any]:
    """Measure findings one by one: the first of them, up to a number of questions, are asked about singly.

    A finding is right if it is about a planted label, or about a box where a dropped or shifted one belongs. The others
    are false alarms as far as anybody knows: labels have faults of their own. With the detector's boxes it is counted
    at how many of them it sees an object without a label, or one of another class, with a score of `VERY_SURE` or more.
    """
    by_item: dict[str, list[int]] = {}
    for number, fault in enumerate(planted):
        by_item.setdefault(fault.item_id, []).append(number)
    hit: set[int] = set()
    asked, wrong = findings[:questions], []
    for one in asked:
        mine = [number for number in by_item.get(one.item_id, []) if _is_about(one, planted[number])]
        hit.update(mine)
        if not mine:
            wrong.append(one)
    return {
        "questions": len(asked),
        "precision": (len(asked) - len(wrong)) / max(1, len(asked)),
        "recall": len(hit) / max(1, len(planted)),
        "recall_by_kind": _by_kind(planted, [planted[number] for number in sorted(hit)]),
        "false_alarms": len(wrong),
        "false_alarms_sure": sum(_is_sure(one, boxes) for one in wrong) if boxes else None,
    }


def _is_sure(finding: LabelFinding, boxes: World) -> bool:
    """Say whether the detector is very sure of what it holds against a label, or of what it misses one for."""
    said = boxes[finding.item_id].at_least(VERY_SURE)
    if finding.fault not in (Fault.OVERLOOKED, Fault.SWAPPED) or not len(said):
        return False
    over = iou_of_all(np.array([finding.box_px]), said.xyxy_px)[0] >= RIGHT_IOU
    return bool(over.any())


def _is_about(finding: LabelFinding, fault: Planted) -> bool:
    if finding.subject == fault.label_id:
        return True
    overlap = iou_of_all(np.array([finding.box_px]), np.array([fault.box_px]))[0, 0]
    return fault.kind != "swapped" and bool(overlap >= RIGHT_IOU)
