"""Certified thresholds: per class, the lowest score above which proposals are accepted with a proven error rate.

Thresholds are tested in a fixed order from high scores to low ones; where one fails, the chain ends. The chance that
any certified threshold breaks the promise is at most δ, however many there are (`thresholds.passed_in_order`). Because
the evidence is anytime-valid (`betting.py`), this holds over all looks together: audit, look, audit on, look again.

A threshold says: of the labels made from this class's proposals with such a score, the judged ones included, at most ε
were wrong before people corrected any. It is computed anew from all evidence at every look; see `recheck.py` for how
it ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from blocks.errors import BadOption
from blocks.frozen import Frozen
from blocks.naming.renamed import Renamed, complement
from tasks.audit.bounds.betting import draws_needed, log_evidence_above, log_evidence_below, log_wealth
from tasks.audit.bounds.evidence import Floats, JudgedSample, SampleUnit, ThresholdCounts, tally
from tasks.audit.bounds.scope import Scope, WholeBatch
from tasks.audit.bounds.thresholds import ThresholdGrid, passed_in_order


class Promise(Renamed):
    """What a line promises of the proposals that it accepts without a look."""

    former_names: ClassVar = {"epsilon": "max_error_rate", "delta": "confidence"}
    former_values: ClassVar = {"delta": complement}

    max_error_rate: float = Field(
        default=0.02, gt=0, lt=0.5, description="At most this share of accepted boxes is wrong"
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="How sure that is, per class")

    @property
    def delta(self) -> float:
        """δ: the chance, per class, that the promise is broken."""
        return round(1 - self.confidence, 12)


class ThresholdStatus(StrEnum):
    """What a class's threshold is worth."""

    CERTIFIED = "certified"
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    TOO_MANY_ERRORS = "too_many_errors"
    WITHDRAWN = "withdrawn"


