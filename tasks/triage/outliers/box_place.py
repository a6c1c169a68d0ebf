"""Which boxes are where their class never is, and which items hold unusually many or few of a class.

Both need no pixels. A class that may be anywhere has a wide spread, and then no place is odd.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.triage import reasons
from tasks.triage.boxes import Boxes
from tasks.triage.outliers.box_shape import MIN_BOXES
from tasks.triage.robust_z import Floats, Spread, spread_of

MIN_ITEMS = 20
"""With fewer items than this, nobody knows how many objects are usual."""

PLACE_FLOOR = 0.05
"""Of the image's side: below this, a difference of place is not worth a question."""

COUNT_FLOOR = 0.25
"""Of log(1 + count): three where two are usual is not worth a question."""


@dataclass(frozen=True, slots=True)
class UsualPlace:
    """Where the middles of a class's boxes are, as shares of the image's width and height."""

    x: Spread
    y: Spread


class Places:
    """Gathers where boxes are, part by part: 8 bytes a box."""

    def __init__(self) -> None:
        self._middles: dict[str, list[npt.NDArray[np.float32]]] = {}

    def see(self, boxes: Boxes) -> None:
        """Take in some boxes; may be none."""
        shares = _middles(boxes).astype(np.float32)
        for name in np.unique(boxes.class_names).tolist():
            self._middles.setdefault(name, []).append(shares[boxes.class_names == name])

    def learn(self) -> dict[str, UsualPlace]:
        """Return where each class is; classes with fewer than `MIN_BOXES` boxes are absent."""
        usual = {}
        for name, found in self._middles.items():
            shares = np.concatenate(found).astype(np.float64)
            x, y = (spread_of(column, PLACE_FLOOR) for column in shares.T)
            if np.isfinite(shares).all(axis=1).sum() >= MIN_BOXES and x and y:
                usual[name] = UsualPlace(x, y)
        return usual


class ClassCounts:
    """Gathers how many boxes of each class items hold, part by part."""

    def __init__(self) -> None:
        self._by_class: dict[str, Counter[str]] = {}

    def see(self, boxes: Boxes) -> None:
        """Take in some boxes; may be none."""
        for item_id, name in zip(boxes.item_ids, boxes.class_names.tolist(), strict=True):
            self._by_class.setdefault(name, Counter())[item_id] += 1

    @property
    def totals(self) -> dict[str, int]:
        """How many boxes of each class there are, by name."""
        return {name: by_item.total() for name, by_item in sorted(self._by_class.items())}

    def odd(self, item_ids: Sequence[str], outlier_z: float) -> dict[str, list[str]]:
        """Say which items hold unusually many or few; see `odd_count_reasons`."""
        found: dict[str, list[str]] = {}
        if len(item_ids) < MIN_ITEMS:
            return found
        for name, by_item in sorted(self._by_class.items()):
            counts = [by_item[item_id] for item_id in item_ids]
            logs = np.log1p(np.array(counts, dtype=np.float64))
            spread = spread_of(logs, COUNT_FLOOR)
            if spread is None:
                continue
            for index in np.flatnonzero(np.abs(spread.z(logs)) >= outlier_z).tolist():
                reason = reasons.odd_count(counts[index], float(np.expm1(spread.middle)), name)
                found.setdefault(item_ids[index], []).append(reason)
        return found


def learn_places(parts: Iterable[Boxes]) -> dict[str, UsualPlace]:
    """Learn where each class is; classes with fewer than `MIN_BOXES` boxes are absent."""
    places = Places()
    for boxes in parts:
        places.see(boxes)
    return places.learn()


def odd_place_reasons(boxes: Boxes, usual: Mapping[str, UsualPlace], outlier_z: float) -> list[list[str]]:
    """Say of each box why its place is odd.

    Args:
        boxes: n boxes. n may be 0.
        usual: Where each class usually is.
        outlier_z: How many robust standard deviations are odd.

    Returns:
        For each of the n boxes its reasons; empty where its place is usual, or its class unknown.
    """
    found: list[list[str]] = [[] for _ in range(len(boxes))]
    shares = _middles(boxes)
    for name, known in usual.items():
        mine = (boxes.class_names == name) & np.isfinite(shares).all(axis=1)
        for z, low, high in (
            (known.x.z(shares[:, 0]), "left of", "right of"),
            (known.y.z(shares[:, 1]), "above", "below"),
        ):
            for index in np.flatnonzero(mine & (np.abs(z) >= outlier_z)).tolist():
                found[index].append(reasons.odd_place(low if z[index] < 0 else high, name))
    return found


def odd_count_reasons(boxes: Boxes, item_ids: Sequence[str], outlier_z: float) -> dict[str, list[str]]:
    """Say which items hold unusually many or few boxes of a class.

    Args:
        boxes: All boxes of the items.
        item_ids: All items, also those without a box. With fewer than `MIN_ITEMS` none is odd.
        outlier_z: How many robust standard deviations are odd.

    Returns:
        By item id; items that are not odd are absent.
    """
    counts = ClassCounts()
    counts.see(boxes)
    return counts.odd(item_ids, outlier_z)


def _middles(boxes: Boxes) -> Floats:
    return np.asarray((boxes.xyxy_px[:, :2] + boxes.xyxy_px[:, 2:]) / 2 / np.maximum(boxes.frame_wh_px, 1))
