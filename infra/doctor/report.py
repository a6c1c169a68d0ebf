"""The doctor's report in a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape

from infra.doctor.findings import Finding, Level

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def print_findings(findings: Iterable[Finding], console: Console | None = None) -> int:
    """Print findings as they come, one a line.

    Returns:
        The exit code: 1 where something fails, else 0.
    """
    console = console or Console()
    counts = dict.fromkeys(Level, 0)
    for finding in findings:
        counts[finding.level] += 1
        label = f"[{COLOURS[finding.level]}]{finding.level:<4}[/]"
        console.print(f"{label} {escape(finding.what)}: {escape(finding.found)}", soft_wrap=True, highlight=False)
        if finding.advice:
            console.print(f"     → {escape(finding.advice)}", soft_wrap=True, highlight=False)
    console.print(f"{counts[Level.OK]} well, {counts[Level.WARN]} warnings, {counts[Level.FAIL]} failures")
    return 1 if counts[Level.FAIL] else 0
