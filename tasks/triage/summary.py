"""What triage did and how a queue is coming along, as Markdown for people.

Names come from outside (files, classes, people), so every cell is escaped.
"""

import re
from collections.abc import Sequence

from tasks.detect.options import SHOW_SCORE
from tasks.triage.report import TriageReport

_ROUTE_WORDS = {
    "sure": "sure: nobody looks",
    "ask": "ask: people look, proposals shown",
    "audit": "audit: people label blind",
}
_OUTCOME_WORDS = {"accept": "accepted", "ask": "asked about", "drop": "dropped"}


def what_went_where(report: TriageReport) -> str:
    """Return tables of where items and boxes of a batch went and why."""
    title = f"## Triage of batch {escape_cell(report.batch_id)}"
    if not report.items:
        return f"{title}\n\nNothing was triaged: no item of this batch is usable."
    of_items = [
        (words, report.items_by_route[route], percent(report.items_by_route[route], report.items), why)
        for route, words in _ROUTE_WORDS.items()
        for why in [_why_text(report.items_by_reason.get(route, {}))]
    ]
    of_boxes = [
        (words, report.boxes_by_outcome[outcome], percent(report.boxes_by_outcome[outcome], report.boxes), why)
        for outcome, words in _OUTCOME_WORDS.items()
        for why in [_why_text(report.boxes_by_reason.get(outcome, {}))]
    ]
    unknown = ", ".join(escape_cell(name) for name in report.lacking)
    return "\n\n".join(
        [
            title,
            *([f"**The detector does not know {unknown}**: people find these without boxes."] if unknown else []),
            table(("items", "count", "share", "why"), of_items),
            table(("proposed boxes", "count", "share", "why"), of_boxes),
            "An item or a box with two reasons is counted under both. Proposed boxes are all that the detector "
            "reported, down to its lowest score; the page on human time and the demo count those of score "
            f"{SHOW_SCORE} and more.",
            *(f"Not judged: {escape_cell(note)}." for note in report.notes),
        ]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; numbers are right-aligned. `rows` may be empty."""
    is_number = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(head))]
    lines = [
        _line(head),
        "|" + "|".join("---:" if number else "---" for number in is_number) + "|",
        *(_line([f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]) for row in rows),
    ]
    return "\n".join(lines)


def percent(part: float, whole: float) -> str:
    """Return a share in words: `42 %`, and `–` of nothing."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.0f} %" if share in (0, 100) or 1 <= share <= 99 else f"{share:.1f} %"


def escape_cell(text: str) -> str:
    """Return text that shows as it is inside a Markdown table, whatever it contains."""
    return re.sub(r"([\\`*_{}\[\]<>()#|~!&])", r"\\\1", " ".join(text.split()))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape_cell(cell) for cell in cells) + " |"


def _why_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{why} {count:,}" for why, count in counts.items()) or "–"
