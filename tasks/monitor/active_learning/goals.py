"""When a loop of labelling and training has done enough: the goal, and what each round came to."""

from collections.abc import Sequence

from pydantic import Field

from blocks.frozen import Frozen


class Goal(Frozen):
    """When to stop; whatever is met first."""

    quality: float | None = Field(
        default=None, gt=0, le=1, description="Stop when the champion's metric on the frozen test items is this good"
    )
    human_hours: float | None = Field(
        default=None, gt=0, le=100_000, description="Stop when people have spent this on the collection"
    )
    patience: int = Field(default=3, ge=1, le=100, description="Stop after so many trainings in a row without a gain")
    min_gain: float = Field(default=0.005, ge=0, le=1, description="Less than this above the best so far is no gain")
    most_rounds: int = Field(default=20, ge=1, le=1000, description="Stop after so many rounds at the latest")


class Round(Frozen):
    """What one round came to."""

    batch_id: str
    items: int = Field(ge=0)
    labels: int = Field(ge=0, description="in force on the batch")
    accepted_without_people: int = Field(default=0, ge=0)
    human_seconds: float = Field(description="spent on the whole collection by the end of the round")
    metric: float | None = Field(
        default=None, description="of the champion, on the frozen test items; None: no training"
    )
    promoted: bool = False
    detector: str | None = Field(default=None, description="version of the champion after the round")
    note: str = Field(default="", description="why there was no training")
    unknown: tuple[str, ...] = Field(default=(), description="classes that the round's detector did not know")


class LoopVerdict(Frozen):
    """Whether a loop may stop, and why."""

    met: bool
    reason: str


def judge_rounds(rounds: Sequence[Round], goal: Goal) -> LoopVerdict:
    """Say whether the goal is met after some rounds.

    A round without training says nothing about gain: it neither counts against the patience nor resets it.

    Args:
        rounds: All rounds so far, in order; without one, nothing is met.
        goal: When to stop.
    """
    if not rounds:
        return LoopVerdict(met=False, reason="no round yet")
    last = rounds[-1]
    if goal.quality is not None and last.metric is not None and last.metric >= goal.quality:
        return LoopVerdict(met=True, reason=f"quality {last.metric:.3f} has reached {goal.quality:g}")
    hours = last.human_seconds / 3600
    if goal.human_hours is not None and hours >= goal.human_hours:
        return LoopVerdict(met=True, reason=f"people have spent {hours:.2f} of {goal.human_hours:g} hours")
    stale = rounds_without_gain(rounds, goal.min_gain)
    if stale >= goal.patience:
        return LoopVerdict(met=True, reason=f"{stale} trainings in a row brought less than {goal.min_gain:g}")
    if len(rounds) >= goal.most_rounds:
        return LoopVerdict(met=True, reason=f"{len(rounds)} rounds, the most allowed")
    return LoopVerdict(met=False, reason=f"round {len(rounds)}: nothing of the goal is met")


def rounds_without_gain(rounds: Sequence[Round], min_gain: float) -> int:
    """Count the trainings since the metric last rose above its best by at least `min_gain`; 0 without trainings."""
    best, stale = None, 0
    for one in rounds:
        if one.metric is None:
            continue
        if best is None or (one.metric - best >= min_gain and one.metric > best):
            best, stale = one.metric, 0
        else:
            stale += 1
    return stale
