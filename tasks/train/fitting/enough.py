"""Whether a snapshot holds enough to train on, to test on, and to choose an epoch by: before hours are spent."""

import logging
import math
from collections import Counter
from collections.abc import Mapping

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
    refuse_too_few(f"snapshot {manifest.id[:12]} of {manifest.collection!r}", items, labels, options, recipe)
    unseen = sorted(set(manifest.classes) - taught)
    if unseen:
        log.warning("no label to train on of %s: the new detector will not find it", ", ".join(unseen[:20]))


def refuse_too_few(
    of: str, items: Mapping[str, int], labels: Mapping[str, int], options: TrainOptions, recipe: Recipe
) -> None:
    """Refuse labels that are too few to train or to test a model.

    Args:
        of: Whose they are, in words.
        items: Settled ones by split.
        labels: In force on them, by split.
        options: How they shall be trained on.
        recipe: What fills in for options that are left open.

    Raises:
        NotEnoughData: With how many labels are missing, and where.
    """
    needed = recipe.train_labels(options)
    missing = needed - labels.get("train", 0)
    if missing > 0:
        raise NotEnoughData(
            f"{of} has {labels.get('train', 0)} labels on {items.get('train', 0)} items to train on, and {needed} are "
            f"needed: settle {_more(missing, items, labels, 'train')} in sequences of the train split, or lower "
            "min_train_boxes."
        )
    missing = options.min_test_boxes - labels.get("test", 0)
    if missing > 0:
        found = f"{labels['test']} labels" if labels.get("test") else "no label"
        raise NotEnoughData(
            f"{of} has {items.get('test', 0)} items and {found} to test on, and {options.min_test_boxes} are needed to "
            f"say whether a new detector is better: settle {_more(missing, items, labels, 'test')} in sequences of the "
            "test split, or lower min_test_boxes. A collection of one sequence has none: add images of another. If no "
            "two of its pictures belong together, export it, delete it, and import the export with --sequences '(.+)'."
        )


def _more(missing: int, items: Mapping[str, int], labels: Mapping[str, int], split: str) -> str:
    """Say how many labels are missing, and on how many items like the settled ones they may be."""
    if not labels.get(split):
        return f"{missing} more"
    pictures = math.ceil(missing * items[split] / labels[split])
    return f"{missing} more (on about {pictures} more items, as they are so far)"


def chooses_epoch(manifest: Manifest, options: TrainOptions, recipe: Recipe) -> bool:
    """Say whether the val split has enough labels to tell one epoch from another."""
    return sum(len(item.labels) for item in manifest.items("val")) >= recipe.val_labels(options)
