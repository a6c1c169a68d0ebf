"""What a classifier of whole pictures gives each of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.classifier import classify, open_classifier
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.pictures import sources_of
from tasks.detect.scoring.protocol import NotScored, OpenScorer, Takes
from tasks.detect.tiling.read_ahead import Unseen

if TYPE_CHECKING:
    from tasks.detect.proposers.class_network import ClassNetwork

DIGITS = 6
"""Of a score: the network itself is exact to seven."""


class ClassScoring:
    """Classifiers."""

    name = "classifier"

    def open(self, store: Store, ref: DetectorRef, most_pixels: int) -> OpenScorer:
        """Return a classifier, its weights checked by their hash."""
        return ClassScorer(open_classifier(store, ref), most_pixels)


@dataclass(frozen=True, slots=True)
class ClassScorer:
    """An open classifier."""

    network: "ClassNetwork"
    most_pixels: int
    takes: Takes = "images"
    gives: str = "scores"

    @property
    def labels(self) -> tuple[str, ...]:
        """Its classes."""
        return self.network.classes

    def score(self, inputs: Sequence[Any]) -> list[list[Any] | NotScored]:
        """Return for each picture the probability of each class."""
        sources, refused = sources_of(inputs, self.most_pixels)
        rows: list[list[Any] | NotScored] = [one or NotScored("not looked at") for one in refused]
        for name, said in classify(self.network, sources, TilingOptions()):
            if isinstance(said, Unseen):
                rows[int(name)] = NotScored(said.reason)
            elif not np.isfinite(said[0]).all():
                rows[int(name)] = NotScored("the model gives this picture scores that are no numbers: train it again")
            else:
                rows[int(name)] = np.round(said[0], DIGITS).tolist()
        return rows
