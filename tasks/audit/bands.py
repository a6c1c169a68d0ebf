"""Certified bands: per class, the lowest score above which proposals are accepted with a proven error rate.

The thresholds are tested in a fixed order, from the highest score to the lowest, until one fails (fixed-sequence testing): the
chance that any of the accepted ones breaks the promise is at most δ, however many there are. Because the evidence is
anytime-valid (see `bounds.py`), this holds over all looks together too: audit, look, audit on, look again.

The highest thresholds accept few boxes, so they have little evidence, and a test that starts there never gets going. The order
therefore starts at several fixed thresholds, each with its share of δ; where a test succeeds, its share passes down to the next
one (the fallback procedure). Thresholds and starts are set from the scores alone, never from the judgements.

A band says: of the labels that came from proposals of this class with such a score, judged ones included, at most ε are wrong.

Source:
    Angelopoulos et al., "Learn then Test", 2021, section 3 (fixed-sequence testing); Wiens and Dmitrienko, "The fallback
    procedure", Journal of Biopharmaceutical Statistics 2005.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import BadOption, UnknownClass
from tasks.audit.bounds import draws_needed, log_evidence_below
from tasks.audit.evidence import Drawn, Evidence, Floats, Tally, tally
from tasks.audit.scope import Scope, WholeBatch

SHARES = tuple(np.round(np.arange(0.2, 1.001, 0.05), 2).tolist())
"""Thresholds are tested that accept these shares of a class's proposals."""
STARTS: Mapping[float, float] = {0.3: 0.3, 0.6: 0.7}
"""Accepted share at which testing starts, and the share of δ that it starts with."""


class Promise(BaseModel):
    """What a line promises of the proposals that it accepts without a look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float = Field(default=0.02, gt=0, lt=0.5, description="At most this share of accepted boxes is wrong")
    delta: float = Field(
        default=0.05, gt=0, lt=0.5, description="The promise may be broken with this probability, per class"
    )


class Standing(StrEnum):
    """What a class's band is worth."""

    CERTIFIED = "certified"
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    TOO_MANY_ERRORS = "too_many_errors"
    WITHDRAWN = "withdrawn"


