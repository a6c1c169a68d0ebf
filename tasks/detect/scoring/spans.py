"""The spans that a tagger finds in texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blocks.storage.stores import Store
from tasks.detect.options import SHOW_SCORE
from tasks.detect.proposers.tagger import warm_tagger
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.protocol import NotScored, OpenScorer, Takes
from tasks.detect.scoring.text_inputs import scored_texts
from tasks.detect.tagging.crf import Tagger


class SpanScoring:
    """Taggers."""

    name = "tagger"

    def open(self, store: Store, ref: DetectorRef, most_pixels: int) -> OpenScorer:  # noqa: ARG002  (protocol)
        """Return a tagger, its weights checked by their hash."""
        return SpanScorer(warm_tagger(store, ref))


@dataclass(frozen=True, slots=True)
class SpanScorer:
    """An open tagger."""

    tagger: Tagger
    takes: Takes = "text"
    gives: str = "spans"

    @property
    def labels(self) -> tuple[str, ...]:
        """Its classes."""
        return self.tagger.classes

    def score(self, inputs: Sequence[Any]) -> list[list[Any] | NotScored]:
        """Return for each text its spans from the beginning: label, score, start and end in code points, and words."""
        return scored_texts(inputs, lambda texts: [self._spans(text) for text in texts])

    def _spans(self, text: str) -> list[Any]:
        found = [one for one in self.tagger.find(text) if one.score >= SHOW_SCORE]
        return [
            {
                "label": one.span.class_name,
                "score": round(one.score, 5),
                "start": one.span.start,
                "end": one.span.end,
                "text": text[one.span.start : one.span.end],
            }
            for one in found
        ]
