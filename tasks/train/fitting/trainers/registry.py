"""Which trainers there are. A new one is a file beside these and a line here."""

from tasks.detect.refs import DetectorRef
from tasks.intake.texts.media import Medium
from tasks.kinds.registry import label_kind
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.classifier import ClassifierTraining
from tasks.train.fitting.trainers.detector import DetectorTraining
from tasks.train.fitting.trainers.protocol import Trainer
from tasks.train.fitting.trainers.segmenter import SegmenterTraining
from tasks.train.fitting.trainers.tagger import TaggerTraining
from tasks.train.fitting.trainers.texts import TextTraining

_ALL: tuple[Trainer, ...] = (
    *(DetectorTraining(), ClassifierTraining(), TaggerTraining(), TextTraining()),
    SegmenterTraining(),
)

TRAINERS: dict[str, Trainer] = {each.name: each for each in _ALL}

OF_TEXTS = {"classifier": "text-classifier"}
"""In whose place another trainer stands where items are texts."""


def trainer_of(kind: str, medium: Medium = "pictures") -> Trainer:
    """Return what trains models for labels of a kind.

    Args:
        kind: Of labels.
        medium: What the items are.

    Raises:
        BadOption: There is no such kind of label.
    """
    name = label_kind(kind).trainer
    return TRAINERS[OF_TEXTS.get(name, name) if medium == "texts" else name]


def recipe_for(kind: str, base: DetectorRef, medium: Medium = "pictures") -> Recipe:
    """Return how models for labels of a kind are trained, beginning with a model or with nobody."""
    trainer = trainer_of(kind, medium)
    return trainer.from_nothing if base.is_nobody else trainer.further
