"""`labelline status` in a terminal: services, questions by collection, runs, and what stands in the way."""

import shlex
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.stack.report import ServiceReport, StackReport
from infra.stack.waiting import QueueReport, RunsReport, SweepReportLine

SHOWN = 10
"""Lines of one kind; `--json` has all."""


def show_report(report: StackReport, console: Console) -> None:
    """Print it: what is wrong last, where a person looks first."""
    console.print(_service_table(report.services))
    console.print("`labelline login` shows what to type at these addresses")
    if report.queues:
        console.print(_queue_table(report.queues))
        console.print(f"questions of {report.catalog}", highlight=False)
    for collection, count in report.skipped.items():
        noun = "item has" if count == 1 else "items have"
        told = f"{count} {noun} no answer in {collection}: `labelline reopen {shlex.quote(collection)}` asks again"
        console.print(told, markup=False)
    for line in report.sleepers[:SHOWN]:
        console.print(f"a run sleeps for {escape(line)}", highlight=False)
    _tell_more(console, len(report.sleepers), "sleeping runs")
    if report.runs is not None:
        _show_runs(report.runs, f"{report.state.urls.prefect_ui}/runs", console)
    if report.sweep is not None:
        _show_sweep(report.sweep, console)
    if not all(service.well for service in report.services):
        console.print("not all is well: `labelline up` starts what is missing, `labelline doctor` says more")


def _show_runs(runs: RunsReport, address: str, console: Console) -> None:
    counts = runs.by_state
    console.print(
        f"runs: {counts['running']} running, {counts['asleep']} asleep until people have answered, {counts['due']} due "
        f"and not begun, {counts['failed']} failed within a day ({address})"
    )
    for batch, collection in list(runs.left_behind.items())[:SHOWN]:
        console.print(
            f"batch {escape(batch)} of {escape(collection)} waits for a run: its own failed or was deleted. Run "
            "`labelline label` on its folder again, which goes on with it"
        )
    _tell_more(console, len(runs.left_behind), "such batches")
    for obstacle in runs.obstacles:
        console.print(f"[red]{escape(obstacle)}[/]")


def _show_sweep(sweep: SweepReportLine, console: Console) -> None:
    ago = timedelta(seconds=int((datetime.now(UTC) - sweep.ended_at).total_seconds()))
    console.print(f"last sweep: {ago} ago, {'not all of it could be done' if sweep.failed else 'all well'}")
    for line in sweep.failed[:SHOWN]:
        console.print(f"  [red]{escape(line)}[/]")
    _tell_more(console, len(sweep.failed), "failures")
    for line in sweep.mended[:SHOWN]:
        console.print(f"  mended: {escape(line)}")
    _tell_more(console, len(sweep.mended), "things mended")


def _tell_more(console: Console, count: int, what: str) -> None:
    if count > SHOWN:
        console.print(f"… {count:,} {what} in all: `labelline status --json` lists them")


def _service_table(services: list[ServiceReport]) -> Table:
    table = Table("service", "state", "address", "up for", "memory", "pid")
    for service in services:
        down = "[yellow]does not answer in time[/]" if service.running else "[red]down[/]"
        table.add_row(
            service.name,
            "[green]well[/]" if service.well else down,
            service.url or "",
            str(timedelta(seconds=int(service.up_s))) if service.up_s is not None else "",
            f"{service.memory_mb} MB" if service.memory_mb else "",
            str(service.pid or ""),
        )
    return table


def _queue_table(queues: list[QueueReport]) -> Table:
    table = Table("collection", "queue", "open", "answered", "skipped", "address")
    for one in queues:
        counts = (f"{n:,}" for n in (one.open, one.answered, one.skipped))
        table.add_row(escape(one.collection), one.queue, *counts, "\n".join(one.urls))
    return table
