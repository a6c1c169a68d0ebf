"""Classifiers of whole items: trained on pictures made to fit a square, and measured by what they say of such.

Where there is no model yet, a small network begins with random numbers: nothing is looked up or downloaded.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2

from blocks.errors import BadInput, ObjectMissing
from blocks.storage.stores import Store
from tasks.dataset.manifest import ManifestItem
from tasks.detect.backends.safe_weights import Task
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.classifier import classify, fit_square, open_classifier
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import Unseen, stored_images
from tasks.intake.images import read_item
from tasks.train.fitting.beginnings import NOTHING, Beginning, begin_with
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.protocol import Cut, TrainingJob

log = logging.getLogger(__name__)

LARGEST_PX = 224
"""Side of the squares, unless the line's tiles are smaller: what most networks that classify are made for."""


class ClassifierTraining:
    """Ultralytics classifiers."""

    name = "classifier"
    task: Task = "classification"
    begins_anew = False
    further = Recipe(100, 8, 50, lr0=0.001, least_train=20, least_val=100)
    from_nothing = Recipe(600, 8, 300, lr0=0.005, least_train=20, least_val=100)

    def begin(self, store: Store, base: DetectorRef, classes: tuple[str, ...]) -> Beginning:
        """Open the first weights; see `begin_with`. Nobody brings nothing."""
        if base.is_nobody:
            return NOTHING
        return begin_with(store.local_path(base.weights_key), classes, self.task)

    def cut(self, job: TrainingJob) -> Cut:
        """Write each item as a square, in a folder of its class; an item that cannot be read is left out."""
        from tasks.train.fitting.trainer import class_folder

        folder, side_px = job.scratch / "squares", self.side_of(job)
        split_of = {"train": "train", "val": "val" if job.chooses_epoch else "train"}
        written: Counter[str] = Counter()
        for item in job.manifest.items():
            name, split = class_of(item), split_of.get(item.split)
            if name is None or split is None:
                continue
            place = folder / split / class_folder(job.manifest.classes.index(name))
            written[split] += write_square(job.store, item, place, side_px)
        train = folder / "train"
        val = folder / "val" if written["val"] else train  # a training wants to open one, also where none is measured
        facts = {"side_px": side_px, "train_items": written["train"], "val_items": written["val"]}
        return Cut(train, val, written["train"], facts)

    def side_of(self, job: TrainingJob) -> int:
        """Return the side of the squares in pixels."""
        return min(job.tiling.tile_px, LARGEST_PX)

    def loop(self, job: TrainingJob, cut: Cut) -> Any:
        """Return a classification training."""
        from tasks.train.fitting.trainer import ClassTraining, TrainingPictures, overrides_of

        pictures = TrainingPictures(cut.train, cut.val, job.manifest.classes)
        overrides = overrides_of(job.options, job.recipe, self.side_of(job), cut.pictures, job.scratch)
        weights = None if job.base.is_nobody else job.store.local_path(job.base.weights_key)
        return ClassTraining(weights, pictures, job.options.keep_norms, overrides, job.chooses_epoch)

    def predict(
        self,
        store: Store,
        items: Sequence[ManifestItem],
        ref: DetectorRef,
        classes: tuple[str, ...],
        tiling: TilingOptions,
    ) -> tuple[list[Any], tuple[str, ...]]:
        """Return for each item the likeliest of some classes; None where it cannot be read, or nobody looks at it."""
        nothing: list[str | None] = [None] * len(items)
        if ref.is_nobody:
            return nothing, classes
        network = open_classifier(store, ref)
        unknown = tuple(name for name in classes if name not in network.classes)
        if len(unknown) == len(classes):
            return nothing, unknown
        said = likeliest(network.classes, classes, classify(network, stored_images(store, items), tiling))
        return [said[item.id] for item in items], unknown

    def truth(self, item: ManifestItem, classes: Sequence[str]) -> Any:  # noqa: ARG002  (the protocol's signature)
        """Return the class of an item."""
        return class_of(item)

    def seen(self, tiling: TilingOptions) -> str:  # noqa: ARG002  (the protocol's signature)
        """Name the whole."""
        return "each as a whole"


def likeliest(
    known: Sequence[str], classes: Sequence[str], found: Iterable[tuple[str, tuple[Any, ...] | Unseen]]
) -> dict[str, str | None]:
    """Return by item the likeliest of some classes; None where it cannot be read.

    Args:
        known: Classes of the model, in its order.
        classes: Which may be said; the model knows one at least.
        found: By item what the model says, its chances of the known classes first.
    """
    places = [place for place, name in enumerate(known) if name in classes]
    said: dict[str, str | None] = {}
    for item_id, seen in found:
        if isinstance(seen, Unseen):
            log.warning("test item %s counts as missed: %s", item_id, seen.reason)
            said[item_id] = None
        else:
            chances = seen[0]
            said[item_id] = known[max(places, key=lambda place: chances[place])]
    return said


def class_of(item: ManifestItem) -> str | None:
    """Return the class of an item; None: it has none."""
    return item.labels[0].class_name if item.labels else None


def write_square(store: Store, item: ManifestItem, folder: Path, side_px: int) -> bool:
    """Write a picture as a square into a folder; return whether it could be read."""
    try:
        square = fit_square(read_item(store, item.key), side_px)
    except (BadInput, ObjectMissing) as error:
        log.warning("item %s is not trained on: %s", item.id, error)
        return False
    folder.mkdir(parents=True, exist_ok=True)
    return cv2.imwrite(str(folder / f"{item.id}.png"), square)
