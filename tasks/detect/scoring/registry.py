"""Which scorers there are. A new one is a file beside these and a line here."""

from blocks.errors import BadOption
from tasks.detect.scoring.boxes import BoxScoring
from tasks.detect.scoring.classes import ClassScoring
from tasks.detect.scoring.protocol import Scorer
from tasks.kinds.protocol import LabelKind

SCORERS: dict[str, Scorer] = {each.name: each for each in (BoxScoring(), ClassScoring())}


def scorer_of(kind: LabelKind) -> Scorer:
    """Return what scores by models of a kind of label.

    Raises:
        BadOption: Nothing does.
    """
    if kind.proposer not in SCORERS:
        raise BadOption(f"models of {kind.name} cannot be asked from outside yet (those of {', '.join(SCORERS)} can)")
    return SCORERS[kind.proposer]
