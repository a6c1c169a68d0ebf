"""How labels and a detector's boxes lie to each other, and how rare each kind of disagreement is: arithmetic, no words.

What a disagreement means depends on how rare it is: that a box of score 0.9 has no label says little where half of such
boxes have none. So rarity is measured first, by class, on the same labels; a few per cent of faults among them make it
a little too large, which is the safe side.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all
from tasks.kinds.matching import ALONE, match_best_first
from tasks.triage.robust_z import Floats, Spread, spread_of

Ints = NDArray[np.int64]

TOUCHING_IOU = 0.1
"""A label and a box that both have no other partner and overlap by this much mean the same object."""

SAME_CLASS_BONUS = 0.2
"""Of two boxes over one label, the one of its class is its partner unless the other lies this much better."""

PRIOR = (1.0, 4.0)
"""Cases of either kind that nobody has seen: with little evidence, nothing is rare and nothing sure."""

GAP_FLOOR = 0.3
"""Below this spread of log(1 - IoU), differences of places do not matter."""


class Fault(StrEnum):
    """What may be wrong with a label."""

    OVERLOOKED = "overlooked"
    MISPLACED = "badly placed"
    SWAPPED = "swapped"
    UNSEEN = "nothing there"
    ODD = "unusual"


@dataclass(frozen=True, slots=True)
class ItemBoxes:
    """Labels or a detector's boxes of one item, in columns of length n; n may be 0."""

    ids: tuple[str, ...]
    class_ids: Ints
    xyxy_px: Floats
    scores: Floats

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        class_ids: Sequence[int],
        xyxy_px: Sequence[Sequence[float]],
        scores: Sequence[float] | None = None,
    ) -> "ItemBoxes":
        """Build columns; labels have no scores, and get 1."""
        certain = np.ones(len(ids)) if scores is None else np.array(scores, dtype=np.float64)
        boxes = np.array(xyxy_px, dtype=np.float64).reshape(-1, 4)
        return cls(tuple(ids), np.array(class_ids, dtype=np.int64), boxes, certain)

    def __len__(self) -> int:
        return len(self.ids)

    def at_least(self, score: float) -> "ItemBoxes":
        """Return the boxes of this score or more."""
        kept = np.flatnonzero(self.scores >= score)
        ids = tuple(self.ids[place] for place in kept)
        return ItemBoxes(ids, self.class_ids[kept], self.xyxy_px[kept], self.scores[kept])


@dataclass(frozen=True, slots=True)
class Paired:
    """Labels of an item (l of them) and a detector's boxes (p of them), each with at most one partner."""

    labels: ItemBoxes
    boxes: ItemBoxes
    iou: Floats
    """Shape (l, p)."""
    partner: Ints
    """Shape (l,): each label's box, or ALONE."""

    @property
    def single_boxes(self) -> Ints:
        """Places of the boxes without a label."""
        return np.setdiff1d(np.arange(len(self.boxes)), self.partner)

    def contradiction(self, label: int) -> Fault | None:
        """Return how a label is contradicted; None where a box of its class is in its place."""
        box = int(self.partner[label])
        if box == ALONE:
            return Fault.UNSEEN
        if self.iou[label, box] < RIGHT_IOU:
            return Fault.MISPLACED
        return None if self.labels.class_ids[label] == self.boxes.class_ids[box] else Fault.SWAPPED

    def box_score(self, label: int) -> float:
        """Return the score of a label's partner; 0 where it has none."""
        box = int(self.partner[label])
        return 0.0 if box == ALONE else float(self.boxes.scores[box])


def pair(labels: ItemBoxes, boxes: ItemBoxes) -> Paired:
    """Find for each label the box that means the same object: best overlap first, own class before others."""
    iou = (
        iou_of_all(labels.xyxy_px, boxes.xyxy_px) if len(labels) and len(boxes) else np.zeros((len(labels), len(boxes)))
    )
    worth = iou + SAME_CLASS_BONUS * (labels.class_ids[:, None] == boxes.class_ids[None, :])
    worth[iou < TOUCHING_IOU] = -1
    return Paired(labels, boxes, iou, match_best_first(worth))


