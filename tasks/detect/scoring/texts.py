"""What a classifier of texts gives each of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blocks.storage.stores import Store
from tasks.detect.proposers.text_classifier import open_text_model
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.classes import DIGITS
from tasks.detect.scoring.protocol import NotScored, OpenScorer, Takes
from tasks.detect.scoring.text_inputs import scored_texts
from tasks.suggest.text_model import TextModel


class TextScoring:
    """Classifiers of texts: of one class a text, or of several, each with a chance of its own."""

    def __init__(self, name: str = "text-classifier") -> None:
        self.name = name

    def open(self, store: Store, ref: DetectorRef, most_pixels: int) -> OpenScorer:  # noqa: ARG002  (protocol)
        """Return a classifier, its weights checked by their hash."""
        return TextScorer(open_text_model(store, ref))


@dataclass(frozen=True, slots=True)
class TextScorer:
    """An open classifier."""

    model: TextModel
    takes: Takes = "text"
    gives: str = "scores"

    @property
    def labels(self) -> tuple[str, ...]:
        """Its classes."""
        return self.model.classes

    def score(self, inputs: Sequence[Any]) -> list[list[Any] | NotScored]:
        """Return for each text the chance of each class; they come to less than 1 where it may be of none."""
        return scored_texts(inputs, self._rows)

    def _rows(self, texts: Sequence[str]) -> list[list[Any]]:
        return np.round(self.model.say(texts)[0], DIGITS).tolist() if texts else []
