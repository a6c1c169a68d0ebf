"""Which scorers there are. A new one is a file beside these and a line here."""

from blocks.errors import BadOption
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.scoring.boxes import BoxScoring
from tasks.detect.scoring.classes import ClassScoring
from tasks.detect.scoring.protocol import Scorer
from tasks.detect.scoring.spans import SpanScoring
from tasks.detect.scoring.texts import TextScoring
from tasks.kinds.protocol import LabelKind

_ALL: tuple[Scorer, ...] = (
    *(BoxScoring(), ClassScoring(), SpanScoring(), TextScoring()),
    *(ClassScoring("multilabel-classifier"), TextScoring("multilabel-text-classifier")),
)

SCORERS: dict[str, Scorer] = {each.name: each for each in _ALL}


def scorer_of(kind: LabelKind, weights: str = "") -> Scorer:
    """Return what scores by models of a kind of label.

    Args:
        kind: Of label.
        weights: Key of a model: classes are of pictures and of texts.

    Raises:
        BadOption: Nothing does.
    """
    name = proposer_of(kind.name, weights).name
    if name not in SCORERS:
        raise BadOption(f"models of {kind.name} cannot be asked from outside yet (those of {', '.join(SCORERS)} can)")
    return SCORERS[name]
