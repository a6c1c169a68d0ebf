"""`fsck`: what keeps data safe, in a terminal."""

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.text import Text

from infra.cli.json_answer import print_json
from infra.cli.words import this_command
from infra.stack.plugs import open_plugs, refuse_empty
from infra.stack.state import open_stack
from tasks.keeping.check import CheckOptions, check_objects, forget_check
from tasks.keeping.report import CheckReport, ObjectFault

REMAINS = 4
"""Exit code where something is missing or damaged still, as of every fsck."""

TOLD_EVERY_S = 5.0
"""How often progress is told where there is no terminal."""

SHOWN_OF_A_KIND = 20


def check(home: Path, options: CheckOptions, *, anew: bool, as_json: bool) -> int:
    """Check all objects, show what is wrong and what to do, and return the exit code.

    Raises:
        StackError: No stack was ever started there.
        StoreUnavailable: The store cannot be read: run again, it goes on.
    """
    console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False, stderr=as_json)
    state = open_stack(home)
    plugs = open_plugs(state, console.print)
    refuse_empty(plugs, state)
    if anew:
        forget_check(plugs.engine, options.bookmark)
    with console.status("looking at objects") as status:
        tell = teller(console, status)
        report = check_objects(plugs.engine, plugs.stores, options, lambda found, at: tell(progress_line(found, at)))
    if as_json:
        print_json(report.model_dump(mode="json") | {"remaining": report.remaining, "mb_per_s": report.mb_per_s})
        sys.stdout.flush()
    else:
        show_check(report, console)
    return REMAINS if report.remaining else 0


def progress_line(report: CheckReport, at: str) -> str:
    """Return how far a check has come."""
    wrong = "".join(f", {count} {what}" for what, count in sorted(report.counts.items()))
    return f"{report.objects:,} objects, {report.bytes / 1e9:.2f} GB, {report.mb_per_s:.0f} MB/s{wrong}; at {at}"


def show_check(report: CheckReport, console: Console) -> None:
    """Show what was looked at, and what is wrong: what it means and what to do once for all of a kind."""
    seconds = f"{report.seconds:.0f} s ({report.mb_per_s:.0f} MB/s)"
    console.print(f"{report.objects:,} objects, {report.bytes / 1e9:.2f} GB looked at in {seconds}")
    alike: dict[tuple[str, str, str], list[ObjectFault]] = defaultdict(list)
    for fault in report.faults:
        alike[fault.what, fault.means, fault.do].append(fault)
    for (what, means, do), faults in alike.items():
        console.print(f"\n{what}: {means or 'whole again, from another copy'}")
        if do:
            console.print(f"  to do: {do}")
        for fault in faults[:SHOWN_OF_A_KIND]:
            console.print(f"  {fault.key}  {fault.told}")
        if len(faults) > SHOWN_OF_A_KIND:
            console.print(f"  and {len(faults) - SHOWN_OF_A_KIND} more; --json lists {len(report.faults)}")
    console.print()
    console.print(_verdict(report))


def _verdict(report: CheckReport) -> str:
    if not report.is_whole:
        return f"not at its end yet: `{this_command()} fsck` goes on"
    if report.remaining:
        return f"{report.remaining:,} objects are missing or damaged, or cannot be read"
    mended = report.counts.get("mended", 0)
    return f"all objects are whole{f'; {mended:,} were mended' if mended else ''}"


def teller(console: Console, status: Status) -> Callable[[str], None]:
    """Return what tells how far something is: beside a spinner, or now and then in a log."""
    return (lambda line: status.update(Text(line))) if console.is_terminal else now_and_then(console.print)


def now_and_then(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return what says a line at most every few seconds, for a log."""
    told_at = time.monotonic()

    def tell(line: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TOLD_EVERY_S:
            told_at = time.monotonic()
            say(line)

    return tell
