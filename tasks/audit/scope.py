"""Of what a band speaks: one batch, whose proposals are all known, or a stream of items like those audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from blocks.errors import BadInput, BadOption
from tasks.audit.evidence import Drawn, Evidence, Floats, Ints, check_scores, unit_codes


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known of the draws at each threshold; arrays of shape (thresholds,)."""

    largest: Floats
    """Most boxes that one draw can bring."""
    population: Floats | None
    """How many draws there are at all; None: no end."""


class Scope(Protocol):
    """Of what a band speaks."""

    name: str

    def limits(self, drawn: Drawn, thresholds: Floats) -> Limits:
        """Return what is known of draws at each threshold."""

    def check(self, evidence: Evidence) -> None:
        """Refuse evidence that does not speak of this."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Items without end, independent of each other and like those audited.

    Items with more boxes of the class than `largest_item` are outside the promise: the line sends them to people whole.
    """

    largest_item: int
    name: str = "stream"

    def limits(self, drawn: Drawn, thresholds: Floats) -> Limits:
        """Return the largest item, at every threshold; a stream has no end."""
        return Limits(np.full(len(thresholds), float(self.largest_item)), None)

    def check(self, evidence: Evidence) -> None:
        """Refuse single boxes (they speak of their batch only) and items above the size that was promised.

        Raises:
            BadOption: The evidence does not speak of a stream with this largest item.
        """
        if evidence.drawn is Drawn.BOXES and evidence.units:
            raise BadOption(
                "proposals drawn one by one speak of their batch only; certify that batch, or audit whole items"
            )
        most = int(np.bincount(evidence.unit).max(initial=0))
        if most > self.largest_item:
            raise BadOption(
                f"an audited item has {most} proposals, but largest_item is {self.largest_item}; "
                "raise it, or leave such items to people and out of the evidence"
            )


@dataclass(frozen=True, slots=True)
class WholeBatch:
    """All proposals of one class in one batch; build it with `WholeBatch.of`. The draws must have been taken from it."""

    unit: Ints
    scores: Floats
    name: str = "batch"

    @classmethod
    def of(cls, item_ids: Sequence[str], scores: Sequence[float] | Floats) -> "WholeBatch":
        """Build it from parallel lists, one entry per proposal of the class.

        Raises:
            BadInput: Lists of unequal length, or a score outside 0 to 1.
        """
        score = np.asarray(scores, dtype=np.float64).reshape(-1)
        if len(item_ids) != len(score):
            raise BadInput(f"{len(item_ids)} items for {len(score)} scores; expected one item per proposal")
        check_scores(score)
        return cls(unit_codes(item_ids), score)

    def limits(self, drawn: Drawn, thresholds: Floats) -> Limits:
        """Return the largest item and the number of items, or 1 and the number of boxes, above each threshold."""
        counts = [np.bincount(self.unit[self.scores >= threshold]) for threshold in thresholds]
        if drawn is Drawn.BOXES:
            return Limits(np.ones(len(thresholds)), np.array([float(count.sum()) for count in counts]))
        largest = np.array([float(count.max(initial=1)) for count in counts])
        return Limits(largest, np.array([float((count > 0).sum()) for count in counts]))

    def check(self, evidence: Evidence) -> None:
        """Refuse evidence that cannot have been drawn from this batch.

        Raises:
            BadInput: More was judged above some score than the batch has there, or an item is larger than any of its items.
        """
        scores = np.unique(evidence.scores[~np.isnan(evidence.scores)])
        judged = len(evidence.scores) - np.searchsorted(np.sort(evidence.scores), scores)
        held = len(self.scores) - np.searchsorted(np.sort(self.scores), scores)
        judged -= int(np.isnan(evidence.scores).sum())
        held -= int(np.isnan(self.scores).sum())
        if (judged > held).any():
            place = int(np.argmax(judged - held))
            raise BadInput(
                f"{judged[place]} proposals of score {scores[place]:.3g} or more were judged, but the batch has {held[place]}; "
                "the evidence is of another batch, another detector, or counts a proposal twice"
            )
        most = int(np.bincount(evidence.unit).max(initial=0))
        largest = int(np.bincount(self.unit).max(initial=0))
        if evidence.drawn is Drawn.ITEMS and most > largest:
            raise BadInput(f"an audited item has {most} judged proposals, but the batch's largest item has {largest}")
