"""What a look at a line found, as a page in the Prefect UI."""

from collections.abc import Sequence

from tasks.monitor.quality import Quality, Reliability
from tasks.monitor.report import MonitorReport
from tasks.triage.summary import escape_cell, table


def monitor_page(report: MonitorReport, show_score: float, plot: str | None = None) -> str:
    """Return a report as Markdown; where nothing was judged, it says "not enough evidence" and no number.

    Args:
        report: What was found.
        show_score: The score from which boxes count, for the text.
        plot: A `data:` address of `monitor_plot`.
    """
    parts = [f"## Model against people: {escape_cell(report.collection)}", _verdict(report)]
    if plot:
        parts.append(f"![plots]({plot})")
    drifts = [
        (drift.what, f"{drift.before:,}", f"{drift.now:,}", _number(drift.distance), drift.words)
        for drift in (report.inputs, report.agreement)
    ]
    parts += ["### Drift", table(("of", "items then", "items now", "distance", "in words"), drifts)]
    for blind, title in ((True, "asked blind: the holdout"), (False, "seen with proposals, which people may follow")):
        mine = [one for one in report.qualities if one.blind == blind]
        parts += [f"### Boxes from score {show_score:g}, {title}", _qualities(mine)]
    parts += ["### Do scores mean what they say? (blind items)", _reliabilities(report.reliabilities)]
    parts.append(
        "Intervals are Wilson's at 95 % over boxes, too narrow where an item's boxes share a mistake. Distances:"
        " energy distance of embeddings, and difference of mean agreement; p-values by permutation."
    )
    return "\n\n".join(parts)


def _verdict(report: MonitorReport) -> str:
    if report.alarms:
        return "**Drift:** " + escape_cell("; ".join(report.alarms))
    if not report.items_blind:
        return "Not enough evidence: nobody has answered about an item blind yet, so nothing measures the detector."
    judged = f"{report.items_blind:,} items were judged blind, {report.items_shown:,} with proposals."
    open_ = [drift.what for drift in (report.inputs, report.agreement) if drift.distance is None]
    if open_:
        return f"{judged} Whether {' and '.join(open_)} have drifted: not enough evidence."
    return f"{judged} No drift is shown."


def _qualities(qualities: Sequence[Quality]) -> str:
    if not qualities:
        return "Not enough evidence: no such item was judged yet."
    rows = [
        (one.detector[:12], one.class_name, f"{one.items:,}", one.precision.in_words(), one.recall.in_words())
        for one in qualities
    ]
    return table(("detector", "class", "items", "precision", "recall"), rows)


def _reliabilities(reliabilities: Sequence[Reliability]) -> str:
    if not any(one.expected_error is not None for one in reliabilities):
        return "Not enough evidence: no proposal was judged blind yet."
    rows = [
        (one.detector[:12], f"{each.low:.1f} to {each.high:.1f}", _number(each.mean_score), each.right.in_words())
        for one in reliabilities
        for each in one.bins
        if each.right.of
    ]
    errors = ", ".join(f"{one.detector[:12]} {_number(one.expected_error)}" for one in reliabilities)
    unscored = sum(one.unscored for one in reliabilities)
    note = f" {unscored:,} proposals have a score that is no number." if unscored else ""
    shown = table(("detector", "score", "mean score", "precision"), rows)
    return f"{shown}\n\nExpected calibration error: {errors}.{note}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
