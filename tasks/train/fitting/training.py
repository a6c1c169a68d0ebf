"""Train a model on a snapshot, inside an MLflow run that ends as what it was; how is the business of `trainers`."""

import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.database.tables import utc_now
from blocks.errors import TrainingFailed
from blocks.frozen import Frozen
from blocks.naming.run_names import run_name
from blocks.servers.experiments import LEARNED, Experiments, OpenRun
from blocks.storage.stores import Store
from tasks.dataset.snapshots import manifest_key, read_snapshot
from tasks.detect.backends.safe_weights import quiet_ultralytics, version_of
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.fitting.backbones import with_backbone
from tasks.train.fitting.base_weights import keep_base
from tasks.train.fitting.beginnings import check_trainable, is_trainable, refuse_base
from tasks.train.fitting.curves import curves_png
from tasks.train.fitting.enough import check_enough, chooses_epoch
from tasks.train.fitting.folds import best_epoch, curves_of_folds
from tasks.train.fitting.trainers.protocol import Cut, Trainer, TrainingJob
from tasks.train.fitting.trainers.registry import recipe_for, trainer_of
from tasks.train.fitting.watch import EpochReport, Progress, TrainingWatch
from tasks.train.naming import CLASSES_FILE, list_classes, registry_name
from tasks.train.options import TrainOptions

if TYPE_CHECKING:
    from mlflow.entities import Run

log = logging.getLogger(__name__)

JOB = "labelline.job"
"""Tag of a training's run: a hash of all that it is made from."""

WEIGHTS_FOLDER = "weights"
"""Folder of a run, and of the object store, where weights are."""


class TrainedRef(Frozen):
    """What a training made."""

    run_id: str
    version: str
    weights_key: str
    name: str
    snapshot_id: str
    base_version: str
    epochs: int
    seconds: float

    @property
    def detector(self) -> DetectorRef:
        """The trained detector as flows pass it on."""
        return DetectorRef(version=self.version, weights_key=self.weights_key, name=self.name)


def finetune(
    experiments: Experiments,
    store: Store,
    snapshot_id: str,
    base: DetectorRef,
    options: TrainOptions,
    *,
    tiling: TilingOptions,
    progress: Progress | None = None,
) -> TrainedRef:
    """Train a model further on the train split of a snapshot, or begin one where its base is nobody.

    A training that was done already, with the same snapshot, first weights and options, is not done again.

    Args:
        experiments: Where the run is kept.
        store: Where snapshot, items and weights are.
        snapshot_id: What to train on.
        base: Whose weights to start from. Its classes need not be those of the snapshot: the head is rebuilt. Where
            it is nobody, or cannot be trained, those that the options name, or random numbers.
        options: How to train.
        tiling: How the line cuts its images; the training pictures are cut the same way.
        progress: Called after each epoch.

    Returns:
        The trained model; its weights are in the store and with the run.

    Raises:
        NotEnoughData: Too few labels to train on, or to test on.
        BadWeights: The first weights cannot be used, or too little of them can be taken over.
        TrackingUnavailable: MLflow cannot be reached.
        TrainingFailed: Training itself failed; the run is marked as failed.
    """
    manifest = read_snapshot(store, snapshot_id)
    options = with_backbone(store, options, base)
    name = registry_name(manifest.collection)
    trainer = trainer_of(manifest.kind, manifest.medium, options.backbone)
    if trainer.begins_anew:
        refuse_base(options.base, manifest.kind)
        base = DetectorRef.nobody(name)
    if options.base and not is_trainable(base):
        base = keep_base(store, options.base, manifest.kind, manifest.classes)
    recipe = recipe_for(manifest.kind, base, manifest.medium, options.backbone)
    job = options.job(snapshot_id, base.version, tiling, str(recipe) if base.is_nobody else "")
    done = experiments.finished_run(name, {JOB: job})
    if done is not None and store.has(done.data.tags["labelline.weights_key"]):
        return _trained_ref(done, name)
    if not base.is_nobody:
        check_trainable(base)
    check_enough(manifest, options, recipe)
    begins = trainer.begin(store, base, manifest.classes)
    log.info("%d of %d tensors of %s %s are taken over", begins.taken_over, begins.tensors, trainer.name, base.version)
    origin = f"A new {trainer.name} trained" if base.is_nobody else f"Model {base.version} trained further"
    tags = {
        JOB: job,
        "labelline.snapshot": snapshot_id,
        "labelline.collection": manifest.collection,
        "labelline.base": base.version,
        "mlflow.note.content": f"{origin} on snapshot {snapshot_id[:12]} of {manifest.collection}. "
        "The metrics under `val` are of the pictures cut from the val split, epoch by epoch.",
    }
    with tempfile.TemporaryDirectory(prefix="labelline-train-") as scratch:
        chooses = chooses_epoch(manifest, options, recipe)
        work = _Work(
            store, trainer, TrainingJob(store, manifest, base, options, tiling, Path(scratch), begins, recipe, chooses)
        )
        round_ = experiments.count_runs(name, JOB) + 1
        with experiments.run(name, run_name(manifest.collection, f"round {round_}", utc_now()), tags) as run:
            run.log_dataset(manifest.collection, snapshot_id, manifest_key(snapshot_id), "training")
            run.set_tags({LEARNED: "train" if chooses else "train,val"})
            if not chooses and options.folds > 1:
                work = work.as_long_as_folds_say(run, progress)
            work.keep(run, *work.train(run, work.cut(run), progress))
    finished = experiments.finished_run(name, {JOB: job})
    assert finished is not None
    return _trained_ref(finished, name)


