"""Spans of a text as a kind of label: alike by the characters they share, fused by a vote, worth their strict F1."""

from collections.abc import Sequence
from typing import Any

from blocks.shapes import Shape, Span
from tasks.kinds.by_hand import SPANS_BY_HAND
from tasks.kinds.geometry import Floats
from tasks.kinds.metrics import Metrics
from tasks.kinds.protocol import Pixels
from tasks.kinds.spans.extents import Overlap, alike, extent_of
from tasks.kinds.spans.scoring import score_spans


class SpansKind:
    """Some characters of a text, such as a name."""

    name = "spans"
    shapes = frozenset({"span"})
    has_identity = False
    asked_as = "tag"
    proposer = "tagger"
    trainer = "tagger"
    same_from = 1 / 3
    """Who marks a name with its title and who marks it without mean one name: "Dr. Smith" and "Smith" share 5 of 9."""
    right_from = 1.0
    """A span that is not where the true one is, is wrong, as the field counts."""
    same_class_bonus = 0.1
    by_hand = SPANS_BY_HAND

    def __init__(self, overlap: Overlap = "any") -> None:
        self.overlap = overlap

    def similarity(self, first: Sequence[Any], second: Sequence[Any]) -> Floats:
        """Return the share of characters that each two have together."""
        mine = [extent_of(one) for one in first]
        return alike(mine, mine if second is first else [extent_of(one) for one in second])

    def fuse(self, shapes: Sequence[Shape], weights: Sequence[float]) -> Shape:
        """Return the span of most weight: people mean one of the extents that they said, and none in between.

        Of equals it is the one that begins first, and of these the longest.
        """
        total: dict[tuple[int, int], float] = {}
        for shape, weight in zip(shapes, weights, strict=True):
            assert isinstance(shape, Span)
            total[shape.start, shape.end] = total.get((shape.start, shape.end), 0.0) + weight
        start, end = min(total, key=lambda extent: (-total[extent], extent[0], -extent[1]))
        return Span(start=start, end=end)

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether class and extent are the same."""
        return bool(one.class_name == other.class_name) and extent_of(one) == extent_of(other)

    def draw(self, picture: Pixels, shape: Shape, colour_bgr: tuple[int, int, int], line_px: int, scale: float) -> None:
        """Draw nothing: a text is no picture."""

    def metrics(self, predicted: Sequence[Any], truth: Sequence[Any], classes: Sequence[str]) -> Metrics:
        """Return the strict F1 and what is right in part, of lists of `ClassedSpan` for each text."""
        return score_spans(predicted, truth, classes)


SPANS = SpansKind()