class ClassBand(BaseModel):
    """The band of one class: from which score its proposals are accepted, and what shows that."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_name: str
    standing: Standing
    accept_from: float | None = Field(description="accept at this score and above; None: people look at all of them")
    reason: str = Field(description="in words, for the report")
    promise: Promise
    scope: str = Field(description="batch or stream: of what it speaks")
    units: int = Field(default=0, description="draws that brought an accepted box")
    judged: int = Field(default=0, description="judged boxes at or above the threshold")
    wrong: int = Field(default=0, description="wrong ones among them")
    share_accepted: float = Field(default=0.0, description="share of the class's proposals that the band accepts")
    more_audits: int | None = Field(default=None, description="estimate of further draws until there is a band")
    more_of: Literal["items", "boxes"] = "items"


@dataclass(frozen=True, slots=True)
class ThresholdGrid:
    """Thresholds from high to low, and the share of δ with which each starts (they sum to 1)."""

    thresholds: Floats
    starts: Floats

    @classmethod
    def of(
        cls, scores: Floats, shares: Sequence[float] = SHARES, starts: Mapping[float, float] = STARTS
    ) -> "ThresholdGrid":
        """Set thresholds that accept given shares of a class's proposals.

        Args:
            scores: Shape (n,), of all proposals of the class, judged or not; NaN is ignored. n may be 0: an empty grid.
            shares: Shares to accept, above 0, at most 1.
            starts: Accepted share to share of δ; each is moved to the nearest threshold.

        Raises:
            BadOption: A share is outside (0, 1], or the starts do not sum to 1.
        """
        if not all(0 < share <= 1 for share in (*shares, *starts)) or abs(sum(starts.values()) - 1) > 1e-9:
            raise BadOption(
                f"shares {shares} and starts {dict(starts)}: expected shares in (0, 1], and start weights that sum to 1"
            )
        known = np.sort(scores[~np.isnan(scores)])
        if not len(known):
            return cls(np.empty(0), np.empty(0))
        ordered = np.array(sorted(shares))
        places = np.clip(np.ceil(len(known) * (1 - ordered)).astype(int), 0, len(known) - 1)
        thresholds, first = np.unique(-known[places], return_index=True)
        weight = np.zeros(len(thresholds))
        for share, part in starts.items():
            weight[np.argmin(np.abs(ordered[first] - share))] += part
        return cls(-thresholds, weight)


def certify(
    class_name: str, evidence: Sequence[Evidence], grid: ThresholdGrid, promise: Promise, scope: Scope
) -> ClassBand:
    """Find the lowest threshold above which proposals of a class may be accepted without a look.

    Args:
        class_name: The class.
        evidence: Judged proposals of this class and one detector version; at most one entry per way of drawing. May be empty.
        grid: Set before the judgements were seen.
        promise: ε and δ.
        scope: Of what the band shall speak; the evidence must have been drawn from it.

    Returns:
        The band; without enough evidence one that accepts nothing and says how many more audits it takes.

    Raises:
        BadInput: The evidence does not fit the scope.
        BadOption: Two entries of evidence were drawn in the same way, or that way says nothing of the scope.
    """
    if len({part.drawn for part in evidence}) < len(evidence):
        raise BadOption(f"class {class_name!r}: give one list of evidence per way of drawing, in drawing order")
    for part in evidence:
        scope.check(part)
    tallies = [(part, tally(part, grid.thresholds)) for part in evidence if part.units]
    if not len(grid.thresholds) or not tallies:
        return _no_band(class_name, tallies, grid, promise, scope)
    strength = np.zeros(len(grid.thresholds))
    for part, counts in tallies:
        limits = scope.limits(part.drawn, grid.thresholds)
        rate = _refuted_rate(promise.epsilon, part.drawn, limits.population)
        strength += log_evidence_below(counts.wrong, counts.judged, rate, limits.largest, limits.population)
    passed = passed_in_order(strength, grid.starts, promise.delta)
    if not passed.any():
        return _no_band(class_name, tallies, grid, promise, scope)
    lowest = int(np.flatnonzero(passed)[-1])
    return _band(class_name, tallies, lowest, grid, promise, scope)


def certify_classes(
    classes: Sequence[str],
    evidence: Mapping[str, Sequence[Evidence]],
    scopes: Mapping[str, Scope],
    grids: Mapping[str, ThresholdGrid],
    promise: Promise,
) -> dict[str, ClassBand]:
    """Find the bands of all classes of a line; a class that was never seen gets none.

    Raises:
        UnknownClass: Evidence, a scope or a grid names a class that the line does not have.
    """
    for name in (*evidence, *scopes, *grids):
        if name not in classes:
            raise UnknownClass.named(name, classes, "the line")
    nothing = ThresholdGrid.of(np.empty(0))
    unseen = WholeBatch.of((), ())
    return {
        name: certify(name, evidence.get(name, ()), grids.get(name, nothing), promise, scopes.get(name, unseen))
        for name in classes
    }


def passed_in_order(strength: Floats, starts: Floats, delta: float) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Return which thresholds are certified: the fallback procedure over log wealths, from high thresholds to low.

    Args:
        strength: Shape (t,), log wealth against "too much is wrong" per threshold.
        starts: Shape (t,), share of δ given to each threshold at the outset.
        delta: Allowed probability that any certified threshold is a bad one.
    """
    passed = np.zeros(len(strength), dtype=bool)
    handed_down = 0.0
    for place, start in enumerate(starts):
        level = handed_down + start * delta
        passed[place] = level > 0 and bool(strength[place] >= np.log(1 / level))
        handed_down = level if passed[place] else 0.0
    return passed


def _refuted_rate(epsilon: float, drawn: Drawn, population: Floats | None) -> Floats | float:
    """Return the rate to refute: in a known number of boxes the wrong ones are whole, so a promise breaks at the next one."""
    if population is None or drawn is Drawn.ITEMS:
        return epsilon
    return np.minimum((np.floor(epsilon * population + 1e-9) + 1) / np.maximum(population, 1), 1 - 1e-9)


