"""How far model and people agree: precision and recall by class, score and detector version, and reliability.

Precision: of what the detector proposed from a score on, the share that people say is there. Recall: of what people
say is there, the share that the detector had proposed. Intervals are Wilson's over boxes: honest for single boxes, too
narrow where the boxes of an item share its mistakes; what a line promises is proven elsewhere (`tasks/audit`), by item.
"""

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
from pydantic import Field

from blocks.frozen import Frozen
from tasks.kinds.metrics import BINS, expected_calibration_error, score_bins
from tasks.monitor.judged import JudgedItem
from tasks.monitor.options import MonitorOptions

BIN_EDGES = np.linspace(0.0, 1.0, BINS + 1)
ALL_CLASSES = "(all)"


class Share(Frozen):
    """A share of something, which may be nothing."""

    of: int
    count: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.count / self.of if self.of else None

    def interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % interval; 0 to 1 of nothing."""
        from scipy.stats import binomtest

        if not self.of:
            return 0.0, 1.0
        found = binomtest(self.count, self.of).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def in_words(self) -> str:
        """Say it with its interval and evidence, or that there is none."""
        if self.value is None:
            return "not enough evidence"
        low, high = self.interval()
        return f"{self.value:.3f} ({low:.3f} to {high:.3f}, {self.count:,} of {self.of:,})"


class Quality(Frozen):
    """Precision and recall of one class by one detector version, on items seen blind or with proposals."""

    detector: str
    class_name: str
    blind: bool
    items: int
    precision: Share
    recall: Share


class Bin(Frozen):
    """Proposals whose scores lie from `low` on and below `high`, and how many of them were right."""

    low: float
    high: float
    mean_score: float | None = Field(description="None: no proposal has such a score")
    right: Share


class Reliability(Frozen):
    """Whether scores mean what they say, of one detector version on blind items."""

    detector: str
    bins: tuple[Bin, ...]
    unscored: int = Field(description="proposals whose score is no number: in no bin")
    expected_error: float | None = Field(description="expected calibration error; None: nothing was judged")


def qualities(judged: Sequence[JudgedItem], options: MonitorOptions) -> list[Quality]:
    """Return precision and recall by detector version, way of asking and class, all classes together first.

    Detectors stand in the order in which people last judged them, the newest at the end.

    A class that people never saw and no detector ever proposed has no row; one that was only proposed has no recall.
    """
    found = []
    for detector, blind in product(_detectors(judged), (True, False)):
        mine = [item for item in judged if (item.detector, item.blind) == (detector, blind)]
        if not mine:
            continue
        for name in [None, *_classes(mine)]:
            proposed, right, objects = _totals(mine, options.show_score, name)
            found.append(
                Quality(
                    detector=detector,
                    class_name=name or ALL_CLASSES,
                    blind=blind,
                    items=len(mine),
                    precision=Share(of=proposed, count=right),
                    recall=Share(of=objects, count=right),
                )
            )
    return found


def reliabilities(judged: Sequence[JudgedItem]) -> list[Reliability]:
    """Return the reliability of each detector version on blind items, ten bins of scores each.

    Source:
        Guo et al., "On Calibration of Modern Neural Networks", 2017, section 2.
    """
    blind = [item for item in judged if item.blind]
    return [
        _reliability(detector, [item for item in blind if item.detector == detector]) for detector in _detectors(blind)
    ]


def _reliability(detector: str, items: Sequence[JudgedItem]) -> Reliability:
    scores = np.concatenate([np.zeros(0), *(item.scores for item in items)])
    right = np.concatenate([np.zeros(0, np.bool_), *(item.right for item in items)])
    known = np.isfinite(scores)
    scores, right = scores[known], right[known]
    places = score_bins(scores)
    bins = []
    for place in range(BINS):
        mine = places == place
        bins.append(
            Bin(
                low=float(BIN_EDGES[place]),
                high=float(BIN_EDGES[place + 1]),
                mean_score=float(scores[mine].mean()) if mine.any() else None,
                right=Share(of=int(mine.sum()), count=int(right[mine].sum())),
            )
        )
    return Reliability(
        detector=detector,
        bins=tuple(bins),
        unscored=int((~known).sum()),
        expected_error=expected_calibration_error(scores, right) if len(scores) else None,
    )


def _detectors(judged: Sequence[JudgedItem]) -> list[str]:
    """Return the detectors, the one that was judged last at the end."""
    last = {item.detector: item.answered_at for item in judged}
    return sorted(last, key=lambda detector: (last[detector], detector))


def _classes(items: Iterable[JudgedItem]) -> list[str]:
    return sorted({name for item in items for name in (*item.class_names, *item.objects)})


def _totals(items: Iterable[JudgedItem], least_score: float, class_name: str | None) -> tuple[int, int, int]:
    counts = np.array([item.found(least_score, class_name) for item in items], dtype=np.int64).reshape(-1, 3)
    proposed, right, objects = counts.sum(axis=0).tolist()
    return proposed, right, objects