@dataclass(frozen=True, slots=True)
class _Work:
    """One training, in a scratch folder."""

    store: Store
    trainer: Trainer
    job: TrainingJob

    def as_long_as_folds_say(self, run: OpenRun, progress: Progress | None) -> "_Work":
        """Return the same training with as many epochs as are best on folds that are held out in turn.

        Raises:
            TrainingFailed: Training on a fold failed.
        """
        began = time.monotonic()

        def tell(fold: int, epoch: int, epochs: int, folds: int) -> None:
            if progress is not None:
                passed = (fold - 1) * epochs + epoch
                seconds = time.monotonic() - began
                left = seconds / passed * (epochs * (folds + 1) - passed)
                progress(EpochReport(passed, epochs * (folds + 1), seconds / passed, left, {}))

        with _quietly(), _failing(f"{self.trainer.name} {self.job.base.version} on folds"):
            curves = curves_of_folds(self.trainer, self.job, tell)
        if not curves:
            return self
        epochs = best_epoch(curves)
        for epoch, of_all in enumerate(zip(*curves, strict=False), 1):
            run.log_metrics({"folds/fitness": sum(of_all) / len(of_all)}, step=epoch)
        run.log_params({"folds_held_out": len(curves), "epochs_by_folds": epochs})
        log.info("%d folds: %d epochs are best in the mean; now on all of it", len(curves), epochs)
        options = self.job.options.model_copy(update={"epochs": epochs, "steps": None})
        return replace(self, job=replace(self.job, options=options))

    def cut(self, run: OpenRun) -> Cut:
        """Make the training pictures, and write down what they are."""
        cut, options, begins, recipe = self.trainer.cut(self.job), self.job.options, self.job.begins, self.job.recipe
        asked = options.model_dump(exclude={"export"}) | options.export.model_dump()
        asked |= {"epochs": recipe.epochs(options, cut.pictures), "base": self.job.base.version}
        asked |= {"lr0": recipe.learning_rate(options), "min_val_boxes": recipe.val_labels(options)}
        asked |= {"min_train_boxes": recipe.train_labels(options)}
        asked |= {"taken_over_tensors": begins.taken_over, "tensors": begins.tensors}
        run.log_params({**asked, **cut.facts, "classes": list_classes(self.job.manifest.classes)})
        run.log_metrics({"train/taken_over_share": begins.share}, step=0)
        run.log_text(json.dumps(self.job.manifest.classes, indent=0), CLASSES_FILE)
        return cut

    def train(self, run: OpenRun, cut: Cut, progress: Progress | None) -> tuple[Path, TrainingWatch]:
        """Train on the cut pictures, and return the best weights, or the last ones where nothing chooses.

        Raises:
            TrainingFailed: What went wrong in training, with its first reason.
        """
        job = self.job
        with _quietly(), _failing(f"{self.trainer.name} {job.base.version} on {cut.pictures} pictures"):
            watch = TrainingWatch(run, job.options.time_limit_s, progress)
            loop = self.trainer.loop(job, cut)
            watch.attach(loop)
            loop.train()
        if not loop.best.exists():
            raise TrainingFailed(
                f"training ended after {len(watch.reports)} epochs without weights: see the run {run.id}"
            )
        best: Path = loop.best
        return best, watch

    def keep(self, run: OpenRun, weights: Path, watch: TrainingWatch) -> None:
        """Keep weights and curves with the run and in the store, and see that they have really arrived."""
        version = version_of(weights)
        named = weights.with_name(f"{version}{weights.suffix}")
        shutil.copyfile(weights, named)
        run.log_file(named, WEIGHTS_FOLDER)
        curves = self.job.scratch / "curves.png"
        curves.write_bytes(curves_png(watch.reports))
        run.log_file(curves)
        if f"{WEIGHTS_FOLDER}/{named.name}" not in run.files(WEIGHTS_FOLDER):
            raise TrainingFailed(f"MLflow did not keep the weights {named.name} of run {run.id}: train again")
        key = f"{WEIGHTS_FOLDER}/{named.name}"
        self.store.put(key, named)
        tags = {"version": version, "weights_key": key, "epochs": str(len(watch.reports))}
        seconds = sum(report.seconds for report in watch.reports)
        run.set_tags({f"labelline.{name}": value for name, value in (tags | {"seconds": f"{seconds:.1f}"}).items()})


def _trained_ref(run: "Run", name: str) -> TrainedRef:
    tags = {key.removeprefix("labelline."): value for key, value in run.data.tags.items()}
    return TrainedRef(
        run_id=run.info.run_id,
        version=tags["version"],
        weights_key=tags["weights_key"],
        name=name,
        snapshot_id=tags["snapshot"],
        base_version=tags["base"],
        epochs=int(tags["epochs"]),
        seconds=float(tags["seconds"]),
    )


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """Say of what ultralytics raises which training failed.

    Raises:
        TrainingFailed: With its reason.
    """
    try:
        yield
    except (RuntimeError, ValueError, TypeError, IndexError, FileNotFoundError) as error:
        raise TrainingFailed(
            f"training {what} failed: {type(error).__name__}: {error}. "
            "Try a smaller batch, or the cpu as device; nothing was promoted."
        ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep ultralytics off the network, and its progress bars out of the logs."""
    quiet_ultralytics()
    from ultralytics.utils import LOGGER

    level = LOGGER.level
    LOGGER.setLevel(logging.WARNING)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
