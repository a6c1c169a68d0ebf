"""One trial of the effort bench: one data set, one way of asking, one seed, from no label to all of them.

The steps are those of `flows/loop.py`, `flows/label.py` and `flows/proof.py`, called as plain functions, so that no
server is needed. A point on the curve shall depend on labels alone, so here, unlike in the loop, every training starts
from the same first weights (COCO's), takes the same number of optimizer steps, and its detector is the next one whether
it is better or not: labelling by hand gets the same training once, on all labels. Quality is measured on all test
pictures with their published labels, which neither people nor trainings ever see. A yardstick of a few test pictures
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

from blocks.database import reading
from blocks.errors import NotEnoughData
from blocks.experiments import Experiments
from blocks.stores import Store
from blocks.tables import Item, SequenceSplit, Source
from infra.annotators.truth import TrueBox
from infra.bench.effort_data import Pictures
from infra.bench.effort_people import Crew
from infra.bench.effort_worth import Worth, worth_of
from tasks.audit.draws import draw_evidence
from tasks.audit.more import draw_more
from tasks.audit.options import ProofOptions
from tasks.audit.proving import Proof, prove_bands
from tasks.audit.watching import watch_bands
from tasks.dataset.manifest import ManifestItem
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.detect.models import forget_detectors
from tasks.detect.proposals import propose
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef, items_of
from tasks.monitor.choose import BY_LOT, Selection, choose_batch, pool_of
from tasks.monitor.spent import settled_items
from tasks.settle.effort import manual_seconds
from tasks.settle.labels import settle
from tasks.train.evaluate import average_precision, detections_of
from tasks.train.options import TrainOptions
from tasks.train.training import finetune, training_pictures
from tasks.triage.boxes import Scope
from tasks.triage.decide import decide
from tasks.triage.options import CertifiedBands, TriageOptions

log = logging.getLogger(__name__)

EVERYTHING = 100_000
BATCH = 8
"""Pictures per optimizer step."""

NEVER = 1_000_000
"""Labels in val that no data set here has: the last epoch stands in every training, and val is trained on too."""

CALM_Z = 100.0
"""No box is odd: oddities are another question, and a band speaks of all boxes above it."""


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
    crew: Crew
    first: DetectorRef
    seed: int
    detector: DetectorRef
    trainings: list[Training] = field(default_factory=list)
    curve: list[Point] = field(default_factory=list)

    @property
    def collection(self) -> str:
        """The collection of this trial."""
        return self.crew.collection

    @property
    def recipe(self) -> str:
        """The scan options of this trial."""
        return self.pictures.tiling.recipe(self.crew.classes)

    def label_by_hand(self, selection: Selection) -> None:
        """Label the whole pool and the yardstick blind, and train once on all of it."""
        everything = selection.model_copy(update={"ask_first": {BY_LOT: 1.0}, "first": EVERYTHING})
        self._label(self._choose(everything).id, TriageOptions(audit_share=1.0, seed=self.seed))
        self.train()

    def run_round(self, selection: Selection) -> bool:
        """Choose, ask, settle and train; False where nothing was left to choose."""
        if not selection.by_lot:  # a lot needs no proposals: the loop makes them all the same, at no gain
            self._scan(pool_of(self.engine, self.collection, selection))
        batch = self._choose(selection)
        if not batch.size:
            return False
        self._scan(items_of(self.engine, batch.id))
        # In a round the detector proves nothing yet: people look at all that it proposes.
        self._label(batch.id, self._triage(accept=1.0))
        self.train()
        return True

    def label_rest(self, selection: Selection, proof: ProofOptions) -> tuple[Worth, Proof | None]:
        """Accept of what is left what people's judgements of boxes drawn by lot prove, and ask about the others."""
        batch = self._choose(selection.model_copy(update={"per_round": EVERYTHING}))
        if not batch.size:
            return worth_of(self.engine, (), self.crew.world), None
        self._scan(items_of(self.engine, batch.id))
        scope = Scope(batch.id, self.detector.version, self.recipe)
        look = (self.engine, scope, self.crew.classes, self._triage(), proof)
        draw_evidence(*look)
        self.crew.check_boxes(batch.id, 0)
        draw_more(*look)
        self.crew.check_boxes(batch.id, 1)
        self._label(batch.id, self._triage(), prove_bands(*look).in_force)
        proven = watch_bands(*look)
        self.train()
        return self._worth([item.id for item in items_of(self.engine, batch.id)]), proven

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
        boxes = sum(len(self.crew.world.pictures[item_id].boxes) for item_id in settled)
        self.curve.append(
            Point(
                seconds=round(self.crew.human_seconds, 1),
                fast_seconds=round(self.crew.fast_seconds, 1),
                by_hand=round(manual_seconds(boxes, len(settled)), 1),
                items=len(settled),
                map50=round(self.map50(), 4),
            )
        )

    def map50(self) -> float:
        """Return the detector's mAP50 on all test pictures, by their published labels; 0 where it knows no class."""
        items = self._test_items()
        found, _ = detections_of(self.store, items, self.detector, self.crew.classes, self.pictures.tiling)
        truths = [_detections(self.crew.world.pictures[item.id].boxes, self.crew.classes) for item in items]
        return float(average_precision(found, truths, self.crew.classes)["map50"])

    def worth(self) -> Worth:
        """Return what all labels of the trial are worth."""
        return self._worth(list(settled_items(self.engine, self.collection)))

    def _worth(self, item_ids: Sequence[str]) -> Worth:
        return worth_of(self.engine, item_ids, self.crew.world)

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
        )
        manifest = read_snapshot(self.store, snapshot_id)
        with tempfile.TemporaryDirectory(prefix="labelline-effort-") as folder:
            counts = training_pictures(self.store, manifest, Path(folder), self.pictures.tiling, options).counts
        steps_an_epoch = max(1, math.ceil(counts["train"].pictures / BATCH))
        epochs = math.ceil(self.pictures.steps / steps_an_epoch)
        training = Training(counts["train"].pictures, epochs, epochs * steps_an_epoch)
        return options.model_copy(update={"epochs": epochs, "patience": epochs}), training

    def _triage(self, accept: float = 0.6) -> TriageOptions:
        return TriageOptions(accept=accept, odd_z=CALM_Z, odd_images=False, control_share=0, seed=self.seed)

    def _choose(self, selection: Selection) -> BatchRef:
        return choose_batch(self.engine, self.collection, (self.detector.version, self.recipe), selection)

    def _scan(self, items: list[Item]) -> None:
        propose(self.engine, self.store, items, self.detector, self.crew.classes, self.pictures.tiling)

    def _label(self, batch_id: str, options: TriageOptions, bands: CertifiedBands | None = None) -> None:
        version, classes = self.detector.version, self.crew.classes
        decide(self.engine, batch_id, options, version, self.recipe, classes=classes, bands=bands)
        self.crew.answer_batch(batch_id)
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
    from tasks.detect.weights import version_of

    version = version_of(weights)
    store.put(f"weights/{version}.pt", weights)
    return DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="first")


def _detections(boxes: tuple[TrueBox, ...], classes: tuple[str, ...]):  # type: ignore[no-untyped-def]
    import supervision as sv

    known = [box for box in boxes if box.class_name in classes]
    return sv.Detections(
        xyxy=np.array([box.xyxy for box in known], dtype=np.float32).reshape(-1, 4),
        class_id=np.array([classes.index(box.class_name) for box in known], dtype=np.int64),
        confidence=np.ones(len(known), dtype=np.float32),
    )
