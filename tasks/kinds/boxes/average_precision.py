"""COCO's average precision as supervision computes it, over the classes that the truth really has."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.kinds.metrics import Metrics

if TYPE_CHECKING:
    import supervision as sv

MOST_BOXES = 10_000
"""Boxes per item that count. COCO's 100 would punish whoever finds all 150 cars of a parking lot."""

WORDS = {
    "map50": "mAP50",
    "map50_95": "mAP50-95",
    "map50_any_class": "mAP50, whatever the class",
    "map50_95_any_class": "mAP50-95, whatever the class",
    "ap50": "AP50",
    "truths": "boxes",
}


def average_precision(
    predicted: Sequence["sv.Detections"], truths: Sequence["sv.Detections"], classes: Sequence[str]
) -> Metrics:
    """Return average precisions: overall, for any class (`any_class` does not ask whether it is right), and by class.

    Args:
        predicted: For each item its boxes with scores and class ids. May be empty.
        truths: For each item its true boxes with class ids; at least one box in all.
        classes: Names by class id.

    Source:
        The COCO detection metric: 101 recall points, IoU 0.5 to 0.95.
    """
    from supervision.metrics import MeanAveragePrecision

    limits = (1, 10, MOST_BOXES)
    named = MeanAveragePrecision(max_detection_thresholds=limits).update(list(predicted), list(truths)).compute()
    any_class = MeanAveragePrecision(class_agnostic=True, max_detection_thresholds=limits)
    merged = any_class.update(list(predicted), list(truths)).compute()
    counts = Counter(int(number) for truth in truths for number in truth.class_id)
    by_class = {
        classes[int(number)]: {
            "truths": float(counts[int(number)]),
            "ap50": max(0.0, float(row[0])),
            "ap50_95": max(0.0, float(row.mean())),
        }
        for number, row in zip(named.matched_classes, named.ap_per_class, strict=True)
        if counts[int(number)]
    }
    numbers = {
        "map50": float(named.map50),
        "map50_95": float(named.map50_95),
        "map50_any_class": float(merged.map50),
        "map50_95_any_class": float(merged.map50_95),
    }
    return Metrics(headline="map50", numbers=numbers, by_class=dict(sorted(by_class.items())), words=WORDS)
