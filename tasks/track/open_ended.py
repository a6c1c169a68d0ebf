"""An object that is in one key frame and not in the next: it left, came in, or is hidden, and nobody knows where.

It is followed step by step for as long as something says that it is still there, and no further: a detection that
belongs to it; or, where nothing detects, flow that agrees in both directions, to the middle of the gap at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.kinds.geometry import Floats
from tasks.track.between import KNOWN, PULL, Weights, beside_own, sureness
from tasks.track.motion import Motion

LOST_AFTER = 3
"""Steps without a detection after which an object that was detected is gone."""

LEAST_SURE = 0.3
"""Flow that is less sure follows nothing by itself."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """Where an object is, step by step from a key frame.

    Attributes:
        boxes_xyxy_px: Shape (n, 4), of the frames after the key frame (before it, if followed backwards), in steps.
        supported: How many of them something supports, from the first on.
        trust: Shape (n,), 0 to 1.
    """

    boxes_xyxy_px: Floats
    supported: int
    trust: Floats


def follow_on(
    frame: int,
    box_xyxy_px: Floats,
    steps: int,
    motion: Motion,
    detections: Sequence[Floats],
    weights: Weights = KNOWN,
) -> Ahead:
    """Follow an object from one key frame.

    Args:
        frame: Of the key frame.
        box_xyxy_px: Shape (4,).
        steps: How far; negative: backwards.
        motion: How things move between neighbouring frames.
        detections: The detector's boxes (m, 4) of the key frame and of each frame after it, in steps.
        weights: Of these, from which overlap on a detection belongs to it.
    """
    way, count = (1 if steps > 0 else -1), abs(steps)
    box, boxes, trust = box_xyxy_px, np.zeros((count, 4)), np.zeros(count)
    offset = beside_own(box, detections[0], weights.own_from)
    detected, seen_last, supported = offset is not None, 0, 0
    for step in range(1, count + 1):
        at = frame + way * (step - 1)
        there = motion.shift(at, at + way, box)
        box = box + np.tile(there if there is not None else np.zeros(2), 2)
        back = motion.shift(at + way, at, box)
        sure = 0.0 if there is None or back is None else sureness(there + back, box)
        beside = beside_own(box, detections[step], weights.own_from)
        if beside is not None:
            box = box + np.tile(PULL * (beside - (offset if offset is not None else beside)), 2)
            seen_last = step
        by_flow = not detected and sure >= LEAST_SURE and supported == step - 1 and step <= (count + 1) // 2
        by_detector = detected and step - seen_last <= LOST_AFTER
        boxes[step - 1], trust[step - 1] = box, 0.5 * (1.0 if beside is not None else sure)
        if (by_flow or by_detector) and supported == step - 1:
            supported = step
    return Ahead(boxes, min(supported, seen_last) if detected else supported, trust)
