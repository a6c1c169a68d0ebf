"""COCO's average precision of masks, as pycocotools computes it: what polygons and masks are worth."""

import contextlib
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from blocks.shapes import Shape
from tasks.kinds.geometry import Floats
from tasks.kinds.metrics import Metrics
from tasks.kinds.outlines.raster import coco_rle, rasterised

MOST_SHAPES = 10_000
"""Shapes per item that count, as of boxes: COCO's 100 would punish whoever finds all that is there."""

WORDS = {
    "map50": "mask mAP50",
    "map50_95": "mask mAP50-95",
    "map50_any_class": "mask mAP50, whatever the class",
    "map50_95_any_class": "mask mAP50-95, whatever the class",
    "ap50": "mask AP50",
    "truths": "objects",
}


class FoundShape(NamedTuple):
    """An object in an item: that a model finds, or that is there."""

    class_name: str
    shape: Shape
    score: float = 1.0


def mask_average_precision(
    predicted: Sequence[Sequence[FoundShape]], truths: Sequence[Sequence[FoundShape]], classes: Sequence[str]
) -> Metrics:
    """Return average precisions: overall, for any class (`any_class` does not ask whether it is right), and by class.

    Args:
        predicted: For each item what a model finds, with scores; may be empty.
        truths: For each item what is there, in the same order; at least one object in all.
        classes: Names by class id.

    Source:
        The COCO segmentation metric: 101 recall points, mask IoU 0.5 to 0.95.
    """
    named, any_class = (_precisions(predicted, truths, classes, by_class=by_class) for by_class in (True, False))
    counts = Counter(one.class_name for some in truths for one in some)
    rows = {name: named[:, number] for number, name in enumerate(classes) if counts[name]}
    numbers = {
        "map50": _mean([row[0] for row in rows.values()]),
        "map50_95": _mean([row.mean() for row in rows.values()]),
        "map50_any_class": float(any_class[0, 0]),
        "map50_95_any_class": float(any_class.mean()),
    }
    by_class = {
        name: {"truths": float(counts[name]), "ap50": float(row[0]), "ap50_95": float(row.mean())}
        for name, row in sorted(rows.items())
    }
    return Metrics(headline="map50", numbers=numbers, by_class=by_class, words=WORDS)


def _precisions(
    predicted: Sequence[Sequence[FoundShape]],
    truths: Sequence[Sequence[FoundShape]],
    classes: Sequence[str],
    *,
    by_class: bool,
) -> Floats:
    """Return the average precision at each IoU and for each class, shape (10, classes)."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    numbers = {name: number + 1 if by_class else 1 for number, name in enumerate(classes)}
    images, there, said = [], list[dict[str, Any]](), list[dict[str, Any]]()
    for number, (mine, true) in enumerate(zip(predicted, truths, strict=True), start=1):
        size = _room_for([*mine, *true])
        images.append({"id": number, "width": size[0], "height": size[1]})
        for rows, some in ((there, true), (said, mine)):
            for one in some:
                rows.append(_row(one, number, numbers, size, len(rows) + 1))
    categories = [{"id": number} for number in sorted(set(numbers.values()))]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        truth, guess = COCO(), COCO()
        for each, rows in ((truth, there), (guess, said)):
            each.dataset = {"images": images, "annotations": rows, "categories": categories}
            each.createIndex()
        judge = COCOeval(truth, guess, "segm")
        judge.params.maxDets = [1, 10, MOST_SHAPES]
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e12]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, -1]
    return np.asarray(np.maximum(precision, 0).mean(axis=1), np.float64)


def _row(one: FoundShape, image: int, numbers: dict[str, int], size_wh: tuple[int, int], id_: int) -> dict[str, Any]:
    raster = rasterised(one.shape)
    row = {"id": id_, "image_id": image, "category_id": numbers[one.class_name], "iscrowd": 0, "score": one.score}
    return row | {"segmentation": coco_rle(raster, size_wh), "area": raster.area}


def _room_for(shapes: Sequence[FoundShape]) -> tuple[int, int]:
    edges = [edge for one in shapes if (edge := one.shape.bounds())]
    return int(max((edge[2] for edge in edges), default=1)) + 1, int(max((edge[3] for edge in edges), default=1)) + 1


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
