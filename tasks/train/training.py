"""Fine-tune a detector on a snapshot, inside an MLflow run that ends as what it was."""

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from blocks.errors import NotEnoughData, TrainingFailed
from blocks.experiments import LEARNED, Experiments, OpenRun
from blocks.stores import Store
from tasks.dataset.manifest import Manifest
from tasks.dataset.snapshots import manifest_key, read_snapshot
from tasks.dataset.yolo import TileExport, export_tiles, fold_in_val
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.detect.weights import quiet_ultralytics, version_of
from tasks.train.curves import curves_png
from tasks.train.options import TrainOptions
from tasks.train.registry import registry_name
from tasks.train.watch import Progress, Watch

if TYPE_CHECKING:
    from mlflow.entities import Run

log = logging.getLogger(__name__)

WEIGHTS_FOLDER = "weights"
"""Folder of a run, and of the object store, where weights are."""


class TrainedRef(BaseModel):
    """What a training made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    """Train a detector further on the train split of a snapshot.

    A training that was done already, with the same snapshot, first weights and options, is not done again.

    Args:
        experiments: Where the run is kept.
        store: Where snapshot, items and weights are.
        snapshot_id: What to train on.
        base: Whose weights to start from. Its classes need not be those of the snapshot: the head is rebuilt.
        options: How to train.
        tiling: How the line cuts its images; the training pictures are cut the same way.
        progress: Called after each epoch.

    Returns:
        The trained detector; its weights are in the store and with the run.

    Raises:
        NotEnoughData: Too few labels to train on, or none to test on.
        BadWeights: The first weights cannot be used.
        TrackingUnavailable: MLflow cannot be reached.
        TrainingFailed: Training itself failed; the run is marked as failed.
    """
    manifest = read_snapshot(store, snapshot_id)
    name = registry_name(manifest.collection)
    job = options.job(snapshot_id, base.version, tiling)
    done = experiments.finished_run(name, {"labelline.job": job})
    if done is not None and store.has(done.data.tags["labelline.weights_key"]):
        return _trained_ref(done, name)
    check_enough(manifest, options)
    tags = {
        "labelline.job": job,
        "labelline.snapshot": snapshot_id,
        "labelline.collection": manifest.collection,
        "labelline.base": base.version,
    }
    with tempfile.TemporaryDirectory(prefix="labelline-train-") as scratch:
        work = _Work(store, base, options, tiling, Path(scratch))
        with experiments.run(name, f"fine-tune {base.version}", tags) as run:
            run.log_dataset(manifest.collection, snapshot_id, manifest_key(snapshot_id), "training")
            chooses = chooses_epoch(manifest, options)
            run.set_tags({LEARNED: "train" if chooses else "train,val"})
            work.keep(run, *work.train(run, work.cut(run, manifest), chooses, progress))
    finished = experiments.finished_run(name, {"labelline.job": job})
    assert finished is not None
    return _trained_ref(finished, name)


def check_enough(manifest: Manifest, options: TrainOptions) -> None:
    """Refuse a snapshot that cannot train or test a detector, before hours are spent.

    Raises:
        NotEnoughData: With how many labels are missing, and where.
    """
    labels: Counter[str] = Counter()
    items: Counter[str] = Counter()
    for item in manifest.items():
        items[item.split] += 1
        labels[item.split] += len(item.labels)
    missing = options.min_train_boxes - labels["train"]
    if missing > 0:
        raise NotEnoughData(
            f"snapshot {manifest.id[:12]} of {manifest.collection!r} has {labels['train']} labels on {items['train']} "
            f"items to train on, and {options.min_train_boxes} are needed: settle {missing} more in sequences of the "
            "train split, or lower min_train_boxes."
        )
    if not labels["test"]:
        raise NotEnoughData(
            f"snapshot {manifest.id[:12]} of {manifest.collection!r} has {items['test']} items and no label to test "
            "on, so nobody could say whether a new detector is better: settle at least 1 label more in a sequence "
            "of the test split (a collection of one sequence has none: add images of another)."
        )


def chooses_epoch(manifest: Manifest, options: TrainOptions) -> bool:
    """Say whether the val split has enough labels to tell one epoch from another.

    The best of many epochs by a few boxes is the luckiest one, not the best.
    """
    return sum(len(item.labels) for item in manifest.items("val")) >= options.min_val_boxes


def training_pictures(
    store: Store, manifest: Manifest, folder: Path, tiling: TilingOptions, options: TrainOptions
) -> TileExport:
    """Cut what a training with these options sees; a val split too small to choose an epoch by is trained on."""
    export = export_tiles(store, manifest, folder, tiling, options.export)
    if chooses_epoch(manifest, options):
        return export
    boxes = export.counts["val"].boxes
    log.info("val has %d boxes, too few to choose an epoch by: the last one stands, trained on them too", boxes)
    return fold_in_val(export)


@dataclass(frozen=True, slots=True)
class _Work:
    """One training, in a scratch folder."""

    store: Store
    base: DetectorRef
    options: TrainOptions
    tiling: TilingOptions
    scratch: Path

    def cut(self, run: OpenRun, manifest: Manifest) -> TileExport:
        """Cut the training pictures, and write down what they are."""
        export = training_pictures(self.store, manifest, self.scratch / "tiles", self.tiling, self.options)
        options = self.options.model_dump(exclude={"export"}) | self.options.export.model_dump()
        cuts = self.tiling.model_dump(include={"tile_px", "overlap_share", "whole_image"})
        params = {**options, **cuts, "base": self.base.version, "classes": ", ".join(export.classes)}
        counts = {
            f"{split}_{name}": value for split, count in export.counts.items() for name, value in asdict(count).items()
        }
        run.log_params({**params, **counts})
        return export

    def train(
        self, run: OpenRun, export: TileExport, chooses_epoch: bool, progress: Progress | None
    ) -> tuple[Path, Watch]:
        """Train on the cut pictures, and return the best weights, or the last ones where nothing chooses.

        Raises:
            TrainingFailed: What went wrong in training, with its first reason.
        """
        with _quietly():
            from tasks.train.trainer import LineTraining, TrainingPictures, overrides_of

            watch = Watch(run, self.options.time_limit_s, progress)
            folder = export.data_yaml.parent / "images"
            pictures = TrainingPictures(folder / "train", folder / "val", export.classes)
            overrides = overrides_of(self.options, self.tiling.tile_px, self.scratch)
            try:
                weights = self.store.local_path(self.base.weights_key)
                trainer = LineTraining(weights, pictures, self.options.keep_norms, overrides, chooses_epoch)
                watch.attach(trainer)
                trainer.train()
            except (RuntimeError, ValueError, TypeError, IndexError, FileNotFoundError) as error:
                raise TrainingFailed(
                    f"training detector {self.base.version} on {export.counts['train'].pictures} pictures failed: "
                    f"{type(error).__name__}: {error}. Try a smaller batch, or the cpu as device; nothing was promoted."
                ) from error
        if not trainer.best.exists():
            raise TrainingFailed(
                f"training ended after {len(watch.reports)} epochs without weights: see the run {run.id}"
            )
        return trainer.best, watch

    def keep(self, run: OpenRun, weights: Path, watch: Watch) -> None:
        """Keep weights and curves with the run and in the store, and see that they have really arrived."""
        version = version_of(weights)
        named = weights.with_name(f"{version}.pt")
        shutil.copyfile(weights, named)
        run.log_file(named, WEIGHTS_FOLDER)
        curves = self.scratch / "curves.png"
        curves.write_bytes(curves_png(watch.reports))
        run.log_file(curves)
        if f"{WEIGHTS_FOLDER}/{named.name}" not in run.files(WEIGHTS_FOLDER):
            raise TrainingFailed(f"MLflow did not keep the weights {named.name} of run {run.id}: train again")
        key = f"{WEIGHTS_FOLDER}/{version}.pt"
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
