"""How good a model is on the frozen test items of a snapshot, looked at as the line looks at them.

What is measured is the business of the labels' kind: a headline, other numbers, and a row for each class that the test
items really have. A class that a detector does not know counts as missed.
"""

import hashlib
import json
import time

from blocks.errors import BadOption, NotEnoughData
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.dataset.snapshots import read_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.kinds.metrics import Metrics
from tasks.kinds.registry import label_kind
from tasks.train.fitting.trainers.registry import trainer_of

EVALUATION_VERSION = 3
"""Part of the name of kept results: raise it when the same detector would get other numbers."""


class Evaluation(Frozen):
    """A detector's numbers on one test split."""

    detector: DetectorRef
    snapshot_id: str
    items: int
    truths: int
    metrics: Metrics
    unknown_classes: tuple[str, ...]
    seconds: float

    def number(self, name: str | None = None) -> float:
        """Return one of its numbers: the headline, unless another one is named.

        Raises:
            BadOption: Labels of this kind have no number of this name.
        """
        numbers = self.metrics.numbers
        if name is not None and name not in numbers:
            raise BadOption(f"{name!r} is not measured on labels of this kind (known: {', '.join(numbers)})")
        return numbers[name or self.metrics.headline]


class Comparison(Frozen):
    """Two detectors on the same items, in one call."""

    snapshot_id: str
    collection: str
    label_kind: str = "boxes"
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
        label_kind=manifest.kind,
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
            f"the {split} split of snapshot {snapshot_id[:12]} has {len(items)} items and no label, so models "
            "cannot be compared: settle at least 1 label more in one of its sequences"
        )
    trainer = trainer_of(manifest.kind, manifest.medium)
    predicted, unknown = trainer.predict(store, items, ref, manifest.classes, tiling)
    truth = [trainer.truth(item, manifest.classes) for item in items]
    result = Evaluation(
        detector=ref,
        snapshot_id=snapshot_id,
        items=len(items),
        truths=truths,
        metrics=label_kind(manifest.kind).metrics(predicted, truth, manifest.classes),
        unknown_classes=unknown,
        seconds=time.monotonic() - started,
    )
    store.put(key, result.model_dump_json().encode(), "application/json")
    return result


def _result_key(snapshot_id: str, ref: DetectorRef, tiling: TilingOptions, split: str) -> str:
    how = json.dumps([EVALUATION_VERSION, tiling.recipe(()), split])
    return f"evaluations/{snapshot_id[:24]}/{ref.version}-{hashlib.sha256(how.encode()).hexdigest()[:12]}.json"
