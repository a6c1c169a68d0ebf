"""Which trainers there are. A new one is a file beside these and a line here."""

from tasks.detect.refs import DetectorRef
from tasks.kinds.registry import label_kind
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.classifier import ClassifierTraining
from tasks.train.fitting.trainers.detector import DetectorTraining
from tasks.train.fitting.trainers.protocol import Trainer
from tasks.train.fitting.trainers.tagger import TaggerTraining

_ALL: tuple[Trainer, ...] = (DetectorTraining(), ClassifierTraining(), TaggerTraining())

TRAINERS: dict[str, Trainer] = {each.name: each for each in _ALL}


def trainer_of(kind: str) -> Trainer:
    """Return what trains models for labels of a kind.

    Raises:
        BadOption: There is no such kind of label.
    """
    return TRAINERS[label_kind(kind).trainer]


def recipe_for(kind: str, base: DetectorRef) -> Recipe:
    """Return how models for labels of a kind are trained, beginning with a model or with nobody."""
    trainer = trainer_of(kind)
    return trainer.from_nothing if base.is_nobody else trainer.further
