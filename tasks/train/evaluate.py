"""How good a detector is on the frozen test items of a snapshot, looked at as the line looks at them: through tiles.

The metric is COCO's average precision as supervision computes it, over the classes that the test items really have. A
class that a detector does not know counts as missed: its average precision is 0.
"""

import functools
import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from blocks.errors import NotEnoughData
from blocks.stores import Store
from tasks.dataset.manifest import ManifestItem
from tasks.dataset.snapshots import read_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.detect.tiles import Floats, Ints
from tasks.intake.images import read_item

if TYPE_CHECKING:
    import supervision as sv

log = logging.getLogger(__name__)

LEAST_SCORE = 0.01
"""Average precision needs the low end of the scores as well; below this it does not move any more."""

MOST_BOXES = 10_000
"""Boxes per item that count. COCO's 100 would punish whoever finds all 150 cars of a parking lot."""

EVALUATION_VERSION = 2
"""Part of the name of kept results: raise it when the same detector would get other numbers."""


class ClassResult(BaseModel):
    """How well one class is found."""

    model_config = ConfigDict(frozen=True)

    truths: int
    ap50: float
    ap50_95: float


class Evaluation(BaseModel):
    """A detector's numbers on one test split; `any_class` ones do not ask whether the class is right."""

    model_config = ConfigDict(frozen=True)

    detector: DetectorRef
    snapshot_id: str
    items: int
    truths: int
    map50: float
    map50_95: float
    map50_any_class: float
    map50_95_any_class: float
    by_class: dict[str, ClassResult]
    unknown_classes: tuple[str, ...]
    seconds: float


class Comparison(BaseModel):
    """Two detectors on the same items, in one call."""

    model_config = ConfigDict(frozen=True)

    snapshot_id: str
    collection: str
    classes: tuple[str, ...]
    tiling: TilingOptions
    champion: Evaluation
    challenger: Evaluation
    run_id: str | None = None


def compare(
    store: Store,
    snapshot_id: str,
    champion: DetectorRef,
    challenger: DetectorRef,
    tiling: TilingOptions,
    *,
    run_id: str | None = None,
) -> Comparison:
    """Evaluate champion and challenger on the same frozen test items.

    Raises:
        NotEnoughData: The test split has no labels.
    """
    manifest = read_snapshot(store, snapshot_id)
    return Comparison(
        snapshot_id=snapshot_id,
        collection=manifest.collection,
        classes=manifest.classes,
        tiling=tiling,
        champion=evaluate(store, snapshot_id, champion, tiling),
        challenger=evaluate(store, snapshot_id, challenger, tiling),
        run_id=run_id,
    )


def evaluate(
    store: Store, snapshot_id: str, ref: DetectorRef, tiling: TilingOptions, *, split: str = "test"
) -> Evaluation:
    """Return a detector's numbers on a split of a snapshot; computed once, then read from the store.

    Raises:
        NotEnoughData: The split has no labels.
    """
    key = _result_key(snapshot_id, ref, tiling, split)
    if store.has(key):
        return Evaluation.model_validate_json(store.get(key))
    manifest = read_snapshot(store, snapshot_id)
    started = time.monotonic()
    items = list(manifest.items(split))  # the test split of a catalogue, without pixels: it fits
    truths = sum(len(item.labels) for item in items)
    if not truths:
        raise NotEnoughData(
            f"the {split} split of snapshot {snapshot_id[:12]} has {len(items)} items and no label, so detectors "
            "cannot be compared: settle at least 1 label more in one of its sequences"
        )
    predicted, unknown = detections_of(store, items, ref, manifest.classes, tiling)
    result = Evaluation(
        detector=ref,
        snapshot_id=snapshot_id,
        items=len(items),
        truths=truths,
        unknown_classes=unknown,
        **average_precision(predicted, [_truth_of(item, manifest.classes) for item in items], manifest.classes),
        seconds=time.monotonic() - started,
    )
    store.put(key, result.model_dump_json().encode(), "application/json")
    return result


def detections_of(
    store: Store, items: Sequence[ManifestItem], ref: DetectorRef, classes: tuple[str, ...], tiling: TilingOptions
) -> tuple[list["sv.Detections"], tuple[str, ...]]:
    """Look at items through the line's tiles; the one place here that knows how detecting is done.

    Returns:
        For each item its boxes in pixels, with scores and class ids that count in `classes`; and those of `classes`
        that the detector does not know.
    """
    from tasks.detect.models import open_detector
    from tasks.detect.stream import Found, Source, find_objects

    detector = open_detector(store, ref, tiling.tile_px, tiling.backend)
    unknown = tuple(name for name in classes if name not in detector.classes)
    wanted = {detector.classes.index(name): number for number, name in enumerate(classes) if name not in unknown}
    found = {item.id: _no_boxes() for item in items}
    if not wanted:
        return list(found.values()), unknown
    options = tiling.model_copy(update={"min_score": min(tiling.min_score, LEAST_SCORE)})
    sources = (
        Source(item.id, (item.width, item.height), functools.partial(read_item, store, item.key)) for item in items
    )
    for result in find_objects(sources, detector, tuple(wanted), options):
        if not isinstance(result, Found):
            log.warning("test item %s counts as missed altogether: %s", result.name, result.reason)
            continue
        class_ids = np.array([wanted[int(number)] for number in result.merged.class_ids], dtype=np.int64)
        found[result.name] = _boxes(result.merged.boxes_xyxy_px, class_ids, result.merged.scores)
    return [found[item.id] for item in items], unknown


def average_precision(
    predicted: Sequence["sv.Detections"], truths: Sequence["sv.Detections"], classes: Sequence[str]
) -> dict[str, Any]:
    """Return the average precisions of an `Evaluation`: overall, for any class, and by class.

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
        classes[int(number)]: ClassResult(
            truths=counts[int(number)], ap50=max(0.0, float(row[0])), ap50_95=max(0.0, float(row.mean()))
        )
        for number, row in zip(named.matched_classes, named.ap_per_class, strict=True)
        if counts[int(number)]
    }
    return {
        "map50": float(named.map50),
        "map50_95": float(named.map50_95),
        "map50_any_class": float(merged.map50),
        "map50_95_any_class": float(merged.map50_95),
        "by_class": dict(sorted(by_class.items())),
    }


def _truth_of(item: ManifestItem, classes: Sequence[str]) -> "sv.Detections":
    boxes = np.array([label.box_xyxy_px for label in item.labels], dtype=np.float64).reshape(-1, 4)
    class_ids = np.array([classes.index(label.class_name) for label in item.labels], dtype=np.int64)
    return _boxes(boxes, class_ids, np.ones(len(boxes)))


def _no_boxes() -> "sv.Detections":
    return _boxes(np.zeros((0, 4)), np.zeros(0, dtype=np.int64), np.zeros(0))


def _boxes(boxes: Floats, class_ids: Ints, scores: Floats) -> "sv.Detections":
    import supervision as sv

    return sv.Detections(xyxy=boxes.astype(np.float32), class_id=class_ids, confidence=scores.astype(np.float32))


def _result_key(snapshot_id: str, ref: DetectorRef, tiling: TilingOptions, split: str) -> str:
    how = json.dumps([EVALUATION_VERSION, tiling.recipe(()), split])
    return f"evaluations/{snapshot_id[:24]}/{ref.version}-{hashlib.sha256(how.encode()).hexdigest()[:12]}.json"
