"""What each merge makes of objects that seams cut: an exact detector on drawn truth, so that only the merge is judged.

Objects of 50 to 900 px lie at every phase against the grid. In each view of each contestant's own grid the detector
sees exactly the visible part, with a score that grows with the visible share: all that differs is the merge.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import supervision as sv

from tasks.detect.options import TilingOptions
from tasks.detect.tiling.seams import Seen, merge_views
from tasks.detect.tiling.tiles import Floats, Ints, regions_of
from tasks.kinds.geometry import paired_iou
from tests.bench.tiles.contestants import OVERLAP_SHARE

SIZE_WH, TILE_PX = (1920, 1400), 640
SIDES_PX = tuple(range(50, 901, 50))
PHASES_PX = tuple(range(0, TILE_PX, 16))
BESIDE = 0.25
"""How far a neighbour of the same size lies to the right and below, as a share of it: an IoU of 0.39."""

RIGHT_IOU = 0.9
"""A box with less is clipped, or grown."""

LEAST_VISIBLE_PX = 8


def measure_seams() -> dict[str, dict[str, float]]:
    """Return by contestant, with and without a pass over the whole image, what came of the objects, in shares.

    `duplicates`: came back more than once; `clipped`: in no box that fits; `missed`: not at all. `swallowed`: of two
    neighbours that overlap, one was taken for a part of the other.
    """
    return {
        "labelline": _shares(partial(_labelline, whole=True)),
        "labelline, 2 tiles joined": _shares(partial(_labelline, whole=True, join=2)),
        "sahi": _shares(partial(_sahi, whole=True)),
        "labelline, tiles only": _shares(partial(_labelline, whole=False)),
        "labelline, 2 tiles joined, tiles only": _shares(partial(_labelline, whole=False, join=2)),
        "sahi, tiles only": _shares(partial(_sahi, whole=False)),
        # supervision's slicer has no pass over the whole image.
        "supervision, tiles only": _shares(_supervision),
    }


def _shares(merge: Callable[[Floats], Floats]) -> dict[str, float]:
    duplicates = clipped = missed = swallowed = objects = 0
    for box in _objects():
        boxes = merge(box[None])
        best = paired_iou(np.tile(box, (len(boxes), 1)), boxes).max(initial=0.0)
        objects += 1
        duplicates += len(boxes) > 1
        clipped += len(boxes) > 0 and best < RIGHT_IOU
        missed += len(boxes) == 0
        neighbour = box.copy()
        neighbour[[0, 2]] += (box[2] - box[0]) * BESIDE
        neighbour[[1, 3]] += (box[3] - box[1]) * BESIDE
        both = np.stack([box, np.minimum(neighbour, np.tile(SIZE_WH, 2))])
        swallowed += len(merge(both)) < 2
    counts = {"duplicates": duplicates, "clipped": clipped, "missed": missed, "swallowed": swallowed}
    return {"objects": objects, **{key: count / objects for key, count in counts.items()}}


def _objects() -> Iterator[Floats]:
    for side in SIDES_PX:
        for phase in PHASES_PX:
            height = max(30, side * 2 // 5)
            x_min, y_min = 60 + phase, 40 + phase // 2
            yield np.array([x_min, y_min, x_min + side, y_min + height], dtype=np.float64)


def _parts(boxes: Floats, views_xyxy_px: Floats) -> tuple[Floats, Floats, Ints]:
    """Return what views see of boxes, with scores, and the number of the view."""
    found, scores, numbers = [], [], []
    for number, edges in enumerate(views_xyxy_px):
        low, high = np.maximum(boxes[:, :2], edges[:2]), np.minimum(boxes[:, 2:], edges[2:])
        visible = (high - low > LEAST_VISIBLE_PX).all(axis=1)
        share = (high - low).prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        found.append(np.hstack([low, high])[visible])
        scores.append(0.4 + 0.5 * share[visible])
        numbers.append(np.full(int(visible.sum()), number, dtype=np.int64))
    return np.concatenate(found), np.concatenate(scores), np.concatenate(numbers)


def _labelline(box: Floats, whole: bool, join: int = 1) -> Floats:
    regions = regions_of(SIZE_WH, TILE_PX, OVERLAP_SHARE, whole, join=join)
    boxes, scores, views = _parts(box, regions.xyxy_px)
    seen = Seen(boxes, scores, np.zeros(len(boxes), dtype=np.int64), views)
    return merge_views(seen, regions, TilingOptions(tile_px=TILE_PX)).boxes_xyxy_px


def _sahi(box: Floats, whole: bool) -> Floats:
    from sahi.postprocess.combine import GreedyNMMPostprocess
    from sahi.prediction import ObjectPrediction
    from sahi.slicing import get_slice_bboxes

    grid = get_slice_bboxes(
        SIZE_WH[1],
        SIZE_WH[0],
        slice_height=TILE_PX,
        slice_width=TILE_PX,
        overlap_height_ratio=OVERLAP_SHARE,
        overlap_width_ratio=OVERLAP_SHARE,
    )
    views = [*grid, [0, 0, *SIZE_WH]] if whole else grid
    boxes, scores, _ = _parts(box, np.array(views, dtype=np.float64))
    said = [
        ObjectPrediction(bbox=each.tolist(), category_id=0, category_name="car", score=float(score))
        for each, score in zip(boxes, scores, strict=True)
    ]
    merged = GreedyNMMPostprocess(match_threshold=0.5, match_metric="IOS", class_agnostic=False)(said)
    return np.array([each.bbox.to_xyxy() for each in merged], dtype=np.float64).reshape(-1, 4)


def _supervision(box: Floats) -> Floats:
    regions = _supervision_grid()
    boxes, scores, _ = _parts(box, regions)
    said = sv.Detections(xyxy=boxes, confidence=scores, class_id=np.zeros(len(boxes), dtype=np.int64))
    return np.asarray(said.with_nms(threshold=0.5).xyxy, dtype=np.float64)


def _supervision_grid() -> Floats:
    overlap_px = round(TILE_PX * OVERLAP_SHARE)
    offsets = sv.InferenceSlicer._generate_offset(
        resolution_wh=SIZE_WH, slice_wh=(TILE_PX, TILE_PX), overlap_wh=(overlap_px, overlap_px)
    )
    return np.asarray(offsets, dtype=np.float64)
