"""Following a run in a terminal until it ends; Ctrl-C leaves it running."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from blocks.errors import StackError
from infra.cli.progress.line_progress import BatchProgress, read_progress
from infra.cli.progress.watch import RunWatch
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from sqlalchemy import Engine

console = Console(soft_wrap=True, markup=False, emoji=False)

POLL_S = 1.0


class CountColumn(MofNCompleteColumn):
    """How many of how many, and nothing where nobody knows of how many."""

    def render(self, task: Task) -> Text:
        """Return what stands behind a bar."""
        return Text() if task.total is None else super().render(task)


IN_WORDS = {
    "Suspended": "asleep until people have answered",
    "Scheduled": "waiting for its turn",
    "Late": "waiting for its turn, longer than usual: other runs may be in front of it",
    "Pending": "starting",
    "AwaitingRetry": "waiting to be tried again",
    "AwaitingConcurrencySlot": "waiting until another run of its kind has ended",
}
"""What Prefect's names of states mean."""


def follow_run(client: "SyncPrefectClient", state: StackState, run: "FlowRun", what: str) -> None:
    """Wait for a run's end, with a line that moves.

    Raises:
        StackError: It failed, or nothing carries it on: the worker is dead, the pool paused, the disk full.
    """
    with leaving_on_interrupt(state, run), console.status(f"{escape(what)} …") as line:
        for look in looks_at(client, state, run):
            run = look
            line.update(f"{escape(what)} … {state_in_words(run)}")
    require_success(state, run)


def follow_label(client: "SyncPrefectClient", state: StackState, engine: "Engine", run: "FlowRun") -> None:
    """Wait for a labelling run's end, and show how far machines and people have come.

    Raises:
        StackError: It failed, or nothing carries it on: the worker is dead, the pool paused, the disk full.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        CountColumn(),
        TimeElapsedColumn(),
    )
    with leaving_on_interrupt(state, run), Progress(*columns, console=console) as bars:
        view = LabelView(bars, state.urls.label_studio)
        for look in looks_at(client, state, run):
            run = look
            view.show_state(state_in_words(run))
            view.show(read_progress(engine, str(run.id)))
    require_success(state, run)


def looks_at(client: "SyncPrefectClient", state: StackState, run: "FlowRun") -> "Iterator[FlowRun]":
    """Yield a run, looked at once a second, until it has ended.

    Raises:
        StackError: Nothing carries it on; says what is dead, paused or full, and in which state the run is left.
    """
    watch = RunWatch(client, state, console.print)
    while not has_ended(run):
        time.sleep(POLL_S)
        run = watch.read(run)
        yield run


class LabelView:
    """The bars of one labelling run: a bar appears when its work begins."""

    def __init__(self, bars: Progress, label_studio_url: str) -> None:
        self._bars = bars
        self._url = label_studio_url
        self._tasks: dict[str, TaskID] = {}

    def show_state(self, told: str) -> None:
        """Say what the run does, also before there is anything to count."""
        name = "state of the run"
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task("", total=None)
        self._bars.update(self._tasks[name], description=f"the run is {told}")

    def show(self, progress: BatchProgress) -> None:
        """Bring the bars to a batch's progress."""
        if not progress.items:
            return
        self._bar("model looks at items", progress.scanned, progress.items)
        for queue in progress.queues:
            self._bar(f"people answer {queue.name}", queue.answered, queue.asked)
            if queue.project_id and self._is_new(f"address of {queue.name}"):
                self._bars.console.print(
                    f"{queue.asked - queue.answered} questions of {queue.name} wait for people at "
                    f"{self._url}/projects/{queue.project_id}/"
                )
        if progress.queues or progress.settled:
            self._bar("items settled", progress.settled, progress.items - progress.set_aside)

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


def has_ended(run: "FlowRun") -> bool:
    """Say whether a run has ended, well or not."""
    return run.state is not None and run.state.is_final()


def state_in_words(run: "FlowRun") -> str:
    """Return what a run does: "running", "asleep until people have answered"."""
    name = (run.state.name if run.state else None) or "Scheduled"
    return IN_WORDS.get(name, name.lower())


def require_success(state: StackState, run: "FlowRun") -> None:
    """Refuse to go on after a run that did not complete.

    Raises:
        StackError: How it ended, and where its log is.
    """
    if run.state is None or not run.state.is_completed():
        reason = (run.state.message if run.state else None) or "no reason was given"
        raise StackError(
            f"run {run.name} ended as {state_in_words(run)}: {reason}. Its log: "
            f"{state.urls.prefect_ui}/runs/flow-run/{run.id}"
        )
