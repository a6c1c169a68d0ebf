"""One measured run of the whole line with simulated people: what `make demo` and `make real` share.

They differ in pictures, truth, first weights, classes and options, and in nothing else: the same deployments run on the
same stack, people answer through the same Label Studio, and the automation starts the retraining.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from blocks.database.engine import open_engine
from blocks.errors import LabellingError
from blocks.storage.stores import FolderStore
from infra.annotators.people import People
from infra.annotators.truth import read_world
from infra.demo.annotators import SimulatedAnnotators
from infra.demo.outcome import DemoReport, read_outcome, write_report
from infra.demo.phases import overhead_share, people_spans, task_spans, wall_seconds
from infra.demo.runs import wait_for_run, wait_for_triggered_run
from infra.demo.summary import draw_picture, print_summary
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import StackState
from infra.stack.stop import stop_stack

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.options import LineOptions

MARKER = "made-by-labelline-demo"
"""A file that says that a state folder is a demo's own, and may be emptied by the next one."""

ANY_HEADING_Z = 8.0
"""For pictures from above: in the demo, cars that merely head another way have z up to 7.1 in width to height."""


@dataclass(slots=True)
class Clock:
    """Wall time of a run, and of those phases that this process does itself."""

    started: float = field(default_factory=time.monotonic)
    known: dict[str, float] = field(default_factory=dict)

    def timed(self, phase: str, since: float) -> None:
        """Note that a phase took from `since` until now."""
        self.known[phase] = self.known.get(phase, 0.0) + time.monotonic() - since

    @property
    def total(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started


@dataclass(frozen=True, slots=True)
class DemoRun:
    """What one measured run is about.

    Attributes:
        title: Shown above its table.
        images: The folder that intake takes in.
        truth: The folder from which simulated people answer.
        line: The line's options, with the first weights as its detector.
        people: Who answers.
        run_limit_s: After how long a flow run is given up.
    """

    title: str
    images: Path
    truth: Path
    line: "LineOptions"
    people: People
    run_limit_s: float = 1200.0


def own_home(home: Path) -> Path:
    """Empty the state folder of an earlier demo, or make a new one; anything else in its place is left alone.

    Raises:
        LabellingError: The folder holds something that no demo made.
    """
    if home.exists() and any(home.iterdir()):
        if not (home / MARKER).exists():
            raise LabellingError(f"{home} holds something that no demo made: move it away, or set LABELLINE_HOME")
        stop_stack(home)
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / MARKER).touch()
    return home.resolve()


def run_trial(trial: DemoRun, home: Path, clock: Clock, keep: bool) -> DemoReport:
    """Run the whole line once on a stack of its own, and leave `report.json` and `picture.jpg` in its home.

    Args:
        trial: What is run.
        home: The state folder of this run, from `own_home`.
        clock: Started when the demo was; knows what was done before.
        keep: Leave the stack up at the end, also after an error.

    Raises:
        LabellingError: A part of the line failed, with its reason.
    """
    console = Console()
    os.environ["LABELLINE_HOME"] = str(home)
    try:
        since = time.monotonic()
        state = start_stack(home, on_progress=lambda line: console.print(f"[dim]{line}[/]"))
        clock.timed("setup", since)
        with connected(state) as client:
            outcome = _run_line(trial, state, client, clock, console.print)
        write_report(home / "report.json", outcome)
        engine, store = open_engine(catalog_url(home)), FolderStore(home / "objects")
        draw_picture(engine, store, outcome, home / "picture.jpg")
        print_summary(console, trial.title, outcome, state, stays_up=keep)
        return outcome
    finally:
        if not keep:
            stop_stack(home)


def _run_line(
    trial: DemoRun, state: StackState, client: "SyncPrefectClient", clock: Clock, tell: Callable[[str], None]
) -> DemoReport:
    line, engine, limit_s = trial.line, open_engine(catalog_url(state.home)), trial.run_limit_s
    world = read_world(trial.truth)
    with SimulatedAnnotators(state.server, world, line.collection, trial.people, engine) as annotators:
        took = start_run(client, deployed_as("intake"), folder=str(trial.images), collection=line.collection).id
        wait_for_run(client, took, limit_s)
        tell(f"took in {len(world.pictures)} pictures")
        labelled = start_run(client, deployed_as("label"), line=line.model_dump(mode="json")).id
        wait_for_run(client, labelled, limit_s, meanwhile=annotators.check)
        tell(f"labelled: people gave {annotators.report.answers} answers")
    retrained = wait_for_triggered_run(client, "retrain", labelled, limit_s)
    tell("retrained")
    outcome = read_outcome(state, line, world, annotators.report)
    spans = task_spans(client, [took, labelled, retrained])
    spans["people"] = people_spans(engine, outcome.batch_id)
    wall = wall_seconds(spans, clock.known, clock.total)
    return outcome.model_copy(update={"wall_seconds": wall, "overhead_share": overhead_share(wall)})
