"""From a network's output to boxes: one reader per family of networks, one suppression for all of them.

Every reader gives the same rows, (n, 6, a): x_min, y_min, x_max, y_max in pixels of the picture, the best class's
score, and that class's id, for each of a places where the network looked.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tasks.detect.backends.runner import NetworkFacts

Rows = npt.NDArray[np.float32]

SUPPRESSION_IOU = 0.7
"""Ultralytics' default for `predict`: overlapping boxes of one class in one picture."""

MOST_BOXES = 300
"""Ultralytics' default for `predict`: boxes kept per picture."""

MOST_CANDIDATES = 30_000
"""Ultralytics' bound on what enters suppression; best scores first."""

YOLOX_STRIDES = (8, 16, 32)


def rows_of(outputs: Sequence[Any], facts: NetworkFacts) -> Rows:
    """Return the rows (n, 6, a) that a network's outputs stand for."""
    first = np.asarray(outputs[0], dtype=np.float32)
    if facts.layout == "rows":
        return first
    return {"yolox": _yolox_rows, "darknet": _darknet_rows, "ssd": _ssd_rows}[facts.layout](first, facts.imgsz)


def features_of(outputs: Sequence[Any], facts: NetworkFacts) -> npt.NDArray[np.float32]:
    """Return one vector (n, d) per picture: the network's pooled features, or what it sees where it gives none.

    Without features, the vector is the mean and the maximum of each class's score over the picture.
    """
    if len(outputs) > 1:
        return np.asarray(outputs[1], dtype=np.float32)
    said = np.asarray(outputs[0], dtype=np.float32)
    if facts.layout == "yolox":
        scores = said[:, :, 4:5] * said[:, :, 5:]
        return np.concatenate([scores.mean(axis=1), scores.max(axis=1)], axis=1)
    return np.zeros((len(said), 0), dtype=np.float32)


def suppress_rows(
    rows: Rows, min_score: float, facts: NetworkFacts, tiles: int = 1, class_ids: Sequence[int] | None = None
) -> Rows:
    """Return the boxes of one picture that stand, best score first, as rows (6, k).

    Args:
        rows: Shape (6, a), finite.
        min_score: Only what scores more is kept.
        facts: Whether the network has already suppressed.
        tiles: How many pictures of the usual size its picture stands for: so many times more boxes may stand.
        class_ids: Boxes of other classes take no part; None: all do. A place is of the class that scores best there,
            and what a network has suppressed by itself is gone, as with `classes` of ultralytics.
    """
    most = MOST_BOXES * tiles
    rows = rows[:, rows[4] > min_score]
    if class_ids is not None:
        rows = rows[:, np.isin(rows[5], np.asarray(class_ids))]
    rows = rows[:, np.argsort(-rows[4], kind="stable")[: MOST_CANDIDATES * tiles]]
    if facts.suppressed or rows.shape[1] < 2:
        return rows[:, :most]
    corners, sides = rows[:2].T, (rows[2:4] - rows[:2]).T
    boxes: Any = np.hstack([corners, sides]).astype(np.float64)
    kept = cv2.dnn.NMSBoxesBatched(boxes, rows[4], rows[5].astype(np.int32), min_score, SUPPRESSION_IOU)
    return rows[:, np.sort(np.asarray(kept, dtype=np.int64).reshape(-1))[:most]]


def _yolox_rows(said: Rows, imgsz: int) -> Rows:
    """Decode YOLOX: offsets from a grid, logarithms of sizes, objectness times class probability.

    Source:
        `demo_postprocess` of Megvii-BaseDetection/YOLOX, yolox/utils/demo_utils.py.
    """
    grid, stride = _yolox_grid(imgsz)
    centres = (said[:, :, :2] + grid) * stride
    half = np.exp(said[:, :, 2:4]) * stride / 2
    scores = said[:, :, 4:5] * said[:, :, 5:]
    best = scores.argmax(axis=2)
    score = np.take_along_axis(scores, best[:, :, None], axis=2)
    joined = np.concatenate([centres - half, centres + half, score, best[:, :, None].astype(np.float32)], axis=2)
    return np.ascontiguousarray(joined.transpose(0, 2, 1), dtype=np.float32)


def _darknet_rows(said: Rows, imgsz: int) -> Rows:
    """Read what OpenCV makes of Darknet's last layers: class scores already hold the objectness.

    Source:
        `RegionLayerImpl` of OpenCV 4.12, modules/dnn/src/layers/region_layer.cpp.
    """
    centres, half = said[:, :, :2], said[:, :, 2:4] / 2
    best = said[:, :, 5:].argmax(axis=2, keepdims=True)
    score = np.take_along_axis(said[:, :, 5:], best, axis=2)
    corners = np.concatenate([centres - half, centres + half], axis=2) * imgsz
    rows: Rows = np.concatenate([corners, score, best.astype(np.float32)], axis=2)
    return rows.transpose(0, 2, 1)


def _ssd_rows(said: Rows, imgsz: int) -> Rows:
    """Read Caffe's `DetectionOutput`: rows of picture, class from 1, score, corners as shares; empty places score 0."""
    rows: Rows = np.concatenate([said[:, :, 3:] * imgsz, said[:, :, 2:3], said[:, :, 1:2] - 1], axis=2)
    return rows.transpose(0, 2, 1)


@lru_cache(maxsize=4)
def _yolox_grid(imgsz: int) -> tuple[Rows, Rows]:
    cells, strides = [], []
    for stride in YOLOX_STRIDES:
        side = imgsz // stride
        cells.append(np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2))
        strides.append(np.full((side * side, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
