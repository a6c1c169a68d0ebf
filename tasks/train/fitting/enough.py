"""Whether a snapshot holds enough to train on, to test on, and to choose an epoch by: before hours are spent."""

import logging
from collections import Counter

from blocks.errors import NotEnoughData
from tasks.dataset.manifest import Manifest
from tasks.train.fitting.recipes import Recipe
from tasks.train.options import TrainOptions

log = logging.getLogger(__name__)


def check_enough(manifest: Manifest, options: TrainOptions, recipe: Recipe) -> None:
    """Refuse a snapshot that cannot train or test a model, before hours are spent.

    Args:
        manifest: The snapshot.
        options: How it shall be trained on.
        recipe: What fills in for options that are left open.

    Raises:
        NotEnoughData: With how many labels are missing, and where.
    """
    labels: Counter[str] = Counter()
    items: Counter[str] = Counter()
    taught: set[str] = set()
    for item in manifest.items():
        items[item.split] += 1
        labels[item.split] += len(item.labels)
        if item.split == "train":
            taught |= {label.class_name for label in item.labels}
    needed = recipe.train_labels(options)
    missing = needed - labels["train"]
    if missing > 0:
        raise NotEnoughData(
            f"snapshot {manifest.id[:12]} of {manifest.collection!r} has {labels['train']} labels on {items['train']} "
            f"items to train on, and {needed} are needed: settle {missing} more in sequences of the "
            "train split, or lower min_train_boxes."
        )
    missing = options.min_test_boxes - labels["test"]
    if missing > 0:
        found = f"{labels['test']} labels" if labels["test"] else "no label"
        raise NotEnoughData(
            f"snapshot {manifest.id[:12]} of {manifest.collection!r} has {items['test']} items and {found} to test "
            f"on, and {options.min_test_boxes} are needed to say whether a new detector is better: settle {missing} "
            "more in sequences of the test split (a collection of one sequence has none: add images of another), or "
            "lower min_test_boxes."
        )
    unseen = sorted(set(manifest.classes) - taught)
    if unseen:
        log.warning("no label to train on of %s: the new detector will not find it", ", ".join(unseen[:20]))


def chooses_epoch(manifest: Manifest, options: TrainOptions, recipe: Recipe) -> bool:
    """Say whether the val split has enough labels to tell one epoch from another."""
    return sum(len(item.labels) for item in manifest.items("val")) >= recipe.val_labels(options)
