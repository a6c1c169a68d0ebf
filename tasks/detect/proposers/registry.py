"""Which proposers there are. A new one is a file beside these and a line here."""

from pathlib import PurePosixPath

from tasks.detect.proposers.classifier import ClassProposer
from tasks.detect.proposers.protocol import Proposer
from tasks.detect.proposers.segments import MASK_SEGMENTS, POLYGON_SEGMENTS
from tasks.detect.proposers.tagger import TagProposer
from tasks.detect.proposers.text_classifier import TextProposer
from tasks.detect.proposers.tiles import TileProposer
from tasks.kinds.registry import label_kind
from tasks.suggest.text_model import ENDING

_ALL: tuple[Proposer, ...] = (
    *(TileProposer(), ClassProposer(), TagProposer(), TextProposer(), POLYGON_SEGMENTS, MASK_SEGMENTS),
    ClassProposer("multilabel-classifier", several=True),
    TextProposer("multilabel-text-classifier", several=True),
)

PROPOSERS: dict[str, Proposer] = {each.name: each for each in _ALL}

BY_ENDING = {
    ("classifier", ENDING): "text-classifier",
    ("multilabel-classifier", ENDING): "multilabel-text-classifier",
}
"""Whose files another proposer opens than that of their labels' kind: classes are of pictures and of texts."""


def proposer_of(kind: str, weights: str = "") -> Proposer:
    """Return what makes proposals for labels of a kind.

    Args:
        kind: Of labels.
        weights: The name of a model's file, or its key.

    Raises:
        BadOption: There is no such kind of label.
    """
    name = label_kind(kind).proposer
    return PROPOSERS[BY_ENDING.get((name, PurePosixPath(weights).suffix), name)]
