"""How good a detector is on the frozen test items of a snapshot, looked at as the line looks at them: through tiles.

The metric is COCO's average precision as supervision computes it, over the classes that the test items really have. A
class that a detector does not know counts as missed: its average precision is 0.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from blocks.errors import LabellingError, NotEnoughData
from blocks.stores import Store
from tasks.dataset.manifest import ManifestItem
from tasks.dataset.snapshots import read_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.intake.images import read_item

if TYPE_CHECKING:
    import supervision as sv

LEAST_SCORE = 0.01
"""Average precision needs the low end of the scores as well; below this it does not move any more."""

MOST_BOXES = 10_000
"""Boxes per item that count. COCO's 100 would punish whoever finds all 150 cars of a parking lot."""

EVALUATION_VERSION = 1
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
    return Comparison(
        snapshot_id=snapshot_id,
        collection=read_snapshot(store, snapshot_id).collection,
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
            f"the {split} split of snapshot {snapshot_id[:12]} has {len(items)} items and no label, so detectors cannot "
            "be compared: settle at least 1 label more in one of its sequences"
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
