"""Which boxes are of an odd size or shape for their class, and which images look unlike the rest of their batch.

Robust z-scores on logarithms, so that twice and half are equally far, and a few wild boxes do not move the yardstick.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.triage import reasons
from tasks.triage.boxes import Boxes
from tasks.triage.options import TriageOptions
from tasks.triage.robust_z import Floats, Spread, spread_of

MIN_BOXES = 20
"""With fewer boxes of a class than this, nobody knows what is usual, and none is called odd."""

LOG_SPREAD_FLOOR = 0.1
"""Objects that are all alike still vary by a tenth: below this, a difference is not worth a question."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual for one class: natural logarithms of area and of width over height."""

    log_area: Spread
    log_aspect: Spread


def learn_usual(parts: Iterable[Boxes], options: TriageOptions) -> dict[str, Usual]:
    """Learn what is usual for each class from the boxes of a batch.

    Boxes of the accept score or more say it; where a class has under `MIN_BOXES` of them, all that are not dropped do.
    Boxes at the border of their image are left out: their objects may go on outside. Memory: 12 bytes a box.

    Args:
        parts: The batch's proposals, part by part.
        options: The thresholds.

    Returns:
        By class name; classes with fewer than `MIN_BOXES` boxes are absent.
    """
    columns: dict[str, list[npt.NDArray[np.float32]]] = {}
    for boxes in parts:
        usable = np.isfinite(boxes.log_area) & ~boxes.is_cut_off
        for name in np.unique(boxes.class_names[usable]).tolist():
            mine = usable & (boxes.class_names == name) & (boxes.scores >= options.thresholds_of(name).drop)
            columns.setdefault(name, []).append(
                np.stack([boxes.scores[mine], boxes.log_area[mine], boxes.log_aspect[mine]]).astype(np.float32)
            )
    usual = {
        name: _usual_of(np.concatenate(found, axis=1), options.thresholds_of(name).accept)
        for name, found in columns.items()
    }
    return {name: known for name, known in usual.items() if known}


def _usual_of(columns: npt.NDArray[np.float32], accept: float) -> Usual | None:
    trusted = columns[:, columns[0] >= accept]
    chosen = (trusted if trusted.shape[1] >= MIN_BOXES else columns).astype(np.float64)
    if chosen.shape[1] < MIN_BOXES:
        return None
    area, aspect = (spread_of(values, LOG_SPREAD_FLOOR) for values in chosen[1:])
    return Usual(area, aspect) if area and aspect else None


def odd_box_reasons(boxes: Boxes, usual: Mapping[str, Usual], outlier_z: float) -> list[list[str]]:
    """Say of each box why it is odd.

    A box at the border of its image may be smaller than usual and of any shape.

    Args:
        boxes: n proposals. n may be 0.
        usual: What is usual, by class.
        outlier_z: How many robust standard deviations are odd.

    Returns:
        For each of the n boxes its reasons; empty for a box that is not odd.
    """
    found: list[list[str]] = [[] for _ in range(len(boxes))]
    log_area, log_aspect, cut_off = boxes.log_area, boxes.log_aspect, boxes.is_cut_off
    has_area = np.isfinite(log_area)
    for index in np.flatnonzero(~has_area & boxes.has_place).tolist():
        found[index].append(reasons.no_area())
    for name, known in usual.items():
        mine = has_area & (boxes.class_names == name)
        z_area, z_aspect = known.log_area.z(log_area), known.log_aspect.z(log_aspect)
        too_large_or_small = mine & ((z_area >= outlier_z) | ((z_area <= -outlier_z) & ~cut_off))
        for index in np.flatnonzero(too_large_or_small).tolist():
            found[index].append(reasons.unusual_size(_factor(log_area[index], known.log_area), name))
        for index in np.flatnonzero(mine & (np.abs(z_aspect) >= outlier_z) & ~cut_off).tolist():
            found[index].append(reasons.unusual_shape(_factor(log_aspect[index], known.log_aspect), name))
    return found


def _factor(log_value: float, spread: Spread) -> float:
    return float(np.exp(log_value - spread.middle))


def factors_over_usual(values: Floats, outlier_z: float, floor: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Compare positive values with their median, on a logarithmic scale, upwards only.

    Args:
        values: Shape (n,), 0 or more. n may be 0.
        outlier_z: How many robust standard deviations are odd.
        floor: Values below it count as this value.

    Returns:
        Each value over the median, and whether it is oddly large; both of shape (n,).
    """
    logs = np.log(np.maximum(values, floor))
    spread = spread_of(logs, LOG_SPREAD_FLOOR)
    if spread is None:
        return np.ones_like(values), np.zeros(values.shape, dtype=np.bool_)
    return np.exp(logs - spread.middle), spread.z(logs) >= outlier_z
