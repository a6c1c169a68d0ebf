"""Plots of what a look at a line found, as JPEG addresses that an artifact can carry."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.monitor.judged import JudgedItem
from tasks.monitor.quality import ALL_CLASSES, Quality, Reliability
from tasks.monitor.report import MonitorReport
from tasks.settle.pictures import jpeg_data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES = 12
"""Bars beyond that cannot be read."""

WINDOW = 20
"""Items over which agreement is averaged."""

BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
"""Okabe and Ito's palette, which colour-blind people can tell apart."""


def monitor_plot(report: MonitorReport, judged: Sequence[JudgedItem], show_score: float) -> str:
    """Return three panels: precision and recall by class, reliability, and agreement over time; empty ones say so."""
    from matplotlib.figure import Figure  # not pyplot: its global state is not for threads

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _classes(left, report.qualities)
    _reliability(middle, report.reliabilities)
    _agreement(right, [item for item in judged if item.blind], show_score)
    return figure_uri(figure)


def figure_uri(figure: "Figure", dpi: int = 90) -> str:
    """Return a figure as a JPEG `data:` address."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    rgba = np.asarray(canvas.buffer_rgba(), dtype=np.uint8)
    return jpeg_data_uri(np.ascontiguousarray(rgba[:, :, 2::-1]))


def _classes(axes: Any, qualities: Sequence[Quality]) -> None:
    axes.set_title("precision and recall by class (newest detector, blind)", fontsize=9)
    newest = qualities[-1].detector if qualities else None
    mine = [one for one in qualities if one.blind and one.detector == newest and one.class_name != ALL_CLASSES]
    mine = sorted(mine, key=lambda one: -one.recall.of)[:MOST_CLASSES]
    if not mine:
        return _say_nothing(axes)
    for shift, colour, name in ((-0.2, BLUE, "precision"), (0.2, ORANGE, "recall")):
        shares = [(place, getattr(one, name)) for place, one in enumerate(mine) if getattr(one, name).of]
        values = [share.value for _, share in shares]
        ends = np.array([share.interval() for _, share in shares], dtype=np.float64).reshape(-1, 2)
        # Rounding may leave an end of the interval a hair inside the value.
        errors = np.clip([np.array(values) - ends[:, 0], ends[:, 1] - np.array(values)], 0, None)
        axes.bar([place + shift for place, _ in shares], values, 0.38, color=colour, label=name)
        axes.errorbar([place + shift for place, _ in shares], values, yerr=errors, fmt="none", ecolor="black", lw=0.8)
    axes.set_xticks(range(len(mine)), [one.class_name[:14] for one in mine], rotation=30, fontsize=8)
    axes.set_ylim(0, 1.05)
    axes.legend(fontsize=8)
    return None


def _reliability(axes: Any, reliabilities: Sequence[Reliability]) -> None:
    axes.set_title("of boxes with this score, so many are right", fontsize=9)
    if not any(one.expected_error is not None for one in reliabilities):
        return _say_nothing(axes)
    axes.plot([0, 1], [0, 1], color="grey", lw=0.8, ls="--")
    for one in reliabilities[-4:]:
        points = [(each.mean_score, each.right.value) for each in one.bins if each.right.of]
        axes.plot(*zip(*points, strict=True), marker="o", ms=4, label=one.detector[:12])
    axes.set_xlabel("score", fontsize=8)
    axes.legend(fontsize=8)
    return None


def _agreement(axes: Any, blind: Sequence[JudgedItem], show_score: float) -> None:
    axes.set_title(f"agreement, item by item (mean of {WINDOW})", fontsize=9)
    counts = [item.found(show_score) for item in blind]
    dice = np.array([2 * right / (said + there) for said, right, there in counts if said + there])
    if not len(dice):
        return _say_nothing(axes)
    axes.plot(np.arange(len(dice)), dice, ".", color="lightgrey")
    width = min(WINDOW, len(dice))
    axes.plot(np.arange(width - 1, len(dice)), np.convolve(dice, np.ones(width) / width, "valid"), color=GREEN)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("items in the order of their answers", fontsize=8)
    return None


def _say_nothing(axes: Any) -> None:
    axes.text(0.5, 0.5, "not enough evidence", ha="center", va="center", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])
