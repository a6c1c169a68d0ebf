"""Classifiers of texts: learnt from the train split in one go, and measured by what they say of the test texts.

Nothing goes on from an earlier model: what a text classifier knows follows from its labels, all at once.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blocks.errors import BadInput, TrainingFailed
from blocks.storage.stores import Store
from tasks.dataset.manifest import ManifestItem
from tasks.detect.backends.safe_weights import Task
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.text_classifier import classify_texts, open_text_model, stored_texts
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import Unseen
from tasks.suggest.text_model import ENDING, TextModel
from tasks.train.fitting.beginnings import NOTHING, Beginning
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.classifier import class_of, likeliest
from tasks.train.fitting.trainers.protocol import Cut, TrainingJob

log = logging.getLogger(__name__)


class TextTraining:
    """Linear discriminants over TF-IDF of pieces of words."""

    name = "text-classifier"
    task: Task = "classification"
    begins_anew = True
    file_name = f"model{ENDING}"
    further = from_nothing = Recipe(1, 1, 1, lr0=0.001, least_train=20, least_val=100)

    def begin(self, store: Store, base: DetectorRef, classes: tuple[str, ...]) -> Beginning:  # noqa: ARG002  (protocol)
        """Return what an earlier model brings: nothing."""
        return NOTHING

    def cut(self, job: TrainingJob) -> Cut:
        """Write texts with their classes as JSON lines; one that cannot be read is left out."""
        val = "val" if job.chooses_epoch else "train"
        places = {split: job.scratch / f"{split}.jsonl" for split in ("train", "val")}
        written = dict.fromkeys(places, 0)
        files = {split: path.open("w") for split, path in places.items()}
        for split, of in (("train", "train"), ("val", val)):
            labelled = {item.id: item for item in job.manifest.items(split) if self.said_of(item) is not None}
            for item_id, text in stored_texts(job.store, list(labelled.values())):
                if isinstance(text, Unseen):
                    log.warning("item %s is not trained on: %s", item_id, text.reason)
                    continue
                files[of].write(json.dumps([item_id, text, self.said_of(labelled[item_id])]) + "\n")
                written[of] += 1
        for file in files.values():
            file.close()
        facts = {"train_items": written["train"], "val_items": written["val"]}
        return Cut(places["train"], places["val"], written["train"], facts)

    def said_of(self, item: ManifestItem) -> str | None:
        """Return what an item teaches; None: nothing."""
        return class_of(item)

    def loop(self, job: TrainingJob, cut: Cut) -> "TextLoop":
        """Return the training."""
        return TextLoop(cut.train, cut.val, job.scratch / self.file_name, measures=job.chooses_epoch)

    def predict(
        self,
        store: Store,
        items: Sequence[ManifestItem],
        ref: DetectorRef,
        classes: tuple[str, ...],
        tiling: TilingOptions,  # noqa: ARG002  (the protocol's signature)
    ) -> tuple[list[Any], tuple[str, ...]]:
        """Return for each text the likeliest of some classes; None where it cannot be read, or nobody looks at it."""
        nothing: list[str | None] = [None] * len(items)
        if ref.is_nobody:
            return nothing, classes
        model = open_text_model(store, ref)
        unknown = tuple(name for name in classes if name not in model.classes)
        if len(unknown) == len(classes):
            return nothing, unknown
        said = likeliest(model.classes, classes, classify_texts(store, model, items))
        return [said[item.id] for item in items], unknown

    def truth(self, item: ManifestItem, classes: Sequence[str]) -> Any:  # noqa: ARG002  (the protocol's signature)
        """Return the class of an item."""
        return class_of(item)

    def seen(self, tiling: TilingOptions) -> str:  # noqa: ARG002  (the protocol's signature)
        """Name the whole."""
        return "each as a whole"


class TextLoop:
    """One training, in the form in which a watch listens to it: of a single epoch.

    Attributes:
        best: Where the model is written.
        fitness: Accuracy on the val texts; 0 where none are measured.
    """

    several = False

    def __init__(self, train: Path, val: Path, best: Path, *, measures: bool) -> None:
        self.best = best
        self.epoch, self.epochs, self.stop = 0, 1, True
        self.tloss = None
        self.metrics: Mapping[str, float] = {}
        self.fitness = 0.0
        self._train, self._val, self._measures = train, val, measures
        self._listeners: dict[str, list[Callable[[Any], None]]] = defaultdict(list)

    def add_callback(self, event: str, listener: Callable[[Any], None]) -> None:
        """Let somebody listen."""
        self._listeners[event].append(listener)

    def train(self) -> None:
        """Learn, measure, and write the model.

        Raises:
            TrainingFailed: The texts teach nothing.
        """
        self._tell("on_train_start")
        texts, classes = _read(self._train)
        try:
            model = TextModel.of(texts, classes, several=self.several)
        except BadInput as error:
            raise TrainingFailed(f"{len(texts)} texts teach nothing: {error}") from error
        if self._measures:
            texts, classes = _read(self._val)
            self.fitness = self.fitness_of(model, list(texts.values()), list(classes.values()))
            self.metrics = {"metrics/accuracy_top1": self.fitness}
        self.best.write_bytes(model.to_bytes())
        self._tell("on_fit_epoch_end")

    def fitness_of(self, model: TextModel, texts: Sequence[str], classes: Sequence[str]) -> float:
        """Return the share of texts whose class is told right."""
        chances, _ = model.say(texts)
        said = [model.classes[place] for place in chances.argmax(axis=1)]
        right = [bool(name == true) for name, true in zip(said, classes, strict=True)]
        return float(sum(right)) / max(1, len(said))

    def _tell(self, event: str) -> None:
        for listener in self._listeners[event]:
            listener(self)


def _read(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    with path.open() as lines:
        rows = [json.loads(line) for line in lines]
    return {item_id: text for item_id, text, _ in rows}, {item_id: name for item_id, _, name in rows}
