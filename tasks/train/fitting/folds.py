"""Folds instead of a val split: how long to train, tried on parts of a small set that are held out in turn.

A few hundred labels are worth more trained on than held out, and a val split of a few dozen chooses the luckiest epoch.
So the sequences of train and val are dealt into folds; for each, a training learns from the others and is measured on
it, epoch by epoch; the epoch that is best in the mean is how long the training on all of it lasts. Nothing of test is
touched.

Source:
    Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 36, 1974.
"""

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.train.fitting.trainers.protocol import Trainer, TrainingJob

log = logging.getLogger(__name__)

PATIENCE = 1000
"""A fold is not ended early: the mean needs every epoch of each."""


@dataclass(frozen=True, slots=True)
class FoldedManifest(Manifest):
    """A snapshot of which one fold is val and the rest of train and val is train; test is as it was."""

    held_out: frozenset[str] = frozenset()
    """Sequences."""

    def items(self, split: str | None = None) -> Iterator[ManifestItem]:
        """Yield items in the order of their ids; None: of all splits."""
        for item in Manifest.items(self):
            role = item.split
            if role in ("train", "val"):
                role = "val" if item.sequence in self.held_out else "train"
            if split is None or role == split:
                yield item if role == item.split else item.model_copy(update={"split": role})


def deal_sequences(manifest: Manifest, folds: int) -> list[frozenset[str]]:
    """Deal the sequences of train and val into folds of about as many labels; a sequence is never parted.

    Returns:
        At most `folds`, none empty; one or none where there are too few sequences to hold any out.
    """
    labels: Counter[str] = Counter()
    for item in manifest.items():
        if item.split in ("train", "val"):
            labels[item.sequence] += len(item.labels) + 1  # that it is there says something too
    dealt: list[set[str]] = [set() for _ in range(min(folds, len(labels)))]
    loads = [0] * len(dealt)
    for sequence, count in sorted(labels.items(), key=lambda one: (-one[1], one[0])):
        lightest = loads.index(min(loads))
        dealt[lightest].add(sequence)
        loads[lightest] += count
    return [frozenset(one) for one in dealt]


def best_epoch(curves: Sequence[Sequence[float]]) -> int:
    """Return the epoch, from 1, that is best in the mean of all folds; of several the first.

    Args:
        curves: Of each fold, by epoch, how good it was on what was held out. Epochs that not all have do not count.
    """
    common = min(len(curve) for curve in curves)
    return int(np.argmax(np.mean([curve[:common] for curve in curves], axis=0))) + 1


Ended = Callable[[int, int, int, int], None]
"""Called after each epoch with fold and epoch, from 1, and with how many epochs and folds there are."""


def curves_of_folds(trainer: Trainer, job: TrainingJob, ended: Ended) -> list[list[float]]:
    """Train once for each fold, and return how good each epoch was on what was held out.

    Args:
        trainer: How.
        job: The training on all; its options say how many folds.
        ended: Called after each epoch.

    Returns:
        A curve for each fold: ultralytics' fitness by epoch. Empty where there are too few sequences.
    """
    held_out = deal_sequences(job.manifest, job.options.folds)
    if len(held_out) < 2:
        log.info("%d sequence to train on: there is nothing to hold out, and the last epoch stands", len(held_out))
        return []
    limit = job.options.time_limit_s
    share = None if limit is None else limit / (len(held_out) + 1)
    options = job.options.model_copy(update={"patience": PATIENCE, "time_limit_s": share})
    curves = []
    for number, fold in enumerate(held_out, 1):
        scratch = job.scratch / f"fold-{number}"
        known = job.manifest
        manifest = FoldedManifest(known.id, known.collection, known.classes, known.path, known.kind, held_out=fold)
        mine = replace(job, manifest=manifest, options=options, scratch=scratch, chooses_epoch=True)
        loop = trainer.loop(mine, trainer.cut(mine))
        curve = _listen(loop, number, len(held_out), ended)
        loop.train()
        curves.append(curve)
        log.info("fold %d of %d: best at epoch %d of %d", number, len(held_out), best_epoch([curve]), len(curve))
        shutil.rmtree(scratch)
    return curves


def _listen(loop: Any, fold: int, folds: int, ended: Ended) -> list[float]:
    curve: list[float] = []

    def end_epoch(trainer: Any) -> None:
        curve.append(float(trainer.fitness or 0.0))
        ended(fold, trainer.epoch + 1, int(trainer.epochs), folds)

    loop.add_callback("on_fit_epoch_end", end_epoch)
    return curve
