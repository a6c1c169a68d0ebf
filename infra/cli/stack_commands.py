"""`up`, `down`, `status`, `people`, `blocks`: the local stack in a terminal."""

import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from blocks.annotation_server import AnnotationServer
from infra.stack.connection import connected
from infra.stack.credentials import secrets_path
from infra.stack.documents import save_blocks, saved_server
from infra.stack.health import is_well
from infra.stack.people import ensure_people, people_path
from infra.stack.report import ServiceReport, StackReport, report_stack
from infra.stack.services import describe_service
from infra.stack.start import StackOptions, start_stack
from infra.stack.state import ServiceName, StackState, open_stack
from infra.stack.stop import stop_stack

console = Console(soft_wrap=True)


def start(home: Path, **ports: int | None) -> StackState:
    """Start what is missing of the stack, and show where everything is."""
    started = time.monotonic()
    with console.status("starting Label Studio, Prefect, MLflow, gateway and worker; the first time takes a minute"):
        state = start_stack(home, StackOptions(**ports), on_progress=lambda line: console.print(f"  {line}"))
    console.print(f"all is up after {time.monotonic() - started:.0f} s")
    console.print(addresses(state))
    console.print(f"Label Studio: log in as {state.credentials.email}; the password is in {secrets_path(home)}")
    return state


def stop(home: Path) -> None:
    """End the stack."""
    with console.status("stopping"):
        ended = stop_stack(home, on_progress=lambda line: console.print(f"  {line}"))
    console.print(f"{ended} processes ended" if ended else "nothing was running")


def show_status(home: Path) -> bool:
    """Show what runs and what waits; say whether all is well."""
    report = report_stack(home)
    console.print(_service_table(report.services))
    if report.queues:
        console.print(_queue_table(report))
        console.print(f"questions of {report.catalog}", highlight=False)
    if report.runs_by_state:
        counts = report.runs_by_state
        console.print(
            f"runs: {counts['running']} running, {counts['paused']} asleep until people have answered, "
            f"{counts['scheduled']} scheduled, {counts['failed']} failed ({report.state.urls.prefect_ui}/runs)"
        )
    if not report.is_well:
        console.print("not all is well: `labelline up` starts what is missing, `labelline doctor` says more")
    return report.is_well


def invite(home: Path, emails: list[str]) -> None:
    """Make the accounts that are missing in Label Studio."""
    server = _server_of_people(open_stack(home))
    made = ensure_people(server, home, emails)
    console.print(f"{len(made)} accounts made at {server.url}; {len(emails) - len(made)} were there")
    if made:
        console.print(f"their first passwords are in {people_path(home)}")


def _server_of_people(state: StackState) -> AnnotationServer:
    """Return the Label Studio in which lines ask: a team's own where the saved block names it."""
    if not is_well(describe_service(ServiceName.PREFECT, state), state):
        return state.server
    with connected(state):
        return saved_server() or state.server


def register(home: Path) -> None:
    """Register our block types and save the documents of this machine."""
    state = open_stack(home)
    with connected(state):
        saved = save_blocks(state)
    console.print(f"saved {', '.join(saved)}; see {state.urls.prefect_ui}/blocks")


def addresses(state: StackState) -> Table:
    """Return where a person finds what, as a table."""
    table = Table(show_header=False, box=None)
    table.add_row("people answer here", "Label Studio", state.urls.label_studio)
    table.add_row("runs and schedules", "Prefect", state.urls.prefect_ui)
    table.add_row("detectors and trainings", "MLflow", state.urls.mlflow)
    return table


def _service_table(services: list[ServiceReport]) -> Table:
    table = Table("service", "state", "address", "up for", "memory", "pid")
    for service in services:
        down = "[yellow]does not answer[/]" if service.running else "[red]down[/]"
        table.add_row(
            service.name,
            "[green]well[/]" if service.well else down,
            service.url or "",
            str(timedelta(seconds=int(service.up_s))) if service.up_s is not None else "",
            f"{service.memory_mb} MB" if service.memory_mb else "",
            str(service.pid or ""),
        )
    return table


def _queue_table(report: StackReport) -> Table:
    table = Table("queue", "open", "answered", "address")
    for queue in report.queues:
        table.add_row(queue.queue, str(queue.open), str(queue.answered), queue.url or "")
    return table