class ClassThreshold(Frozen):
    """The threshold of one class: from which score its proposals are accepted, and what shows that."""

    class_name: str
    standing: ThresholdStatus
    accept_from: float | None = Field(description="accept at this score and above; None: people look at all of them")
    reason: str = Field(description="in words, for the report")
    promise: Promise
    scope: str = Field(description="batch or stream: of what it speaks")
    units: int = Field(default=0, description="draws that brought a box at or above the threshold")
    judged: int = Field(default=0, description="judged boxes at or above the threshold; without one, all judged")
    wrong: int = Field(default=0, description="wrong ones among them")
    share_accepted: float = Field(default=0.0, description="share of the class's proposals that the threshold accepts")
    more_audits: int | None = Field(default=None, description="estimate of further draws until there is a threshold")
    more_of: Literal["items", "boxes"] = Field(default="items", description="what those draws would be of")


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of one class: what was seen, at which thresholds, for which promise, of what."""

    class_name: str
    seen: tuple[tuple[JudgedSample, ThresholdCounts], ...]
    grid: ThresholdGrid
    promise: Promise
    scope: Scope

    @property
    def more_of(self) -> Literal["items", "boxes"]:
        """What further draws would be of: what was drawn so far, or what the scope allows."""
        boxes = any(part.drawn is SampleUnit.BOXES for part, _ in self.seen)
        return "boxes" if boxes or (not self.seen and isinstance(self.scope, WholeBatch)) else "items"


def certify(
    class_name: str, evidence: Sequence[JudgedSample], grid: ThresholdGrid, promise: Promise, scope: Scope
) -> ClassThreshold:
    """Find the lowest threshold above which proposals of a class may be accepted without a look.

    Args:
        class_name: The class.
        evidence: Judged proposals of this class and one detector version, one entry per way of drawing. May be empty.
        grid: Set before the judgements were seen.
        promise: ε and δ.
        scope: Of what the threshold shall speak; the evidence must have been drawn from it.

    Returns:
        The threshold; without enough evidence one that accepts nothing and says how many more audits it takes.

    Raises:
        BadInput: The evidence does not fit the scope.
        BadOption: Two entries of evidence were drawn in the same way, or that way says nothing of the scope.
    """
    if len({part.drawn for part in evidence}) < len(evidence):
        raise BadOption(f"class {class_name!r}: give one list of evidence per way of drawing, in drawing order")
    for part in evidence:
        scope.check(part)
    seen = tuple((part, tally(part, grid.thresholds)) for part in evidence if len(part.scores))
    case = Case(class_name, seen, grid, promise, scope)
    passed = passed_in_order(_strength(case), grid.starts, promise.delta)
    return _threshold(case, int(np.flatnonzero(passed)[-1])) if passed.any() else _no_threshold(case)


def _strength(case: Case) -> Floats:
    """Return the log of the evidence per threshold.

    Ways of drawing are independent games: what is won in both at one time multiplies. The best times of each do not.
    """
    thresholds = case.grid.thresholds
    rate: Floats | float = case.promise.max_error_rate
    boxes = case.scope.limits(SampleUnit.BOXES, thresholds).population
    if boxes is not None:
        # Of a known number of boxes a whole number is wrong: the promise breaks at the next whole one.
        rate = np.minimum((np.floor(case.promise.max_error_rate * boxes + 1e-9) + 1) / np.maximum(boxes, 1), 1 - 1e-9)
    games = [(counts, case.scope.limits(part.drawn, thresholds)) for part, counts in case.seen]
    bests = [log_evidence_below(one.wrong, one.judged, rate, known.largest, known.population) for one, known in games]
    strength = bests[0] if len(bests) == 1 else np.zeros(len(thresholds))
    if len(bests) > 1:
        now = [log_wealth(one.wrong, one.judged, rate, known.largest, known.population)[:, -1] for one, known in games]
        strength = np.where(np.isposinf(bests).any(axis=0), np.inf, np.sum(now, axis=0))
    judged = sum((counts.judged.sum(axis=1) for _, counts in case.seen), np.zeros(len(thresholds)))
    wrong = sum((counts.wrong.sum(axis=1) for _, counts in case.seen), np.zeros(len(thresholds)))
    # What was proven once stays proven, but nobody shall read "3 % wrong, so at most 2 %".
    return np.where(wrong <= case.promise.max_error_rate * judged, strength, 0.0)


def _threshold(case: Case, place: int) -> ClassThreshold:
    judged = sum(int(counts.judged[place].sum()) for _, counts in case.seen)
    wrong = sum(int(counts.wrong[place].sum()) for _, counts in case.seen)
    units = sum(int((counts.judged[place] > 0).sum()) for _, counts in case.seen)
    threshold = float(case.grid.thresholds[place])
    batch = isinstance(case.scope, WholeBatch)
    return ClassThreshold(
        class_name=case.class_name,
        standing=ThresholdStatus.CERTIFIED,
        accept_from=threshold,
        reason=f"{wrong} of {judged} judged boxes of score {threshold:.3f} or more are wrong ({units} draws): at most "
        f"{case.promise.max_error_rate:.1%} of {'this batch' if batch else 'such items'} with "
        f"{case.promise.confidence:.0%} confidence",
        promise=case.promise,
        scope=case.scope.name,
        units=units,
        judged=judged,
        wrong=wrong,
        share_accepted=float(case.grid.shares[place]),
        more_of=case.more_of,
    )


def _no_threshold(case: Case) -> ClassThreshold:
    judged = int((~np.isnan(_judged_scores(case))).sum())
    wrong = sum(int((part.wrong & ~np.isnan(part.scores)).sum()) for part, _ in case.seen)
    more = _more_audits(case)
    hopeless = _is_refuted(case)
    if hopeless:
        advice = f"{wrong} of {judged} judged boxes are wrong; a better detector would help, more audits would not"
    elif not len(case.grid.thresholds):
        advice = "no proposal of it with a score is known, so there is nothing to audit"
    elif more is None:
        advice = f"{wrong} of {judged} judged boxes are wrong, so many that no number of further audits can be named"
    else:
        advice = f"{wrong} of {judged} judged boxes are wrong; about {more} further {case.more_of} must be judged"
    return ClassThreshold(
        class_name=case.class_name,
        standing=ThresholdStatus.TOO_MANY_ERRORS if hopeless else ThresholdStatus.NOT_ENOUGH_EVIDENCE,
        accept_from=None,
        reason=f"no certified threshold for {case.class_name!r}: {advice}",
        promise=case.promise,
        scope=case.scope.name,
        units=sum(part.units for part, _ in case.seen),
        judged=judged,
        wrong=wrong,
        more_audits=None if hopeless else more,
        more_of=case.more_of,
    )


def _is_refuted(case: Case) -> bool:
    """Say whether the audits prove, at every starting threshold, that more than ε is wrong."""
    starts = np.flatnonzero(case.grid.starts)
    refuted = []
    for part, counts in case.seen:
        largest = case.scope.limits(part.drawn, case.grid.thresholds).largest
        needed = np.log(1 / case.promise.delta)
        wealth = [
            log_evidence_above(
                counts.wrong[place], counts.judged[place], case.promise.max_error_rate, float(largest[place])
            )
            for place in starts
        ]
        refuted.append(len(starts) > 0 and all(bool((path >= needed).any()) for path in wealth))
    return any(refuted)


def _judged_scores(case: Case) -> Floats:
    return np.concatenate([np.empty(0), *(part.scores for part, _ in case.seen)])


def _more_audits(case: Case) -> int | None:
    """Estimate the further draws until one of the starting thresholds is certified; None: never, or nothing to draw."""
    drawn = SampleUnit(case.more_of)
    limits = case.scope.limits(drawn, case.grid.thresholds)
    nothing = np.zeros((len(case.grid.starts), 0))
    counts = next((counts for part, counts in case.seen if part.drawn is drawn), ThresholdCounts(nothing, nothing))
    needs = []
    for place in np.flatnonzero(case.grid.starts):
        judged, wrong = counts.judged[place], counts.wrong[place]
        delta = case.promise.delta * float(case.grid.starts[place])
        total = draws_needed(wrong, judged, case.promise.max_error_rate, float(limits.largest[place]), delta)
        if total is None:
            continue
        had = int((judged > 0).sum())
        useful = had / len(judged) if had else float(case.grid.shares[place])
        left = np.inf if limits.population is None else limits.population[place] - had
        needs.append(max(1, int(min(np.ceil((total - had) / useful), left))))
    return min(needs) if needs else None
