"""What a classifier of whole pictures gives each of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from blocks.storage.stores import Store
from tasks.detect.proposers.class_models.protocol import ClassModel
from tasks.detect.proposers.classifier import SQUARES_AT_ONCE, fit_square, open_classifier
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.pictures import fitted_pictures
from tasks.detect.scoring.protocol import NotScored, OpenScorer, Takes

DIGITS = 6
"""Of a score: the network itself is exact to seven."""

NO_NUMBERS = NotScored("the model gives this picture scores that are no numbers: train it again")


class ClassScoring:
    """Classifiers: of one class a picture, or of several, each with a chance of its own."""

    def __init__(self, name: str = "classifier") -> None:
        self.name = name

    def open(self, store: Store, ref: DetectorRef, most_pixels: int) -> OpenScorer:
        """Return a classifier, its weights checked by their hash."""
        return ClassScorer(open_classifier(store, ref), most_pixels)


@dataclass(frozen=True, slots=True)
class ClassScorer:
    """An open classifier."""

    network: ClassModel
    most_pixels: int
    takes: Takes = "images"
    gives: str = "scores"

    @property
    def labels(self) -> tuple[str, ...]:
        """Its classes."""
        return self.network.classes

    def score(self, inputs: Sequence[Any]) -> list[list[Any] | NotScored]:
        """Return for each picture the probability of each class."""
        seen = fitted_pictures(inputs, self.most_pixels, partial(fit_square, side_px=self.network.side_px))
        rows: list[list[Any] | NotScored] = [one if isinstance(one, NotScored) else [] for one in seen]
        squares = [(number, one) for number, one in enumerate(seen) if not isinstance(one, NotScored)]
        for start in range(0, len(squares), SQUARES_AT_ONCE):
            some = squares[start : start + SQUARES_AT_ONCE]
            scores, _ = self.network.say([square for _, square in some])
            for (number, _), row in zip(some, scores, strict=True):
                rows[number] = np.round(row, DIGITS).tolist() if np.isfinite(row).all() else NO_NUMBERS
        return rows
