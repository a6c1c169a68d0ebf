"""From a sample to the collection: sums are scaled up, and intervals come from the sample drawn again and again.

Pictures are drawn, not questions or boxes: those of one picture belong together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from infra.forecast.dry_run import DryRun
from infra.forecast.result import CONFIDENCE, Interval
from tasks.kinds.geometry import Floats

RESAMPLES = 1999
"""Of the bootstrap: enough for the ends of a 95 % interval (Efron and Tibshirani 1993, section 13.3)."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """Sums over the sample by name of a column, as they are and in every sample drawn anew, for `pictures` of them.

    Attributes:
        sums: By column.
        drawn: By column, shape (`RESAMPLES`,).
        factor: How many pictures of the collection one of the sample stands for.
    """

    sums: Mapping[str, float]
    drawn: Mapping[str, Floats]
    factor: float

    def total(self, column: str, unit: float = 1.0) -> Interval:
        """Return the sum of a column over the collection."""
        return _interval(self.sums[column], self.drawn[column]).times(self.factor * unit)

    def ratio(self, above: str, below: str) -> Interval | None:
        """Return the quotient of two columns; None where the second is nothing."""
        if not self.sums[below]:
            return None
        some = self.drawn[below] > 0
        return _interval(self.sums[above] / self.sums[below], self.drawn[above][some] / self.drawn[below][some])


def resample(columns: Mapping[str, Floats], pictures: int, seed: int) -> Resampled:
    """Draw a sample anew many times, all columns together.

    Args:
        columns: By name, a number for each picture of the sample, shape (n,); n is 1 or more.
        pictures: Of the collection.
        seed: The same seed draws the same.
    """
    count = len(next(iter(columns.values())))
    picks = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    drawn = {name: values[picks].sum(axis=1) for name, values in columns.items()}
    return Resampled({name: float(values.sum()) for name, values in columns.items()}, drawn, pictures / count)


def columns_of(run: DryRun, queues: tuple[str, ...], by_hand: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return what is scaled up, a number for each picture: questions and seconds of each queue, labels, by hand.

    A page of crops counts for the picture of its first one.
    """
    place = {picture.item_id: number for number, picture in enumerate(run.pictures)}
    names = [f"{what} {queue}" for queue in queues for what in ("questions", "seconds")]
    columns: dict[str, Floats] = {name: np.zeros(len(place)) for name in (*names, "questions", "seconds")}
    for time in run.times:
        for name, amount in (("questions", 1.0), ("seconds", time.seconds)):
            columns[name][place[time.item_id]] += amount
            columns[f"{name} {time.queue}"][place[time.item_id]] += amount
    for name in ("labels", "right", "true"):
        columns[name] = np.array([getattr(picture, name) for picture in run.pictures], np.float64)
    return columns | dict(by_hand)


def _interval(value: float, drawn: Floats) -> Interval:
    low, high = np.quantile(drawn, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)).tolist()
    return Interval(value=value, low=min(low, value), high=max(high, value))
