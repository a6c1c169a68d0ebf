"""What a scorer is: it opens a champion, and says of pictures or texts from outside what the champion gives them.

Which champion, who may ask, how much and how often, is the business of the gateway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from blocks.storage.stores import Store
from tasks.detect.refs import DetectorRef

Takes = Literal["images", "text"]
"""What is scored: the bytes of picture files, or texts."""


@dataclass(frozen=True, slots=True)
class NotScored:
    """An input that a model could not look at, and why."""

    reason: str


class OpenScorer(Protocol):
    """An open model."""

    @property
    def takes(self) -> Takes:
        """What it can look at."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes, in its own order."""
        ...

    @property
    def gives(self) -> str:
        """What a row is called in an answer: `scores`, `boxes`, `spans`."""
        ...

    def score(self, inputs: Sequence[Any]) -> list[list[Any] | NotScored]:
        """Return for each input what it is given, ready for JSON: a row of scores by `labels`, or what was found in it.

        Args:
            inputs: Bytes of picture files, or texts, as `takes` says; 0 or more. One that cannot be used spoils no
                other.
        """
        ...


class Scorer(Protocol):
    """One way to score. An instance of each stands in `registry.py`, and nowhere else."""

    name: str
    """That of the proposer whose models it opens, as kinds of labels call it."""

    def open(self, store: Store, ref: DetectorRef, most_pixels: int) -> OpenScorer:
        """Return a model, kept by whoever asks.

        Args:
            store: Where its weights are.
            ref: Which.
            most_pixels: Of a picture; a larger one is not scored.

        Raises:
            BadWeights: The file is missing, corrupt, or not the one that the reference names.
            ObjectMissing: The store has no such weights.
        """
        ...
