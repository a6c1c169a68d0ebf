"""What proposals save: seconds of people who saw them against seconds of people who did not, on whole items.

The control group are items that would have been asked with boxes and were, at random, asked without (`Audit.why`
`control`). While a line has too few of these, its random audits stand in: they were drawn from all items, sure ones
included, so items may be easier than asked ones, and time per box is compared, not per item. The two are never added
up. Items of the test split are no lot and never count, and neither do answers to questions whose proposals should have
been shown and were not: they are no work with proposals, and no lot has drawn them to be work without.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from blocks.frozen import Frozen
from tasks.monitor.cost.spent import Spent
from tasks.monitor.options import MonitorOptions
from tasks.triage.audit import RANDOM

CONTROL = "control"


class Side(Frozen):
    """People's time on whole items, with proposals shown or hidden."""

    items: int
    boxes: int
    seconds: float

    @property
    def per_item(self) -> float | None:
        """Seconds per item; None without items."""
        return self.seconds / self.items if self.items else None

    @property
    def per_box(self) -> float | None:
        """Seconds per box that was left; None without boxes."""
        return self.seconds / self.boxes if self.boxes else None


class ControlReport(Frozen):
    """Seconds with proposals shown against hidden."""

    group: str = Field(description="control, or random while a line has too few items of its control group")
    shown: Side
    hidden: Side
    ratio: float | None = Field(description="seconds per box, shown over hidden; None: not enough evidence")
    low: float | None = Field(default=None, description="lower end of the 95 % interval")
    high: float | None = Field(default=None, description="upper end of the 95 % interval")
    words: str


def compare_control(spent: Sequence[Spent], options: MonitorOptions) -> ControlReport:
    """Compare seconds per box of whole-item answers, with an interval that resamples items.

    Args:
        spent: Of one collection; only counted and measured answers about whole items are used.
        options: How many items each side needs, resamples, seed.
    """
    whole = [one for one in spent if one.counted and one.seconds is not None and one.is_about_item]
    shown = _by_item([one for one in whole if not one.blind and one.saw_proposals])
    group, hidden = _hidden(whole, options.least_items)
    sides = (_side(shown), _side(hidden))
    missing = [
        f"{side.items} items and {side.boxes} boxes with proposals {name}"
        for name, side in zip(("shown", "hidden"), sides, strict=True)
        if side.items < options.least_items or not side.boxes
    ]
    if missing:
        words = f"not enough evidence: {' and '.join(missing)}, {options.least_items} items with boxes are needed"
        return ControlReport(group=group, shown=sides[0], hidden=sides[1], ratio=None, words=words)
    ratio = float(_per_box(shown) / _per_box(hidden))
    low, high = _interval(shown, hidden, options)
    change = round(100 * (ratio - 1))
    much = f"{abs(change)} % {'less' if change < 0 else 'more'} time" if change else "as much time"
    words = f"{much} per box with proposals shown ({low:.2f} to {high:.2f} of the time)"
    return ControlReport(group=group, shown=sides[0], hidden=sides[1], ratio=ratio, low=low, high=high, words=words)


def _hidden(whole: Sequence[Spent], least_items: int) -> tuple[str, NDArray[np.float64]]:
    """Return the group that stands for items whose proposals were hidden: the control group once it is large enough."""
    groups = {why: _by_item([one for one in whole if one.why == why]) for why in (CONTROL, RANDOM)}
    enough = [why for why, rows in groups.items() if len(rows) >= least_items]
    some = [why for why, rows in groups.items() if len(rows)]
    group = next(iter([*enough, *some]), RANDOM)
    return group, groups[group]


def _by_item(spent: Sequence[Spent]) -> NDArray[np.float64]:
    """Return seconds and boxes per item, shape (items, 2): several people's answers averaged, parts added up."""
    items: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for one in spent:
        parts = items.setdefault(one.item_id, {})
        parts.setdefault(one.subject, []).append((one.seconds or 0.0, float(one.boxes)))
    sums = [sum(np.mean(answers, axis=0) for answers in parts.values()) for parts in items.values()]
    return np.array(sums, dtype=np.float64).reshape(-1, 2)


def _side(rows: NDArray[np.float64]) -> Side:
    return Side(items=len(rows), boxes=round(float(rows[:, 1].sum())), seconds=round(float(rows[:, 0].sum()), 1))


def _per_box(rows: NDArray[np.float64]) -> float:
    return float(rows[:, 0].sum() / rows[:, 1].sum())


def _interval(shown: NDArray[np.float64], hidden: NDArray[np.float64], options: MonitorOptions) -> tuple[float, float]:
    rng = np.random.default_rng(options.seed)
    sums = []
    for rows in (shown, hidden):
        drawn = rows[rng.integers(0, len(rows), (options.resamples, len(rows)))].sum(axis=1)
        sums.append(drawn[:, 0] / np.maximum(drawn[:, 1], 1.0))  # a resample without a box: as if it had one
    low, high = np.percentile(sums[0] / sums[1], [2.5, 97.5])
    return float(low), float(high)
