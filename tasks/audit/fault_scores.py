"""How labels and a detector's boxes lie to each other, and how often the two agree: arithmetic, no words.

What a disagreement means depends on how often there is none: that a box of score 0.9 has no label says little where
half of such boxes have none. So agreement is measured first, by class, on the same labels; a few per cent of faults
among them hardly move it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput
from tasks.review.same_boxes import iou_of_all
from tasks.triage.robust import Floats, Spread, spread_of

Ints = NDArray[np.int64]

SAME_OBJECT_IOU = 0.5
TOUCHING_IOU = 0.1
"""A label and a box that both have no other partner and overlap by this much mean the same object."""

SAME_CLASS_BONUS = 0.2
"""Of two boxes over one label, the one of its class is its partner unless the other lies this much better."""

PRIOR = (1.0, 4.0)
"""Agreements and trials that nobody has seen: with little evidence, a disagreement is not suspicious."""

GAP_FLOOR = 0.3
"""Below this spread of log(1 - IoU), differences of places do not matter."""

NO_PARTNER = -1


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
    """Shape (l,): each label's box, or NO_PARTNER."""

    @property
    def single_boxes(self) -> Ints:
        """Places of the boxes without a label."""
        return np.setdiff1d(np.arange(len(self.boxes)), self.partner)

    @property
    def is_agreed(self) -> NDArray[np.bool_]:
        """Whether a label has a partner of its class in its place; shape (l,)."""
        found = np.flatnonzero(self.partner != NO_PARTNER)
        agreed = np.zeros(len(self.labels), dtype=np.bool_)
        boxes = self.partner[found]
        in_place = self.iou[found, boxes] >= SAME_OBJECT_IOU
        agreed[found] = in_place & (self.labels.class_ids[found] == self.boxes.class_ids[boxes])
        return agreed


def pair(labels: ItemBoxes, boxes: ItemBoxes) -> Paired:
    """Find for each label the box that means the same object: best overlap first, own class before others."""
    iou = (
        iou_of_all(labels.xyxy_px, boxes.xyxy_px) if len(labels) and len(boxes) else np.zeros((len(labels), len(boxes)))
    )
    worth = iou + SAME_CLASS_BONUS * (labels.class_ids[:, None] == boxes.class_ids[None, :])
    worth[iou < TOUCHING_IOU] = -1
    partner = np.full(len(labels), NO_PARTNER, dtype=np.int64)
    taken = np.zeros(len(boxes), dtype=np.bool_)
    for flat in np.argsort(-worth, axis=None, kind="stable").tolist():
        label, box = divmod(flat, len(boxes))
        if worth[label, box] < 0:
            break
        if partner[label] == NO_PARTNER and not taken[box]:
            partner[label] = box
            taken[box] = True
    return Paired(labels, boxes, iou, partner)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often labels and a detector agree, by class id; learn it with `Agreement.of`."""

    found: Mapping[int, float]
    """Share of labels that have a box of their class in their place."""
    gap: Mapping[int, Spread]
    """Logarithm of 1 - IoU between labels and their boxes."""
    _labelled: Mapping[int, tuple[Floats, Floats]]
    _named: Mapping[int, tuple[Floats, Floats]]

    @classmethod
    def of(cls, items: Sequence[Paired]) -> "Agreement":
        """Measure it on all items; any number of them, also none."""
        found: dict[int, list[bool]] = {}
        gaps: dict[int, list[float]] = {}
        labelled: dict[int, list[tuple[float, bool]]] = {}
        named: dict[int, list[tuple[float, bool]]] = {}
        for item in items:
            agreed = item.is_agreed
            right = np.zeros(len(item.boxes), dtype=np.bool_)
            right[item.partner[agreed]] = True
            for label, class_id in enumerate(item.labels.class_ids.tolist()):
                found.setdefault(class_id, []).append(bool(agreed[label]))
                if agreed[label]:
                    gaps.setdefault(class_id, []).append(_gap(item.iou[label, item.partner[label]]))
            covered = item.iou.max(axis=0, initial=0.0) >= SAME_OBJECT_IOU
            for box, class_id in enumerate(item.boxes.class_ids.tolist()):
                case = (float(item.boxes.scores[box]), bool(right[box]))
                labelled.setdefault(class_id, []).append(case)
                if covered[box]:
                    named.setdefault(class_id, []).append(case)
        spreads = {class_id: spread_of(np.array(some), GAP_FLOOR) for class_id, some in gaps.items()}
        return cls(
            found={class_id: _shrunk(sum(some), len(some)) for class_id, some in found.items()},
            gap={class_id: spread for class_id, spread in spreads.items() if spread},
            _labelled={class_id: _curve(some) for class_id, some in labelled.items()},
            _named={class_id: _curve(some) for class_id, some in named.items()},
        )

    def labelled(self, class_id: int, score: float) -> float:
        """Return the share of boxes of a class and about this score that have a label of their class, 0 to 1."""
        return _read(self._labelled, class_id, score)

    def named(self, class_id: int, score: float) -> float:
        """Return the share of boxes of a class over some label that have one of their own class, 0 to 1."""
        return _read(self._named, class_id, score)

    def misplaced(self, class_id: int, iou: float) -> float:
        """Return how many robust standard deviations farther apart than usual a label and its box are."""
        spread = self.gap.get(class_id)
        return float(spread.z(np.array([_gap(iou)]))[0]) if spread else 0.0

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


def _read(curves: Mapping[int, tuple[Floats, Floats]], class_id: int, score: float) -> float:
    if class_id not in curves:
        return 0.0
    scores, shares = curves[class_id]
    return float(shares[max(0, int(np.searchsorted(scores, score, side="right")) - 1)])
