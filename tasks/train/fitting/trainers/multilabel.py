"""Models that judge each class of an item on its own, of pictures and of texts: learnt in one go, from all labels.

Of pictures it is a linear head on the vectors of the embedder that comes with the installation, of texts one on TF-IDF.
An item in which none of the classes was found counts as well: it is what each of them is not.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from blocks.storage.stores import Store
from tasks.dataset.manifest import ManifestItem
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.class_models.linear_head import LINEAR, LinearHead
from tasks.detect.proposers.classifier import classify, open_classifier
from tasks.detect.proposers.text_classifier import classify_texts, open_text_model
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import Unseen, stored_images
from tasks.kinds.multilabel.kind import MULTILABEL
from tasks.suggest.class_sets import joined, parted
from tasks.suggest.embedders.registry import DEFAULT
from tasks.suggest.taught import Taught
from tasks.suggest.text_model import TextModel
from tasks.train.fitting.trainers.classifier import log, write_square
from tasks.train.fitting.trainers.linear import AT_ONCE, LinearLoop, LinearTraining, read_square
from tasks.train.fitting.trainers.protocol import Cut, TrainingJob
from tasks.train.fitting.trainers.texts import TextLoop, TextTraining

GIVEN_FROM = 0.5
"""From this chance on a model gives an item a class: more likely there than not."""

CLASSES_FILE = "classes.json"

Sets = list[tuple[str, ...] | None]


class MultilabelTraining(LinearTraining):
    """Linear heads on the default embedder's vectors, for pictures."""

    name = "multilabel"

    def cut(self, job: TrainingJob) -> Cut:
        """Write each item as a square, and its classes beside them; an item that cannot be read is left out."""
        folder, side_px = job.scratch / "squares", self.side_of(job)
        split_of = {"train": "train", "val": "val" if job.chooses_epoch else "train"}
        classes: dict[str, dict[str, list[str]]] = {"train": {}, "val": {}}
        written: Counter[str] = Counter()
        for item in job.manifest.items():
            split = split_of.get(item.split)
            if split is not None and write_square(job.store, item, folder / split, side_px):
                classes[split][item.id] = [label.class_name for label in item.labels]
                written[split] += 1
        for split, said in classes.items():
            (folder / split).mkdir(parents=True, exist_ok=True)
            (folder / split / CLASSES_FILE).write_text(json.dumps(said))
        facts = {"side_px": side_px, "train_items": written["train"], "val_items": written["val"]}
        return Cut(folder / "train", folder / "val", written["train"], facts)

    def loop(self, job: TrainingJob, cut: Cut) -> "MultilabelLoop":
        """Return the training."""
        return MultilabelLoop(cut, job.manifest.classes, job.scratch / f"head{LINEAR}", measures=job.chooses_epoch)

    def predict(
        self,
        store: Store,
        items: Sequence[ManifestItem],
        ref: DetectorRef,
        classes: tuple[str, ...],
        tiling: TilingOptions,
    ) -> tuple[Sets, tuple[str, ...]]:
        """Return for each item the classes that it is given; None where it cannot be read, or nobody looks at it."""
        if ref.is_nobody:
            return [None] * len(items), classes
        network = open_classifier(store, ref)
        return _given(items, network.classes, classes, classify(network, stored_images(store, items), tiling))

    def truth(self, item: ManifestItem, classes: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the classes of an item."""
        return tuple(label.class_name for label in item.labels)


class MultilabelTextTraining(TextTraining):
    """Linear discriminants over TF-IDF of pieces of words, for texts."""

    name = "multilabel-texts"

    def said_of(self, item: ManifestItem) -> str | None:
        """Return the classes of an item, joined."""
        return joined(label.class_name for label in item.labels)

    def loop(self, job: TrainingJob, cut: Cut) -> "MultilabelTextLoop":
        """Return the training."""
        best = job.scratch / self.file_name
        return MultilabelTextLoop(cut.train, cut.val, best, measures=job.chooses_epoch)

    def predict(
        self,
        store: Store,
        items: Sequence[ManifestItem],
        ref: DetectorRef,
        classes: tuple[str, ...],
        tiling: TilingOptions,  # noqa: ARG002  (the protocol's signature)
    ) -> tuple[Sets, tuple[str, ...]]:
        """Return for each text the classes that it is given; None where it cannot be read, or nobody looks at it."""
        if ref.is_nobody:
            return [None] * len(items), classes
        model = open_text_model(store, ref)
        return _given(items, model.classes, classes, classify_texts(store, model, items))

    def truth(self, item: ManifestItem, classes: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the classes of an item."""
        return tuple(label.class_name for label in item.labels)


class MultilabelLoop(LinearLoop):
    """One training on pictures, of a single epoch; its fitness is the micro F1 on the val pictures."""

    several = True

    def read(self, folder: Path) -> list[tuple[Path, str]]:
        """Return the pictures that were cut into a folder, each with its classes as the learner reads them."""
        return [(path, joined(names)) for path, names in _read_sets(folder)]

    def fitness_of(self, taught: Taught) -> float:
        """Return the micro F1."""
        head, said = LinearHead(DEFAULT, taught.suggester()), list[tuple[str, ...]]()
        pictures = _read_sets(self._cut.val)
        for at in range(0, len(pictures), AT_ONCE):
            chances, _ = head.say([read_square(path) for path, _ in pictures[at : at + AT_ONCE]])
            said += [given(head.classes, row, self._classes) for row in chances]
        return MULTILABEL.metrics(said, [names for _, names in pictures], self._classes).value if pictures else 0.0


class MultilabelTextLoop(TextLoop):
    """One training on texts, of a single epoch; its fitness is the micro F1 on the val texts."""

    several = True

    def fitness_of(self, model: TextModel, texts: Sequence[str], classes: Sequence[str]) -> float:
        """Return the micro F1."""
        chances, _ = model.say(texts)
        said = [given(model.classes, row, model.classes) for row in chances]
        truth = [parted(names) for names in classes]
        known = sorted({*model.classes, *(name for names in truth for name in names)})
        return MULTILABEL.metrics(said, truth, known).value if truth else 0.0


def given(known: Sequence[str], chances: Iterable[Any], classes: Sequence[str]) -> tuple[str, ...]:
    """Return which of some classes a model gives an item.

    Args:
        known: Classes of the model, in its order.
        chances: Of each.
        classes: Which may be given.
    """
    return tuple(
        name for name, chance in zip(known, chances, strict=True) if name in classes and float(chance) >= GIVEN_FROM
    )


def _given(
    items: Sequence[ManifestItem],
    known: Sequence[str],
    classes: tuple[str, ...],
    found: Iterable[tuple[str, tuple[Any, ...] | Unseen]],
) -> tuple[Sets, tuple[str, ...]]:
    said: dict[str, tuple[str, ...] | None] = {}
    for item_id, seen in found:
        if isinstance(seen, Unseen):
            log.warning("test item %s counts as missed: %s", item_id, seen.reason)
        said[item_id] = None if isinstance(seen, Unseen) else given(known, seen[0], classes)
    return [said[item.id] for item in items], tuple(name for name in classes if name not in known)


def _read_sets(folder: Path) -> list[tuple[Path, tuple[str, ...]]]:
    said = json.loads((folder / CLASSES_FILE).read_text())
    return [(folder / f"{item_id}.png", tuple(said[item_id])) for item_id in sorted(said)]
