"""Of what a threshold speaks: one batch, whose proposals are all known, or a stream of items like those audited."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from blocks.errors import BadInput, BadOption
from tasks.audit.bounds.evidence import Floats, Ints, JudgedSample, SampleUnit, check_scores, unit_codes


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known of the draws at each threshold; arrays of shape (thresholds,)."""

    largest: Floats
    """Most judged boxes that one draw can bring."""
    population: Floats | None
    """How many draws there are at all; None: no end."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Items without end, independent of each other and like those audited."""

    name: ClassVar[str] = "stream"
    largest_draw: int
    """Most judged proposals of the class that one item can bring, set before the audit: the largest item times the
    share drawn of each, rounded up. Larger items are outside the promise: the line sends them to people whole."""

    def limits(self, _drawn: SampleUnit, thresholds: Floats) -> Limits:
        """Return the largest draw, at every threshold; a stream has no end."""
        return Limits(np.full(len(thresholds), float(self.largest_draw)), None)

    def check(self, evidence: JudgedSample) -> None:
        """Refuse single boxes of a batch (they speak of it only), and draws larger than was promised.

        Raises:
            BadOption: The evidence does not speak of a stream with this largest draw.
        """
        if self.largest_draw < 1:
            raise BadOption(f"largest_draw {self.largest_draw} is below 1; expected the most judged boxes of one item")
        if evidence.drawn is SampleUnit.BOXES and evidence.units:
            raise BadOption("boxes drawn from one batch speak of that batch only; certify it, or draw item by item")
        if evidence.largest_draw > self.largest_draw:
            raise BadOption(
                f"an item brought {evidence.largest_draw} judged proposals, but largest_draw is {self.largest_draw}; "
                "raise it, or send such items to people and keep them out of the evidence"
            )


@dataclass(frozen=True, slots=True)
class WholeBatch:
    """All proposals of one class in one batch, from which the draws were taken; build it with `WholeBatch.of`."""

    name: ClassVar[str] = "batch"
    sizes: dict[str, int]
    """Proposals of the class by item."""
    unit: Ints
    scores: Floats

    @classmethod
    def of(cls, item_ids: Sequence[str], scores: Sequence[float] | Floats) -> "WholeBatch":
        """Build it from parallel lists, one entry per proposal of the class; may be empty.

        Raises:
            BadInput: Lists of unequal length, or a score outside 0 to 1.
        """
        score = np.asarray(scores, dtype=np.float64).reshape(-1)
        if len(item_ids) != len(score):
            raise BadInput(f"{len(item_ids)} items for {len(score)} scores; expected one item per proposal")
        check_scores(score)
        return cls(dict(Counter(item_ids)), unit_codes(item_ids), score)

    def limits(self, drawn: SampleUnit, thresholds: Floats) -> Limits:
        """Return the largest item and the number of items, or 1 and the number of boxes, above each threshold."""
        counts = [np.bincount(self.unit[self.scores >= threshold]) for threshold in thresholds]
        if drawn is SampleUnit.BOXES:
            return Limits(np.ones(len(thresholds)), np.array([float(count.sum()) for count in counts]))
        largest = np.array([float(count.max(initial=1)) for count in counts])
        return Limits(largest, np.array([float((count > 0).sum()) for count in counts]))

    def check(self, evidence: JudgedSample) -> None:
        """Refuse evidence that cannot have been drawn from this batch.

        Raises:
            BadInput: It judged an item that the batch does not have, more of an item than it has, or, where items
                were drawn, less than all of it; or more above some score than the batch has.
        """
        for name, judged in Counter(evidence.names[unit] for unit in evidence.unit).items():
            held = self.sizes.get(name, 0)
            if judged > held or (evidence.drawn is SampleUnit.ITEMS and judged < held):
                raise BadInput(
                    f"{judged} proposals of item {name!r} were judged, but the batch has {held} of this class there; "
                    "the evidence is of another batch or detector, counts a proposal twice, or misses some"
                )
        judged_scores, held_scores = np.sort(_known(evidence.scores)), np.sort(_known(self.scores))
        judged_above = len(judged_scores) - np.arange(len(judged_scores))
        held_above = len(held_scores) - np.searchsorted(held_scores, judged_scores)
        if (judged_above > held_above).any():
            place = int(np.argmax(judged_above > held_above))
            raise BadInput(
                f"more proposals of score {judged_scores[place]:.4g} or above were judged than the batch has "
                f"({judged_above[place]} against {held_above[place]}); are they of another detector version?"
            )


Scope = Stream | WholeBatch


def _known(scores: Floats) -> Floats:
    return np.asarray(scores[~np.isnan(scores)])
