"""Taggers of texts: a conditional random field, learnt anew from all labels each time, in seconds.

CRFsuite learns the weights; what is kept of them is JSON (see `tasks/detect/tagging/crf.py`). There is no epoch to
choose, so val is learnt from as well.
"""

import logging
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from blocks.errors import BadInput, ObjectMissing
from blocks.shapes import Span
from blocks.storage.stores import Store
from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.detect.backends.safe_weights import Task
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.tagger import warm_tagger
from tasks.detect.refs import DetectorRef
from tasks.detect.tagging.crf import SUFFIX, TaggerWeights
from tasks.detect.tagging.features import features_of
from tasks.detect.tagging.tokens import tags_of, tokens_of
from tasks.intake.texts.text_items import read_text
from tasks.kinds.spans.scoring import ClassedSpan
from tasks.train.fitting.beginnings import NOTHING, Beginning
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.protocol import Cut, TrainingJob

log = logging.getLogger(__name__)

L1, L2 = 0.05, 0.01
"""Weights of the two norms: most features fall to 0, and the file is small."""

ROUNDS = 100
"""Of L-BFGS; it ends earlier where nothing improves."""

NO_EPOCH_TO_CHOOSE = 1_000_000_000

Tagged = tuple[list[list[str]], list[str]]
"""The features of the tokens of a text, and their tags."""


class TaggerTraining:
    """Conditional random fields."""

    name = "tagger"
    task: Task = "detection"  # none of ultralytics' networks: never asked for, since no training begins with weights
    begins_anew = True
    further = from_nothing = Recipe(0, ROUNDS, ROUNDS, lr0=0.0, least_train=20, least_val=NO_EPOCH_TO_CHOOSE)

    def begin(self, store: Store, base: DetectorRef, classes: tuple[str, ...]) -> Beginning:  # noqa: ARG002  (protocol)
        """Return that nothing is brought."""
        return NOTHING

    def cut(self, job: TrainingJob) -> Cut:
        """Count what is learnt from: nothing has to be cut."""
        splits = ("train", "val")
        texts = [item for split in splits for item in job.manifest.items(split)]
        facts = {"train_items": len(texts), "train_spans": sum(len(item.labels) for item in texts)}
        return Cut(job.scratch, job.scratch, len(texts), facts)

    def loop(self, job: TrainingJob, cut: Cut) -> "TaggerLoop":
        """Return a training over all texts of train and val."""
        rounds = job.recipe.epochs(job.options, cut.pictures)
        return TaggerLoop(tagged_texts(job.store, job.manifest), job.manifest.classes, rounds, job.scratch)

    def predict(
        self,
        store: Store,
        items: Sequence[ManifestItem],
        ref: DetectorRef,
        classes: tuple[str, ...],
        tiling: TilingOptions,  # noqa: ARG002  (the protocol's signature)
    ) -> tuple[list[list[ClassedSpan]], tuple[str, ...]]:
        """Return for each text the likeliest spans of some classes; none where it cannot be read."""
        if ref.is_nobody:
            return [[] for _ in items], classes
        tagger = warm_tagger(store, ref)
        said = []
        for item in items:
            try:
                found = tagger.find(read_text(store, item.key))
            except (BadInput, ObjectMissing) as error:
                log.warning("test item %s counts as missed: %s", item.id, error)
                found = []
            said.append([one.span for one in found if one.span.class_name in classes])
        return said, tuple(name for name in classes if name not in tagger.classes)

    def truth(self, item: ManifestItem, classes: Sequence[str]) -> list[ClassedSpan]:  # noqa: ARG002  (protocol)
        """Return the spans of a text."""
        return spans_in(item)

    def seen(self, tiling: TilingOptions) -> str:  # noqa: ARG002  (the protocol's signature)
        """Name the words."""
        return "word by word"


