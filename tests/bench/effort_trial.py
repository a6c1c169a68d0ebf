"""One trial of the effort bench: one data set, one way of asking, one seed, from no label to all of them.

The steps are those of `flows/loop.py`, `flows/label.py` and `flows/risk_control.py`, as plain functions, so that no
server is needed. A point on the curve shall depend on labels alone, so here, unlike in the loop, every training starts
from the same first weights (COCO's), takes the same number of optimizer steps, and its detector is the next one whether
it is better or not: labelling by hand gets the same training once, on all labels. Quality is measured on all test
pictures with their published labels, which neither people nor trainings ever see. A holdout of a few test pictures
that people label, as the loop has it, is paid for by every way of asking, and decides nothing.
"""

import logging
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, SequenceSplit, Source
from blocks.errors import NotEnoughData
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from infra.annotators.truth import AnnotatorBox
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import Certification, certify_thresholds
from tasks.audit.risk_control.recheck import recheck_thresholds
from tasks.audit.risk_control.sample_boxes import draw_evidence
from tasks.audit.risk_control.sample_more import draw_more
from tasks.dataset.manifest import ManifestItem
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.detect.models import forget_detectors
from tasks.detect.proposals import propose
from tasks.detect.refs import DetectorRef, Scope
from tasks.intake.batches import BatchRef, items_of
from tasks.kinds.boxes.average_precision import average_precision
from tasks.kinds.by_hand import manual_seconds
from tasks.monitor.active_learning.choose import BY_LOT, Selection, choose_batch, pool_of
from tasks.monitor.cost.spent import settled_items
from tasks.settle.labels import settle
from tasks.train.fitting.trainers.detector import detections_of, training_pictures
from tasks.train.fitting.training import finetune
from tasks.train.options import TrainOptions
from tasks.triage.decide import decide
from tasks.triage.options import CertifiedThresholds, TriageOptions
from tests.bench.effort_data import Pictures
from tests.bench.effort_people import TrialAnnotators
from tests.bench.effort_worth import Worth, worth_of

log = logging.getLogger(__name__)

EVERYTHING = 100_000
BATCH = 8
"""Pictures per optimizer step."""

NEVER = 1_000_000
"""Labels in val that no data set here has: the last epoch stands in every training, and val is trained on too."""

CALM_Z = 100.0
"""No box is odd: oddities are another question, and a threshold speaks of all boxes above it."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point on a learning curve."""

    seconds: float
    """Human seconds so far."""
    fast_seconds: float
    """The same where people draw boxes in the fastest published way."""
    by_hand: float
    """What labelling the same pictures without proposals would have taken, by the published times."""
    items: int
    map50: float


@dataclass(frozen=True, slots=True)
class Training:
    """How long a training was."""

    pictures: int
    epochs: int
    steps: int


