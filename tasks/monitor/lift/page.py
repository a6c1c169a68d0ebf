"""What suggestions are worth, as a page in the Prefect UI with a plot."""

from collections.abc import Mapping, Sequence
from typing import Any

from blocks.frozen import Frozen
from tasks.monitor.lift.compare import Compared, Lift
from tasks.monitor.plots import BLUE, MOST_CLASSES, ORANGE, figure_uri
from tasks.suggest.shown import RETRIED_SHARE
from tasks.triage.summary import escape_cell, table

HEAD = (
    "of",
    "with",
    "without",
    "seconds, with over without",
    "wrong, with less without",
    "followed",
    "wrong suggestions",
    "taken over",
    "anchoring",
    "verdict",
)


class LiftReport(Frozen):
    """What suggestions are worth on one line."""

    collection: str
    whole: Lift
    by_class: tuple[Lift, ...] = ()
    by_person: tuple[Lift, ...] = ()
    quiet: tuple[str, ...] = ()
    gone_quiet: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


def lift_page(report: LiftReport, reasons: Mapping[str, str], plot: str | None = None) -> str:
    """Return a report as Markdown; where one side has too few answers it says so, and gives no number.

    Args:
        report: What was found.
        reasons: Why each quiet class is.
        plot: A `data:` address of `lift_plot`.
    """
    parts = [f"## What suggestions are worth: {escape_cell(report.collection)}", _verdict(report)]
    if plot:
        parts.append(f"![plots]({plot})")
    parts += [
        "### By suggested class",
        _rows([report.whole, *report.by_class]),
        "### By person",
        _rows(report.by_person),
    ]
    if report.quiet:
        told = [f"- `{escape_cell(name)}`: {escape_cell(reasons.get(name, ''))}" for name in report.quiet]
        parts += [f"### Quiet: suggested on {RETRIED_SHARE:.0%} of its items only", "\n".join(told)]
    parts.append(
        "Without: answers of the random sample and the control group, from whom a lot kept the suggestion. Wrong: "
        "another class than the label that settled, which is seen only where several people answer. Followed: how much "
        "oftener people say what is suggested when they see it. Anchoring: how much oftener a wrong one is taken "
        "over than people without it make the same mistake. Intervals at 95 %, by resampling answers. A class that was "
        "ever quiet is measured by what was answered since; it comes back once its suggestions are shown to help."
    )
    return "\n\n".join(parts)


def lift_plot(report: LiftReport) -> str | None:
    """Return seconds and errors by class and person with their intervals; None where nothing can be compared."""
    from matplotlib.figure import Figure  # not pyplot: its global state is not for threads

    lifts = [one for one in (report.whole, *report.by_class, *report.by_person) if one.error_change][:MOST_CLASSES]
    if not lifts:
        return None
    figure = Figure(figsize=(10, 1.4 + 0.3 * len(lifts)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _bars(left, "seconds, with over without (below 1: faster)", [one.seconds_ratio for one in lifts], 1.0, BLUE)
    _bars(right, "wrong, with less without (below 0: fewer)", [one.error_change for one in lifts], 0.0, ORANGE)
    left.set_yticks(range(len(lifts)), [one.of[:24] for one in lifts], fontsize=8)
    left.invert_yaxis()
    return figure_uri(figure)


def _bars(axes: Any, title: str, intervals: Sequence[Compared | None], even: float, colour: str) -> None:
    axes.set_title(title, fontsize=9)
    axes.axvline(even, color="grey", lw=0.8, ls="--")
    for place, one in enumerate(intervals):
        if one is not None:
            axes.plot([one.low, one.high], [place, place], color=colour)
            axes.plot(one.value, place, "o", color=colour, ms=4)


def _verdict(report: LiftReport) -> str:
    one = report.whole
    if one.verdict == "not enough evidence" and one.error_change is None:
        return f"Not enough evidence: {one.shown} answers saw a suggestion, and {one.blind} by lot saw none."
    told = {"helps": "Suggestions help.", "no lift": "**Suggestions do not help.**"}.get(
        one.verdict, "It is not shown."
    )
    gone = f" Quiet from now on: {', '.join(map(escape_cell, report.gone_quiet))}." if report.gone_quiet else ""
    back = f" Suggested again: {', '.join(map(escape_cell, report.back))}." if report.back else ""
    return f"{told}{gone}{back}"


def _rows(lifts: Sequence[Lift]) -> str:
    rows = [
        (
            escape_cell(one.of),
            f"{one.shown:,}",
            f"{one.blind:,}",
            *(str(each) if each else "–" for each in (one.seconds_ratio, one.error_change, one.followed)),
            f"{one.wrong_suggestions:,}",
            *(str(each) if each else "–" for each in (one.taken_over, one.anchoring)),
            one.verdict,
        )
        for one in lifts
    ]
    return table(HEAD, rows) if rows else "Nobody has answered about a class with a suggestion yet."
