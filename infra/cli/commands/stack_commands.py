"""`up`, `down`, `status`, `people`, `blocks`: the local stack in a terminal."""

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from blocks.servers.annotation_server import AnnotationServer
from infra.cli.commands.login_commands import logins
from infra.cli.progress.status_page import show_report
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.documents import save_blocks, saved_server
from infra.stack.people import ensure_people, people_path
from infra.stack.renewal import rotate_secrets
from infra.stack.report import report_stack
from infra.stack.servers.health import is_well
from infra.stack.servers.services import describe_service
from infra.stack.start import StackOptions, start_stack
from infra.stack.state import ServiceName, StackState, open_stack
from infra.stack.stop import stop_stack

console = Console(soft_wrap=True)


def start(home: Path, options: StackOptions) -> StackState:
    """Start what is missing of the stack, and show where everything is; passwords on a terminal only."""
    started = time.monotonic()
    with console.status("starting Label Studio, Prefect, MLflow, gateway and worker; the first time takes a minute"):
        state = start_stack(home, options, on_progress=lambda line: console.print(f"  {line}"))
    console.print(f"all is up after {time.monotonic() - started:.0f} s")
    if sys.stdout.isatty():
        console.print(logins(state), highlight=False, markup=False)
    else:
        console.print(addresses(state))
        console.print("`labelline login` shows what to type there")
    return state


def show_login(home: Path) -> None:
    """Show where everything is, and what to type there."""
    console.print(logins(open_stack(home)), highlight=False, markup=False)


def stop(home: Path) -> None:
    """End the stack."""
    with console.status("stopping"):
        ended = stop_stack(home, on_progress=lambda line: console.print(f"  {line}"))
    console.print(f"{ended} processes ended" if ended else "nothing was running")


def rotate(home: Path) -> None:
    """Change every secret of the stack, and of what it posted."""

    def tell(line: str) -> None:
        console.print(f"  {line}")

    with console.status("changing secrets: the servers are started anew"):
        rotate_secrets(home, lambda at: stop_stack(at, tell), lambda at: start_stack(at, on_progress=tell), tell)
    console.print("all secrets are new; `labelline login` shows them. Everybody logs in to Label Studio again.")


def show_status(home: Path, *, as_json: bool = False) -> bool:
    """Show what runs and what waits; say whether all is well."""
    report = report_stack(home)
    if as_json:
        print(report.as_json())
    else:
        show_report(report, console)
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