def _band(
    class_name: str,
    tallies: list[tuple[Evidence, Tally]],
    place: int,
    grid: ThresholdGrid,
    promise: Promise,
    scope: Scope,
) -> ClassBand:
    judged = sum(int(counts.judged[place].sum()) for _, counts in tallies)
    wrong = sum(int(counts.wrong[place].sum()) for _, counts in tallies)
    units = sum(int((counts.judged[place] > 0).sum()) for _, counts in tallies)
    threshold = float(grid.thresholds[place])
    return ClassBand(
        class_name=class_name,
        standing=Standing.CERTIFIED,
        accept_from=threshold,
        reason=f"{wrong} of {judged} judged boxes of score {threshold:.3f} or more are wrong ({units} draws): at most "
        f"{promise.epsilon:.1%} with {1 - promise.delta:.0%} confidence",
        promise=promise,
        scope=scope.name,
        units=units,
        judged=judged,
        wrong=wrong,
        share_accepted=_share_accepted(tallies, threshold, scope),
        more_of=_more_of(tallies, scope),
    )


def _share_accepted(tallies: list[tuple[Evidence, Tally]], threshold: float, scope: Scope) -> float:
    if isinstance(scope, WholeBatch):
        return float((scope.scores >= threshold).mean())
    scores = np.concatenate([part.scores for part, _ in tallies])
    return float((scores >= threshold).mean())


def _more_of(tallies: list[tuple[Evidence, Tally]], scope: Scope) -> Literal["items", "boxes"]:
    if tallies:
        return "boxes" if any(part.drawn is Drawn.BOXES for part, _ in tallies) else "items"
    return "boxes" if isinstance(scope, WholeBatch) else "items"


def _no_band(
    class_name: str, tallies: list[tuple[Evidence, Tally]], grid: ThresholdGrid, promise: Promise, scope: Scope
) -> ClassBand:
    more_of = _more_of(tallies, scope)
    own = [(part, counts) for part, counts in tallies if part.drawn.value == more_of]
    judged = sum(int((~np.isnan(part.scores)).sum()) for part, _ in tallies)
    wrong = sum(int(part.wrong.sum()) for part, _ in tallies)
    more = _more_audits(own, Drawn(more_of), grid, promise, scope)
    hopeless = judged > 0 and more is None
    advice = (
        f"more audits would not help: {wrong} of {judged} judged boxes are wrong; a better detector would"
        if hopeless
        else f"about {more or 'more'} further {more_of} must be judged" + ("" if judged else ", if nothing is wrong")
    )
    return ClassBand(
        class_name=class_name,
        standing=Standing.TOO_MANY_ERRORS if hopeless else Standing.NOT_ENOUGH_EVIDENCE,
        accept_from=None,
        reason=f"no band for {class_name!r}: {'' if judged else 'nothing was judged; '}{advice}",
        promise=promise,
        scope=scope.name,
        units=sum(part.units for part, _ in tallies),
        judged=judged,
        wrong=wrong,
        more_audits=more,
        more_of=more_of,
    )


def _more_audits(
    own: list[tuple[Evidence, Tally]], drawn: Drawn, grid: ThresholdGrid, promise: Promise, scope: Scope
) -> int | None:
    """Estimate the further draws until the first of the starting thresholds is certified; None: never, or nothing to draw."""
    limits = scope.limits(drawn, grid.thresholds)
    needs = []
    for place in np.flatnonzero(grid.starts):
        counts = own[0][1] if own else Tally(np.zeros((len(grid.starts), 0)), np.zeros((len(grid.starts), 0)))
        judged, wrong = counts.judged[place], counts.wrong[place]
        delta = promise.delta * float(grid.starts[place])
        total = draws_needed(wrong, judged, promise.epsilon, float(limits.largest[place]), delta)
        if total is None:
            continue
        useful = float((judged > 0).mean()) if (judged > 0).any() else 1.0
        more = max(1, int(np.ceil((total - int((judged > 0).sum())) / useful)))
        if limits.population is not None:
            more = min(more, int(limits.population[place] - (judged > 0).sum()))
        needs.append(more)
    return min(needs) if needs else None