@dataclass(slots=True)
class Trial:
    """One line at work on one data set."""

    engine: Engine
    store: Store
    experiments: Experiments
    pictures: Pictures
    annotators: TrialAnnotators
    first: DetectorRef
    seed: int
    detector: DetectorRef
    trainings: list[Training] = field(default_factory=list)
    curve: list[Point] = field(default_factory=list)

    @property
    def collection(self) -> str:
        """The collection of this trial."""
        return self.annotators.collection

    @property
    def recipe(self) -> str:
        """The scan options of this trial."""
        return self.pictures.tiling.recipe(self.annotators.classes)

    def label_by_hand(self, selection: Selection) -> None:
        """Label the whole pool and the holdout blind, and train once on all of it."""
        everything = selection.model_copy(update={"ask_first": {BY_LOT: 1.0}, "first": EVERYTHING})
        self._label(self._choose(everything).id, TriageOptions(audit_share=1.0, seed=self.seed))
        self.train()

    def run_round(self, selection: Selection) -> bool:
        """Choose, ask, settle and train; False where nothing was left to choose."""
        if not selection.is_random:  # a lot needs no proposals: the loop makes them all the same, at no gain
            self._scan(pool_of(self.engine, self.collection, selection))
        batch = self._choose(selection)
        if not batch.size:
            return False
        self._scan(items_of(self.engine, batch.id))
        # In a round the detector proves nothing yet: people look at all that it proposes.
        self._label(batch.id, self._triage(accept=1.0))
        self.train()
        return True

    def label_rest(self, selection: Selection, risk_control: RiskControlOptions) -> tuple[Worth, Certification | None]:
        """Accept of what is left what people's judgements of boxes drawn at random prove, and ask about the others."""
        batch = self._choose(selection.model_copy(update={"per_round": EVERYTHING}))
        if not batch.size:
            return worth_of(self.engine, (), self.annotators.world), None
        self._scan(items_of(self.engine, batch.id))
        scope = Scope(batch.id, self.detector.version, self.recipe)
        look = (self.engine, scope, self.annotators.classes, self._triage(), risk_control)
        draw_evidence(*look)
        self.annotators.check_boxes(batch.id, 0)
        draw_more(*look)
        self.annotators.check_boxes(batch.id, 1)
        self._label(batch.id, self._triage(), certify_thresholds(*look).in_force)
        certified = recheck_thresholds(*look)
        self.train()
        return self._worth([item.id for item in items_of(self.engine, batch.id)]), certified

    def train(self) -> None:
        """Train from the first weights on all labels so far; the new detector is the next one."""
        snapshot = take_snapshot(self.engine, self.store, self.collection)
        tiling, (options, training) = self.pictures.tiling, self._options(snapshot.id)
        try:
            new = finetune(self.experiments, self.store, snapshot.id, self.first, options, tiling=tiling)
        except NotEnoughData as error:
            log.info("%s: %s", self.collection, error)
            return
        self.trainings.append(training)
        forget_detectors()
        self.detector = new.detector
        self.note_point()

    def note_point(self) -> None:
        """Add where the trial is now to its curve."""
        settled = list(settled_items(self.engine, self.collection))
        boxes = sum(len(self.annotators.world.pictures[item_id].boxes) for item_id in settled)
        self.curve.append(
            Point(
                seconds=round(self.annotators.human_seconds, 1),
                fast_seconds=round(self.annotators.fast_seconds, 1),
                by_hand=round(manual_seconds(boxes, len(settled)), 1),
                items=len(settled),
                map50=round(self.map50(), 4),
            )
        )

    def map50(self) -> float:
        """Return the detector's mAP50 on all test pictures, by their published labels; 0 where it knows no class."""
        items = self._test_items()
        found, _ = detections_of(self.store, items, self.detector, self.annotators.classes, self.pictures.tiling)
        truths = [_detections(self.annotators.world.pictures[item.id].boxes, self.annotators.classes) for item in items]
        return float(average_precision(found, truths, self.annotators.classes).value)

    def worth(self) -> Worth:
        """Return what all labels of the trial are worth."""
        return self._worth(list(settled_items(self.engine, self.collection)))

    def _worth(self, item_ids: Sequence[str]) -> Worth:
        return worth_of(self.engine, item_ids, self.annotators.world)

    def _options(self, snapshot_id: str) -> tuple[TrainOptions, Training]:
        """Return options with as many epochs as make the steps that every training has."""
        options = TrainOptions(
            epochs=1,
            batch=BATCH,
            lr0=self.pictures.lr0,
            freeze=self.pictures.freeze,
            mosaic=self.pictures.mosaic,
            from_above=self.pictures.from_above,
            seed=self.seed,
            min_val_boxes=NEVER,
            min_test_boxes=1,  # points of the curve are measured on published labels, not on the snapshot's own
        )
        manifest = read_snapshot(self.store, snapshot_id)
        with tempfile.TemporaryDirectory(prefix="labelline-effort-") as folder:
            counts = training_pictures(
                self.store, manifest, Path(folder), self.pictures.tiling, options, chooses=False
            ).counts
        steps_an_epoch = max(1, math.ceil(counts["train"].pictures / BATCH))
        epochs = math.ceil(self.pictures.steps / steps_an_epoch)
        training = Training(counts["train"].pictures, epochs, epochs * steps_an_epoch)
        return options.model_copy(update={"epochs": epochs, "patience": epochs}), training

    def _triage(self, accept: float = 0.6) -> TriageOptions:
        return TriageOptions(accept=accept, outlier_z=CALM_Z, image_outliers=False, control_share=0, seed=self.seed)

    def _choose(self, selection: Selection) -> BatchRef:
        return choose_batch(self.engine, self.collection, (self.detector.version, self.recipe), selection)

    def _scan(self, items: list[Item]) -> None:
        propose(self.engine, self.store, items, self.detector, self.annotators.classes, self.pictures.tiling)

    def _label(self, batch_id: str, options: TriageOptions, thresholds: CertifiedThresholds | None = None) -> None:
        version, classes = self.detector.version, self.annotators.classes
        decide(self.engine, batch_id, options, version, self.recipe, classes=classes, thresholds=thresholds)
        self.annotators.answer_batch(batch_id)
        settle(self.engine, batch_id, version, self.recipe)

    def _test_items(self) -> list[ManifestItem]:
        query = (
            select(Item)
            .join(Source, col(Source.item_id) == col(Item.id))
            .join(SequenceSplit, col(SequenceSplit.sequence) == col(Item.sequence))
            .where(Source.collection == self.collection, SequenceSplit.collection == self.collection)
            .where(SequenceSplit.split == "test")
            .order_by(col(Item.id))
        )
        fields = set(ManifestItem.model_fields) & set(Item.model_fields)
        with reading(self.engine) as session:
            items = session.exec(query).all()
        return [ManifestItem(**item.model_dump(include=fields), split="test", labels=()) for item in items]


def keep_weights(store: Store, weights: Path) -> DetectorRef:
    """Put a first detector into the store."""
    from tasks.detect.backends.safe_weights import version_of

    version = version_of(weights)
    store.put(f"weights/{version}.pt", weights)
    return DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="first")


def _detections(boxes: tuple[AnnotatorBox, ...], classes: tuple[str, ...]):  # type: ignore[no-untyped-def]
    import supervision as sv

    known = [box for box in boxes if box.class_name in classes]
    return sv.Detections(
        xyxy=np.array([box.xyxy for box in known], dtype=np.float32).reshape(-1, 4),
        class_id=np.array([classes.index(box.class_name) for box in known], dtype=np.int64),
        confidence=np.ones(len(known), dtype=np.float32),
    )
