"""What merging keeps: the share of true objects that some view saw and that are still there once views are merged.

Whatever a network does not see is no fault of the tiles; what it saw in one of them and nobody is asked about is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv

from tasks.detect.tiling.seams import Seen
from tasks.detect.tiling.tiles import Flags, Ints
from tasks.kinds.geometry import RIGHT_IOU

GOAL = 0.995


def kept_share(boxes: Sequence[sv.Detections], seen: Sequence[Seen], truths: Sequence[sv.Detections]) -> dict[str, Any]:
    """Count the true objects that a view saw under any name asked for, and those of them that merging kept.

    An object is seen, or kept, where a box lies on it with an IoU of 0.5. `same_class` asks for the right name too.

    Args:
        boxes: Of each picture what merging made, with class ids of the truth.
        seen: Of each picture what its views saw, with class ids of the truth.
        truths: Of each picture the true boxes.
    """
    counts = np.zeros((2, 2), dtype=np.int64)
    for merged, views, truth in zip(boxes, seen, truths, strict=True):
        for row, same_class in enumerate((False, True)):
            before = found_by(truth, views.boxes_xyxy_px, views.class_ids if same_class else None)
            after = found_by(truth, merged.xyxy, np.asarray(merged.class_id) if same_class else None)
            counts[row] += (before.sum(), (before & after).sum())
    any_class, same = (
        {"seen": int(before), "kept": int(after), "share": float(after / before) if before else 1.0}
        for before, after in counts
    )
    return {**any_class, "same_class": same}


def found_by(truth: sv.Detections, boxes: npt.NDArray[np.floating], class_ids: Ints | None) -> Flags:
    """Return for each true box (t,) whether a box (n, 4) is on it, of its class where class ids (n,) are given."""
    if not len(truth) or not len(boxes):
        return np.zeros(len(truth), dtype=np.bool_)
    on = sv.box_iou_batch(truth.xyxy, boxes.astype(np.float32)) >= RIGHT_IOU
    if class_ids is not None:
        on &= np.asarray(truth.class_id)[:, None] == class_ids[None, :]
    found: Flags = on.any(axis=1)
    return found
