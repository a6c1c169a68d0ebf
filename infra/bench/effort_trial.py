"""One trial of the effort bench: one data set, one way of asking, one seed, from no label to all of them.

The steps are those of `flows/loop.py`, called as plain functions, so that no server is needed. Quality is measured on
all test pictures with their published labels, which the line itself never sees: it promotes by what people said of the
test items that they were asked about.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading
from blocks.errors import NotEnoughData, UnknownClass
from blocks.experiments import Experiments
from blocks.stores import Store
from blocks.tables import Item, Label, Proposal, SequenceSplit, Source
from infra.annotators.truth import KnownWorld, TrueBox
from infra.bench.effort_data import Pictures
from infra.bench.effort_people import Crew
from tasks.audit.bands import Promise, Standing, certify
from tasks.audit.evidence import Drawn, Evidence
from tasks.audit.grids import ThresholdGrid
from tasks.audit.sampling import draw_order
from tasks.audit.scope import WholeBatch
from tasks.dataset.manifest import ManifestItem
from tasks.dataset.snapshots import take_snapshot
from tasks.detect.models import forget_detectors
from tasks.detect.proposals import proposals_of, propose
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import items_of, open_batch
from tasks.monitor.choose import Selection, choose_batch, pool_of
from tasks.monitor.spent import settled_items
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tasks.settle.truth import MACHINE
from tasks.train.evaluate import average_precision, detections_of, evaluate
from tasks.train.options import TrainOptions
from tasks.train.training import finetune
from tasks.triage.audit import draw_audit
from tasks.triage.decide import decide
from tasks.triage.options import Band, TriageOptions

log = logging.getLogger(__name__)

EVERYTHING = 100_000
CHECK_MOST = 400
"""Single boxes of one class that people judge at most to certify its band."""

CALM_Z = 100.0
"""No box is odd: oddities are another question, and a band speaks of all boxes above it."""


@dataclass(slots=True)
class Trial:
    """One line at work on one data set."""

    engine: Engine
    store: Store
    experiments: Experiments
    pictures: Pictures
    crew: Crew
    detector: DetectorRef
    seed: int
    trainings: list[tuple[float, float]] = field(default_factory=list)
    """mAP50 before and after each training, on the line's own test items: what it promotes by."""

    @property
    def collection(self) -> str:
        """The collection of this trial."""
        return self.crew.collection

    @property
    def recipe(self) -> str:
        """The scan options of this trial."""
        return self.pictures.tiling.recipe(self.crew.classes)

    def label_by_hand(self, epochs: int) -> None:
        """Label everything blind, and train once on all of it."""
        batch = open_batch(self.engine, f"{self.collection}-all", self.collection, EVERYTHING)
        self._label(batch.id, TriageOptions(audit_share=1.0, seed=self.seed))
        self.train(epochs)

    def run_round(self, selection: Selection, epochs: int) -> bool:
        """Choose, ask, settle and train; False where nothing was left to choose."""
        pool = pool_of(self.engine, self.collection, selection)
        self._scan(pool)
        batch = choose_batch(self.engine, self.collection, (self.detector.version, self.recipe), selection)
        if not batch.size:
            return False
        # In a round the detector proves nothing yet: people look at all that it proposes.
        self._label(batch.id, TriageOptions(accept=1.0, drop=0.15, odd_z=CALM_Z, odd_images=False, seed=self.seed))
        self.train(epochs)
        return True

    def label_rest(self, promise: Promise) -> list[str]:
        """Accept of what is left what people's judgements of boxes drawn by lot prove, and ask about the others.

        Returns:
            Classes that got a certified band.
        """
        batch = open_batch(self.engine, f"{self.collection}-rest", self.collection, EVERYTHING)
        if not batch.size:
            return []
        self._scan(items_of(self.engine, batch.id))
        options = TriageOptions(accept=1.0, drop=0.15, odd_z=CALM_Z, odd_images=False, seed=self.seed)
        audited = draw_audit(self.engine, batch.id, options.audit_share, options.seed)
        bands = self._certified([i.id for i in items_of(self.engine, batch.id) if i.id not in audited], promise)
        self._label(batch.id, options.model_copy(update={"class_bands": bands}))
        return sorted(bands)

    def train(self, epochs: int) -> None:
        """Train on all truth so far; the new detector stays if it is better on the line's own test items."""
        snapshot = take_snapshot(self.engine, self.store, self.collection)
        options = TrainOptions(
            epochs=epochs,
            batch=8,
            freeze=self.pictures.freeze,
            mosaic=self.pictures.mosaic,
            from_above=self.pictures.from_above,
            seed=self.seed,
        )
        tiling = self.pictures.tiling
        try:
            new = finetune(self.experiments, self.store, snapshot.id, self.detector, options, tiling=tiling).detector
        except NotEnoughData as error:
            log.info("%s: %s", self.collection, error)
            return
        before, after = (evaluate(self.store, snapshot.id, ref, tiling).map50 for ref in (self.detector, new))
        self.trainings.append((round(before, 4), round(after, 4)))
        if after > before:
            self.detector = new
        forget_detectors()

    def map50(self) -> float:
        """Return the detector's mAP50 on all test pictures, by their published labels; 0 where it knows no class."""
        items = self._test_items()
        found, _ = detections_of(self.store, items, self.detector, self.crew.classes, self.pictures.tiling)
        truths = [_detections(self.crew.world.pictures[item.id].boxes, self.crew.classes) for item in items]
        return float(average_precision(found, truths, self.crew.classes)["map50"])

    def worth(self) -> dict[str, float | int | None]:
        """Return labels, those accepted unseen, and the share of these that is wrong; None where none was accepted."""
        labels = [
            label
            for mine in labels_in_force(self.engine, list(settled_items(self.engine, self.collection))).values()
            for label in mine
        ]
        unseen = [label for label in labels if label.origin == MACHINE]
        wrong = sum(_is_wrong(label, self.crew.world) for label in unseen)
        return {
            "labels": len(labels),
            "accepted": len(unseen),
            "share_accepted": round(len(unseen) / len(labels), 4) if labels else None,
            "true_error": round(wrong / len(unseen), 4) if unseen else None,
        }

    def _scan(self, items: list[Item]) -> None:
        try:
            propose(self.engine, self.store, items, self.detector, self.crew.classes, self.pictures.tiling)
        except UnknownClass as error:  # a first detector that knows none of the classes: people begin without boxes
            log.info("%s: %s", self.collection, error)

    def _label(self, batch_id: str, options: TriageOptions) -> None:
        decide(self.engine, batch_id, options, self.detector.version, self.recipe, classes=self.crew.classes)
        self.crew.answer_batch(batch_id)
        settle(self.engine, batch_id, self.detector.version, self.recipe)

    def _certified(self, item_ids: list[str], promise: Promise) -> dict[str, Band]:
        found = proposals_of(self.engine, item_ids, self.detector.version, self.recipe)
        drop = TriageOptions().drop
        bands = {}
        for name in self.crew.classes:
            mine = [one for each in found.values() for one in each if one.class_name == name and one.score >= drop]
            accept_from = self._accept_from(name, mine, promise)
            if accept_from is not None:
                bands[name] = Band(accept=accept_from, drop=drop)
        return bands

    def _accept_from(self, name: str, mine: list[Proposal], promise: Promise) -> float | None:
        if not mine:
            return None
        rng = np.random.default_rng([self.seed, len(name), len(mine)])
        scores = np.array([one.score for one in mine])
        grid, scope = ThresholdGrid.of(scores), WholeBatch.of([one.item_id for one in mine], scores)
        drawn = [mine[place] for place in draw_order(len(mine), rng)][:CHECK_MOST]
        wrong = self.crew.check_boxes(drawn)
        ids = [one.item_id for one in drawn]
        evidence = Evidence.of(ids, [one.score for one in drawn], wrong, Drawn.BOXES)
        band = certify(name, [evidence], grid, promise, scope)
        log.info("%s: %s", self.collection, band.reason)
        return band.accept_from if band.standing is Standing.CERTIFIED else None

    def _test_items(self) -> list[ManifestItem]:
        query = (
            select(Item)
            .join(Source, col(Source.item_id) == col(Item.id))
            .join(SequenceSplit, col(SequenceSplit.sequence) == col(Item.sequence))
            .where(Source.collection == self.collection, SequenceSplit.collection == self.collection)
            .where(SequenceSplit.split == "test")
            .order_by(col(Item.id))
        )
        with reading(self.engine) as session:
            items = session.exec(query).all()
        return [
            ManifestItem(
                id=item.id,
                key=item.key,
                name=item.name,
                sequence=item.sequence,
                split="test",
                width=item.width,
                height=item.height,
                labels=(),
            )
            for item in items
        ]


def keep_weights(store: Store, weights: Path) -> DetectorRef:
    """Put a first detector into the store."""
    from tasks.detect.weights import version_of

    version = version_of(weights)
    store.put(f"weights/{version}.pt", weights)
    return DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="first")


def _is_wrong(label: Label, world: KnownWorld) -> bool:
    from infra.annotators.boxes import KEEP_IOU
    from infra.annotators.matching import match

    true = [box.xyxy for box in world.pictures[label.item_id].boxes if box.class_name == label.class_name]
    pair = match([(label.x_min, label.y_min, label.x_max, label.y_max)], true).get(0)
    return pair is None or pair[1] < KEEP_IOU


def _detections(boxes: tuple[TrueBox, ...], classes: tuple[str, ...]):  # type: ignore[no-untyped-def]
    import supervision as sv

    known = [box for box in boxes if box.class_name in classes]
    return sv.Detections(
        xyxy=np.array([box.xyxy for box in known], dtype=np.float32).reshape(-1, 4),
        class_id=np.array([classes.index(box.class_name) for box in known], dtype=np.int64),
        confidence=np.ones(len(known), dtype=np.float32),
    )
