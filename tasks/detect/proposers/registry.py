"""Which proposers there are. A new one is a file beside these and a line here."""

from tasks.detect.proposers.classifier import ClassProposer
from tasks.detect.proposers.protocol import Proposer
from tasks.detect.proposers.tagger import TagProposer
from tasks.detect.proposers.tiles import TileProposer
from tasks.kinds.registry import label_kind

PROPOSERS: dict[str, Proposer] = {each.name: each for each in (TileProposer(), ClassProposer(), TagProposer())}


def proposer_of(kind: str) -> Proposer:
    """Return what makes proposals for labels of a kind.

    Raises:
        BadOption: There is no such kind of label.
    """
    return PROPOSERS[label_kind(kind).proposer]
