"""What a trainer is: it makes pictures to train on, a loop over them, and says what a model predicts for test items.

The run that keeps all of it, what is enough, and which model is better are the business of others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from blocks.storage.stores import Store
from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.detect.backends.safe_weights import Task
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.fitting.beginnings import Beginning
from tasks.train.fitting.recipes import Recipe
from tasks.train.options import TrainOptions


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One training.

    Attributes:
        store: Where items and weights are.
        manifest: What is trained on.
        base: Where it begins; nobody: from nothing.
        options: How it is trained.
        tiling: How the line looks at its items.
        scratch: A folder for the pictures and the loop.
        begins: What the first weights bring.
        recipe: What fills in for options that are left open.
        chooses_epoch: Whether the val split chooses one; else the last one stands, and val is trained on too.
    """

    store: Store
    manifest: Manifest
    base: DetectorRef
    options: TrainOptions
    tiling: TilingOptions
    scratch: Path
    begins: Beginning
    recipe: Recipe
    chooses_epoch: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """The pictures of a training.

    Attributes:
        train: Their folder.
        val: Of those that an epoch is measured on.
        pictures: How many are trained on.
        facts: What is worth keeping of them, by name.
    """

    train: Path
    val: Path
    pictures: int
    facts: Mapping[str, Any]


class Trainer(Protocol):
    """One way to train. An instance of each stands in `registry.py`, and nowhere else."""

    name: str
    """As kinds of labels call it."""

    task: Task
    """What its networks are for."""

    begins_anew: bool
    """Whether every training begins from nothing, whatever models there are already."""

    further: Recipe
    """Of a training that goes on from weights."""

    from_nothing: Recipe
    """Of one that begins with random numbers."""

    def begin(self, store: Store, base: DetectorRef, classes: tuple[str, ...]) -> Beginning:
        """Say what first weights bring to a network for some classes; nobody brings nothing.

        Raises:
            BadWeights: They cannot be opened, or too little of them fits.
        """
        ...

    def cut(self, job: TrainingJob) -> Cut:
        """Make the pictures that are trained on, in the job's folder."""
        ...

    def loop(self, job: TrainingJob, cut: Cut) -> Any:
        """Return ultralytics' training loop, or what is watched as one, ready to `train()`; `best` is its file."""
        ...

    def predict(
        self,
        store: Store,
        items: Sequence[ManifestItem],
        ref: DetectorRef,
        classes: tuple[str, ...],
        tiling: TilingOptions,
    ) -> tuple[list[Any], tuple[str, ...]]:
        """Look at items as the line does.

        Returns:
            For each item what the metrics of the kind take as predicted; and those of `classes` that the model does not
            know. Nobody predicts nothing.
        """
        ...

    def truth(self, item: ManifestItem, classes: Sequence[str]) -> Any:
        """Return of an item what the metrics of the kind take as truth."""
        ...

    def seen(self, tiling: TilingOptions) -> str:
        """Say how items are looked at, to stand behind "looked at"."""
        ...
