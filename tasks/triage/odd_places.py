"""Which boxes are where their class never is, and which items hold unusually many or few of a class.

Both need no pixels. A class that may be anywhere has a wide spread, and then no place is odd.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.triage import reasons
from tasks.triage.boxes import Boxes
from tasks.triage.oddities import MIN_BOXES
from tasks.triage.robust import Floats, Spread, spread_of

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


def learn_places(parts: Iterable[Boxes]) -> dict[str, UsualPlace]:
    """Learn where each class is; classes with fewer than `MIN_BOXES` boxes are absent."""
    middles: dict[str, list[Floats]] = {}
    for boxes in parts:
        shares = _middles(boxes)
        for name in np.unique(boxes.class_names).tolist():
            middles.setdefault(name, []).append(shares[boxes.class_names == name])
    usual = {}
    for name, found in middles.items():
        shares = np.concatenate(found)
        x, y = (spread_of(column, PLACE_FLOOR) for column in shares.T)
        if np.isfinite(shares).all(axis=1).sum() >= MIN_BOXES and x and y:
            usual[name] = UsualPlace(x, y)
    return usual


def odd_place_reasons(boxes: Boxes, usual: Mapping[str, UsualPlace], odd_z: float) -> list[list[str]]:
    """Say of each box why its place is odd.

    Args:
        boxes: n boxes. n may be 0.
        usual: Where each class usually is.
        odd_z: How many robust standard deviations are odd.

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
            for index in np.flatnonzero(mine & (np.abs(z) >= odd_z)).tolist():
                found[index].append(reasons.odd_place(low if z[index] < 0 else high, name))
    return found


def odd_count_reasons(boxes: Boxes, item_ids: Sequence[str], odd_z: float) -> dict[str, list[str]]:
    """Say which items hold unusually many or few boxes of a class.

    Args:
        boxes: All boxes of the items.
        item_ids: All items, also those without a box. With fewer than `MIN_ITEMS` none is odd.
        odd_z: How many robust standard deviations are odd.

    Returns:
        By item id; items that are not odd are absent.
    """
    found: dict[str, list[str]] = {}
    if len(item_ids) < MIN_ITEMS:
        return found
    row = {item_id: number for number, item_id in enumerate(item_ids)}
    rows = np.array([row.get(item_id, -1) for item_id in boxes.item_ids], dtype=np.int64)
    for name in np.unique(boxes.class_names).tolist():
        counts = np.bincount(rows[(boxes.class_names == name) & (rows >= 0)], minlength=len(item_ids))
        logs = np.log1p(counts.astype(np.float64))
        spread = spread_of(logs, COUNT_FLOOR)
        if spread is None:
            continue
        for index in np.flatnonzero(np.abs(spread.z(logs)) >= odd_z).tolist():
            reason = reasons.odd_count(int(counts[index]), float(np.expm1(spread.middle)), name)
            found.setdefault(item_ids[index], []).append(reason)
    return found


def _middles(boxes: Boxes) -> Floats:
    return np.asarray((boxes.xyxy_px[:, :2] + boxes.xyxy_px[:, 2:]) / 2 / np.maximum(boxes.frame_wh_px, 1))
