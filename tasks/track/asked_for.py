"""How a person asks for propagation where a detector is asked for."""

from dataclasses import dataclass

PROPAGATE = "propagate"
"""What a person calls it, who wants the labels of key frames followed through the frames between."""


@dataclass(frozen=True, slots=True)
class PropagateAsked:
    """What is meant by `propagate`, or `propagate:WEIGHTS`.

    Attributes:
        detector: What proposes on the first key frames, and corrects the flow: a weights file, a version, or empty: the
            champion, where there is one.
    """

    detector: str


def propagate_asked(spec: str) -> PropagateAsked | None:
    """Return what is meant; None: the detector that is asked for is something else."""
    name, _, rest = spec.partition(":")
    return PropagateAsked(rest) if name == PROPAGATE else None
