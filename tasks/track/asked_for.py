"""How a person asks for propagation, or for a tracker, where a detector is asked for."""

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

    def __str__(self) -> str:
        """Say it as it is typed."""
        return ":".join(filter(None, (PROPAGATE, self.detector)))


TRACK = "track"
"""What a person calls it, who wants a tracker to say whose a detector's boxes are."""


@dataclass(frozen=True, slots=True)
class TrackAsked:
    """What is meant by `track:NAME`, or `track:NAME:WEIGHTS`.

    Attributes:
        tracker: Its name in `trackers.py`, or what stands there.
        detector: A weights file, a version, or empty: the champion.
    """

    tracker: str
    detector: str

    def __str__(self) -> str:
        """Say it as it is typed."""
        return ":".join(filter(None, (TRACK, self.tracker, self.detector)))


def track_asked(spec: str) -> TrackAsked | None:
    """Return what is meant; None: the detector that is asked for is something else."""
    word, _, rest = spec.partition(":")
    tracker, _, detector = rest.partition(":")
    return TrackAsked(tracker, detector) if word == TRACK else None


def propagate_asked(spec: str) -> PropagateAsked | None:
    """Return what is meant; None: the detector that is asked for is something else."""
    name, _, rest = spec.partition(":")
    return PropagateAsked(rest) if name == PROPAGATE else None
