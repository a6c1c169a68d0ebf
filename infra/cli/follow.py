"""Following a run in a terminal until it ends; Ctrl-C leaves it running."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from blocks.errors import StackError
from infra.cli.line_progress import BatchProgress, read_progress
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from sqlalchemy import Engine

console = Console(soft_wrap=True)

POLL_S = 1.0


def follow_run(client: "SyncPrefectClient", state: StackState, run: "FlowRun", what: str) -> None:
    """Wait for a run's end, with a line that moves.

    Raises:
        StackError: It failed.
    """
    with leaving_on_interrupt(state, run), console.status(f"{what} …") as line:
        while not _has_ended(run):
            time.sleep(POLL_S)
            run = client.read_flow_run(run.id)
            line.update(f"{what} … {_state_name(run)}")
    _require_success(state, run)


def follow_label(client: "SyncPrefectClient", state: StackState, engine: "Engine", run: "FlowRun") -> None:
    """Wait for a labelling run's end, and show how far machines and people have come.

    Raises:
        StackError: It failed.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with leaving_on_interrupt(state, run), Progress(*columns, console=console) as bars:
        view = LabelView(bars, state.urls.label_studio)
        while not _has_ended(run):
            time.sleep(POLL_S)
            run = client.read_flow_run(run.id)
            view.show(read_progress(engine, str(run.id)))
    _require_success(state, run)


class LabelView:
    """The bars of one labelling run: a bar appears when its work begins."""

    def __init__(self, bars: Progress, label_studio_url: str) -> None:
        self._bars = bars
        self._url = label_studio_url
        self._tasks: dict[str, TaskID] = {}

    def show(self, progress: BatchProgress) -> None:
        """Bring the bars to a batch's progress."""
        if not progress.items:
            return
        self._bar("detector looks at images", progress.scanned, progress.items)
        for queue in progress.queues:
            self._bar(f"people answer {queue.name}", queue.answered, queue.asked)
            if queue.project_id and self._is_new(f"address of {queue.name}"):
                self._bars.console.print(
                    f"{queue.asked - queue.answered} questions of {queue.name} wait for people at "
                    f"{self._url}/projects/{queue.project_id}/"
                )
        if progress.queues or progress.settled:
            self._bar("images settled", progress.settled, progress.items - progress.set_aside)

    def _bar(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name)
        self._bars.update(self._tasks[name], completed=done, total=total)

    def _is_new(self, name: str) -> bool:
        seen = name in self._tasks
        self._tasks.setdefault(name, TaskID(-1))
        return not seen


@contextmanager
def leaving_on_interrupt(state: StackState, run: "FlowRun") -> Iterator[None]:
    """Turn Ctrl-C into leaving: the run goes on."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"the run goes on without you: {state.urls.prefect_ui}/runs/flow-run/{run.id}")
        raise typer.Exit(130) from None


def _has_ended(run: "FlowRun") -> bool:
    return run.state is not None and run.state.is_final()


def _state_name(run: "FlowRun") -> str:
    name = (run.state.name if run.state else None) or "Scheduled"
    return {"Suspended": "asleep until people have answered"}.get(name, name.lower())


def _require_success(state: StackState, run: "FlowRun") -> None:
    if run.state is None or not run.state.is_completed():
        reason = (run.state.message if run.state else None) or "no reason was given"
        raise StackError(
            f"run {run.name} ended as {_state_name(run)}: {reason}. Its log: "
            f"{state.urls.prefect_ui}/runs/flow-run/{run.id}"
        )
