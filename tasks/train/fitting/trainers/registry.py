"""Which trainers there are. A new one is a file beside these and a line here."""

from blocks.errors import BadOption
from tasks.detect.refs import DetectorRef
from tasks.intake.texts.media import Medium
from tasks.kinds.registry import label_kind
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.backbone import BackboneTraining
from tasks.train.fitting.trainers.classifier import ClassifierTraining
from tasks.train.fitting.trainers.detector import DetectorTraining
from tasks.train.fitting.trainers.linear import LinearTraining
from tasks.train.fitting.trainers.multilabel import MultilabelTextTraining, MultilabelTraining
from tasks.train.fitting.trainers.protocol import Trainer
from tasks.train.fitting.trainers.segmenter import SegmenterTraining
from tasks.train.fitting.trainers.tagger import TaggerTraining
from tasks.train.fitting.trainers.texts import TextTraining

_ALL: tuple[Trainer, ...] = (
    *(DetectorTraining(), ClassifierTraining(), TaggerTraining(), TextTraining()),
    SegmenterTraining(),
    *(LinearTraining(), BackboneTraining()),
    *(MultilabelTraining(), MultilabelTextTraining()),
)

TRAINERS: dict[str, Trainer] = {each.name: each for each in _ALL}

OF_TEXTS = {"classifier": "text-classifier", "multilabel": "multilabel-texts"}
"""In whose place another trainer stands where items are texts."""


BY_BACKBONE = {"linear": "linear", "timm": "backbone", "named/timm": "backbone"}
"""Which trainer stands in a classifier's place, by how the option `backbone` begins."""


def trainer_of(kind: str, medium: Medium = "pictures", backbone: str = "") -> Trainer:
    """Return what trains models for labels of a kind.

    Args:
        kind: Of labels.
        medium: What the items are.
        backbone: What a person wants to be trained in place of the usual; see `TrainOptions`.

    Raises:
        BadOption: There is no such kind of label, or it has no use for a backbone.
    """
    name = label_kind(kind).trainer
    if not backbone:
        return TRAINERS[OF_TEXTS.get(name, name) if medium == "texts" else name]
    if name != "classifier" or medium == "texts":
        raise BadOption(f"`backbone` ({backbone!r}) is for classes of whole pictures, not for {kind} of {medium}")
    return next(TRAINERS[by] for start, by in BY_BACKBONE.items() if backbone.startswith(start))


def recipe_for(kind: str, base: DetectorRef, medium: Medium = "pictures", backbone: str = "") -> Recipe:
    """Return how models for labels of a kind are trained, beginning with a model or with nobody."""
    trainer = trainer_of(kind, medium, backbone)
    return trainer.from_nothing if base.is_nobody else trainer.further