@dataclass(frozen=True, slots=True)
class DetectorAgreement:
    """How rarely labels and a detector disagree, by class id; learn it with `DetectorAgreement.of`."""

    labels: Mapping[int, int]
    """How many there are."""
    gap: Mapping[int, Spread]
    """Logarithm of 1 - IoU between labels and the boxes that confirm them."""
    _gaps: Mapping[int, Floats]
    _against: Mapping[tuple[int, Fault], Floats]
    """Scores of the boxes that contradict labels of a class, rising."""
    _labelled: Mapping[int, tuple[Floats, Floats]]

    @classmethod
    def of(cls, items: Sequence[Paired]) -> "DetectorAgreement":
        """Measure it on all items; any number of them, also none."""
        labels: Counter[int] = Counter()
        gaps: dict[int, list[float]] = defaultdict(list)
        against: dict[tuple[int, Fault], list[float]] = defaultdict(list)
        labelled: dict[int, list[tuple[float, bool]]] = defaultdict(list)
        for item in items:
            right = np.zeros(len(item.boxes), dtype=np.bool_)
            for label, class_id in enumerate(item.labels.class_ids.tolist()):
                labels[class_id] += 1
                fault = item.contradiction(label)
                if fault:
                    against[class_id, fault].append(item.box_score(label))
                else:
                    right[item.partner[label]] = True
                    gaps[class_id].append(_gap(item.iou[label, item.partner[label]]))
            for box, class_id in enumerate(item.boxes.class_ids.tolist()):
                labelled[class_id].append((float(item.boxes.scores[box]), bool(right[box])))
        known = {class_id: np.sort(np.array(some)) for class_id, some in gaps.items()}
        spreads = {class_id: spread_of(some, GAP_FLOOR) for class_id, some in known.items()}
        return cls(
            labels=labels,
            gap={class_id: spread for class_id, spread in spreads.items() if spread},
            _gaps=known,
            _against={key: np.sort(np.array(some)) for key, some in against.items()},
            _labelled={class_id: _curve(some) for class_id, some in labelled.items()},
        )

    def rarity(self, class_id: int, fault: Fault, score: float) -> float:
        """Return the share of labels of a class that are contradicted so, by a box of this score or more; 0 to 1."""
        scores = self._against.get((class_id, fault), np.zeros(0))
        return float(_shrunk(_at_least(scores, score), self.labels.get(class_id, 0)))

    def found(self, class_id: int) -> float:
        """Return the share of labels of a class where something is seen, 0 to 1."""
        return 1 - self.rarity(class_id, Fault.UNSEEN, 0.0)

    def labelled(self, class_id: int, score: float) -> float:
        """Return the share of boxes of a class and about this score that have a label of their class, 0 to 1."""
        if class_id not in self._labelled:
            return 0.0
        scores, shares = self._labelled[class_id]
        return float(shares[max(0, int(np.searchsorted(scores, score, side="right")) - 1)])

    def apart(self, class_id: int, iou: float) -> tuple[float, float]:
        """Say how far from its box a confirmed label is.

        Returns:
            Robust standard deviations more than usual, and the share of labels of its class that are as far or farther.
        """
        spread = self.gap.get(class_id)
        if spread is None:
            return 0.0, 1.0
        share = _shrunk(_at_least(self._gaps[class_id], _gap(iou)), self.labels.get(class_id, 0))
        return float(spread.z(np.array([_gap(iou)]))[0]), float(share)

    def usual_iou(self, class_id: int) -> float:
        """Return by how much a label and its box usually overlap."""
        return float(1 - np.exp(self.gap[class_id].middle)) if class_id in self.gap else 0.0


def check_boxes(boxes: Mapping[str, ItemBoxes], classes: int, what: str) -> None:
    """Refuse boxes that nobody can judge.

    Raises:
        BadInput: A corner or a score is no number, a score is outside 0 to 1, or a class id is not known.
    """
    for item_id, mine in boxes.items():
        if not (np.isfinite(mine.scores).all() and np.isfinite(mine.xyxy_px).all()):
            place = int(np.flatnonzero(~np.isfinite(np.column_stack([mine.scores, mine.xyxy_px])).all(axis=1))[0])
            raise BadInput(
                f"{what} {mine.ids[place]!r} of item {item_id!r} has a score or a corner that is no number "
                f"({mine.scores[place]}, {mine.xyxy_px[place].tolist()}): scan the item again"
            )
        if ((mine.scores < 0) | (mine.scores > 1)).any():
            raise BadInput(f"{what} of item {item_id!r} has a score outside 0 to 1: {mine.scores.tolist()[:5]}")
        if len(mine) and not 0 <= mine.class_ids.min() <= mine.class_ids.max() < classes:
            raise BadInput(
                f"{what} of item {item_id!r} has class ids {mine.class_ids.tolist()[:5]}; expected 0 to {classes - 1}"
            )


def _gap(iou: float) -> float:
    return float(np.log(max(1 - iou, 0.01)))


def _at_least(rising: Floats, value: float) -> int:
    return len(rising) - int(np.searchsorted(rising, value, side="left"))


def _shrunk(right: Any, of: int) -> Any:
    return (right + PRIOR[0]) / (of + PRIOR[1])


def _curve(cases: Sequence[tuple[float, bool]]) -> tuple[Floats, Floats]:
    """Return scores, rising, and the share of right ones near each, which never falls with the score."""
    from sklearn.isotonic import isotonic_regression

    scores = np.array([score for score, _ in cases])
    order = np.argsort(scores, kind="stable")
    right = np.array([is_right for _, is_right in cases], dtype=np.float64)[order]
    block = max(1, int(np.sqrt(len(right))))
    starts = np.arange(0, len(right), block)
    counts = np.diff(np.append(starts, len(right)))
    shares = isotonic_regression(np.add.reduceat(right, starts) / counts, sample_weight=counts.astype(np.float64))
    return scores[order][starts], np.asarray(_shrunk(shares * len(right), len(right)))