class TaggerLoop:
    """One training, as `TrainingWatch` listens to it: a round of L-BFGS is an epoch."""

    def __init__(self, texts: Iterable[Tagged], classes: tuple[str, ...], rounds: int, folder: Path) -> None:
        self.best = folder / f"best{SUFFIX}"
        self.epoch, self.epochs, self.stop = 0, rounds, False
        self.tloss: float | None = None
        self.metrics: dict[str, float] = {}
        self._texts, self._classes = texts, classes
        self._listeners: defaultdict[str, list[Callable[[Any], None]]] = defaultdict(list)

    def add_callback(self, event: str, listener: Callable[[Any], None]) -> None:
        """Tell somebody of `on_train_start` and `on_fit_epoch_end`; there are no steps within a round."""
        self._listeners[event].append(listener)

    def label_loss_items(self, loss: float, prefix: str) -> dict[str, float]:
        """Name the loss, which is the negative log likelihood with its norms."""
        return {f"{prefix}/loss": loss}

    def train(self) -> None:
        """Learn, and write the weights."""
        self._tell("on_train_start")
        weights = train_tagger(self._texts, self._classes, self.epochs, self._end_round)
        weights.save(self.best)

    def _end_round(self, number: int, loss: float) -> None:
        self.epoch, self.tloss, self.stop = number - 1, loss, number >= self.epochs
        self._tell("on_fit_epoch_end")

    def _tell(self, event: str) -> None:
        for listener in self._listeners[event]:
            listener(self)


def tagged_texts(store: Store, manifest: Manifest) -> Iterator[Tagged]:
    """Yield the texts of train and val as features and tags; one that cannot be read is left out, and said."""
    lost = 0
    for split in ("train", "val"):
        for item in manifest.items(split):
            try:
                tokens = tokens_of(read_text(store, item.key))
            except (BadInput, ObjectMissing) as error:
                log.warning("item %s is not trained on: %s", item.id, error)
                continue
            tags, overlapping = tags_of(tokens, spans_in(item))
            lost += len(overlapping)
            yield features_of(tokens), tags
    if lost:
        log.info("%d spans share characters with a longer one: a tagger learns the longest of them", lost)


def spans_in(item: ManifestItem) -> list[ClassedSpan]:
    """Return the spans of a text of a snapshot."""
    shapes = ((label.shape, label.class_name) for label in item.labels)
    return [ClassedSpan(shape.start, shape.end, name) for shape, name in shapes if isinstance(shape, Span)]


def train_tagger(
    texts: Iterable[Tagged], classes: tuple[str, ...], rounds: int, ended: Callable[[int, float], None] | None = None
) -> TaggerWeights:
    """Learn the weights of a tagger.

    Args:
        texts: What is learnt from; at least one has a span.
        classes: All that the tagger shall know.
        rounds: Of L-BFGS, at most.
        ended: Called after each round, with its number from 1 and the loss.
    """
    import pycrfsuite

    class Trainer(pycrfsuite.Trainer):  # type: ignore[misc]  # it has no types
        def on_iteration(self, log: Any, info: dict[str, Any]) -> None:  # noqa: ARG002  (its signature)
            if ended is not None:
                ended(int(info["num"]), float(info["loss"]))

        def _say_nothing(self, *_said: object) -> None:
            """Print nothing of all else: without `verbose` it would not tell of rounds either."""

        on_start = on_featgen_progress = on_featgen_end = on_prepared = on_prepare_error = _say_nothing
        on_optimization_end = on_end = _say_nothing

    trainer = Trainer(algorithm="lbfgs", verbose=True)
    trainer.set_params({"c1": L1, "c2": L2, "max_iterations": rounds, "feature.possible_transitions": True})
    # CRFsuite lists weights as lines of text, which names of people's classes and letters of any script could break.
    features, tags = _Numbers(), _Numbers()
    for seen, said in texts:
        if seen:
            trainer.append([[features.of(name) for name in names] for names in seen], [tags.of(tag) for tag in said])
    with tempfile.TemporaryDirectory(prefix="labelline-tagger-") as folder:
        path = str(Path(folder) / "model")
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        tagger.open(path)
        info = tagger.info()
    return TaggerWeights(
        classes=classes,
        transitions=_by_name(info.transitions, tags, tags),
        states=_by_name(info.state_features, features, tags),
    )


class _Numbers:
    """Numbers that stand for names, in the order in which they came."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def of(self, name: str) -> str:
        return self.names.setdefault(name, str(len(self.names)))

    def listed(self) -> list[str]:
        return list(self.names)


def _by_name(weights: dict[tuple[str, str], float], one: _Numbers, other: _Numbers) -> dict[str, dict[str, float]]:
    first, second = one.listed(), other.listed()
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (here, there), weight in weights.items():
        found[first[int(here)]][second[int(there)]] = float(weight)
    return {name: dict(sorted(row.items())) for name, row in sorted(found.items())}
