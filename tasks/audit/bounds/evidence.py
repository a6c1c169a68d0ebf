"""What audits saw: judged proposals of one class, how they were drawn, and what they add up to at each threshold.

Two ways to draw. `SampleUnit.ITEMS`: items come one after the other, and of each item all proposals are judged, or a
share of them that is equal for every proposal (`sampling.draw_share`). The boxes of an item share its light, blur and
mistakes, so the item is the unit. `SampleUnit.BOXES`: single proposals are drawn from all of one batch. Whatever the
boxes of an item share, each draw is a fair draw, so the box is the unit, but the judgements speak of that batch only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class SampleUnit(StrEnum):
    """What was drawn at random."""

    ITEMS = "items"  # an item at a time: all its proposals, or an equal share of them
    BOXES = "boxes"  # one proposal at a time, from all proposals of a batch, without replacement


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """Judged proposals of one class, in the order in which they were drawn; build it with `JudgedSample.of`."""

    drawn: SampleUnit
    names: tuple[str, ...]
    """The item of each draw."""
    unit: Ints
    """Shape (n,): which draw a proposal belongs to, from 0, never decreasing."""
    scores: Floats
    """Shape (n,), 0 to 1, or NaN: a proposal without a score, which no threshold ever accepts."""
    wrong: Flags
    """Shape (n,): the person found no such object there, or another class."""

    @classmethod
    def of(
        cls,
        item_ids: Sequence[str],
        scores: Sequence[float] | Floats,
        was_wrong: Sequence[bool | None] | Flags,
        drawn: SampleUnit,
    ) -> "JudgedSample":
        """Build evidence from parallel lists in drawing order.

        Args:
            item_ids: The item of each proposal. With `SampleUnit.ITEMS` pass the sequence instead where its frames look
                alike and whole sequences were drawn.
            scores: Of each proposal, 0 to 1 or NaN.
            was_wrong: What the person said; None while the question is open. Answers that come late are the harder
                ones, so all that was drawn after the first open question waits with it. Count a skipped or closed
                question as wrong.
            drawn: How they were drawn.

        Raises:
            BadInput: Lists of unequal length, a score outside 0 to 1, or a judgement that is not True, False or None.
        """
        score = np.asarray(scores, dtype=np.float64).reshape(-1)
        if not len(item_ids) == len(score) == len(was_wrong):
            raise BadInput(
                f"judgements do not line up: {len(item_ids)} items, {len(score)} scores, {len(was_wrong)} answers "
                "(expected as many of each)"
            )
        check_scores(score)
        unit = np.arange(len(score)) if drawn is SampleUnit.BOXES else unit_codes(item_ids)
        names = tuple(item_ids) if drawn is SampleUnit.BOXES else tuple(dict.fromkeys(item_ids))
        wrong, is_open = _read_answers(was_wrong)
        end = int(unit[is_open].min(initial=len(names)))
        order = np.argsort(unit, kind="stable")
        kept = order[unit[order] < end]
        return cls(drawn, names[:end], unit[kept].astype(np.int64), score[kept], wrong[kept])

    def after(self, units: int) -> "JudgedSample":
        """Return what was drawn after the first `units` draws: the later audits."""
        later = self.unit >= units
        return JudgedSample(
            self.drawn, self.names[units:], self.unit[later] - units, self.scores[later], self.wrong[later]
        )

    @property
    def units(self) -> int:
        """How many draws there are."""
        return len(self.names)

    @property
    def largest_draw(self) -> int:
        """The most judged proposals that one draw brought; 0 without draws."""
        return int(np.bincount(self.unit).max(initial=0))


@dataclass(frozen=True, slots=True)
class ThresholdCounts:
    """Judged and wrong proposals per threshold and draw, both of shape (thresholds, units)."""

    judged: Floats
    wrong: Floats


def tally(evidence: JudgedSample, thresholds: Floats) -> ThresholdCounts:
    """Count, for every threshold and draw, the proposals at or above it and the wrong ones among them.

    Args:
        evidence: Possibly empty.
        thresholds: Shape (t,), any order.

    Returns:
        Counts of shape (t, units); NaN scores are above no threshold.
    """
    shape = (len(thresholds), evidence.units)
    judged, wrong = np.zeros(shape), np.zeros(shape)
    for row, threshold in enumerate(thresholds):
        taken = evidence.scores >= threshold
        judged[row] = np.bincount(evidence.unit[taken], minlength=evidence.units)
        wrong[row] = np.bincount(evidence.unit[taken & evidence.wrong], minlength=evidence.units)
    return ThresholdCounts(judged, wrong)


def unit_codes(names: Sequence[str]) -> Ints:
    """Number names from 0 in order of first appearance; shape (n,)."""
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)


def check_scores(scores: Floats) -> None:
    """Refuse scores outside 0 to 1; NaN passes, since it is never accepted.

    Raises:
        BadInput: A score is below 0, above 1 or infinite.
    """
    outside = (scores < 0) | (scores > 1)
    if outside.any():
        place = int(np.flatnonzero(outside)[0])
        raise BadInput(f"score {scores[place]} at place {place} is outside 0 to 1; is it a logit or a percentage?")


def _read_answers(was_wrong: Sequence[bool | None] | Flags) -> tuple[Flags, Flags]:
    """Return what was wrong and what is still open, both of shape (n,)."""
    if isinstance(was_wrong, np.ndarray) and was_wrong.dtype == bool:
        return was_wrong, np.zeros(len(was_wrong), dtype=bool)
    for value in was_wrong:
        if value is not None and not isinstance(value, bool | np.bool_):
            raise BadInput(f"judgement {value!r} is neither True (wrong), False (right) nor None (still open)")
    is_open = np.array([value is None for value in was_wrong], dtype=bool)
    return np.array([bool(value) for value in was_wrong], dtype=bool), is_open
