"""`make cold-start`: drawn parking lots, labelled from nothing at all, and the same lots wholly by hand beside them.

In the one collection the loop runs as it does for anybody without a detector: people draw everything in a few pictures
that are unlike each other, a small network is trained on these from random numbers, proposes, is trained again, and at
last proposes for all the rest. In the other the same people draw every box of every picture, and a network is trained
on that from random numbers, with as many steps as all trainings of the loop together. Both detectors are measured on
the same test pictures, in the truth of those that were labelled by hand.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from blocks.database.engine import open_engine
from blocks.errors import LabellingError
from blocks.home import labelline_home
from infra.annotators.people import People
from infra.annotators.times import HABIT_FOR
from infra.annotators.truth import KnownWorld, read_world
from infra.demo.annotators import SimulatedAnnotators
from infra.demo.cold_start.report import BY_HAND, COLD, ColdStartReport, read_report, report_table
from infra.demo.line_run import own_home
from infra.demo.runs import wait_for_run
from infra.demo.scenes.drawing import draw_scenes
from infra.demo.scenes.vehicles import CLASSES
from infra.demo.summary import in_hours
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import StackState
from infra.stack.stop import stop_stack

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.loop import LoopOptions
    from flows.options import LineOptions
    from tasks.review.questions.kinds.boxes.extreme_points import Drawing

SEED = 3
"""Of scenes that no other demo shows."""

ROUNDS = 2
RUN_LIMIT_S = 7200.0


def main() -> None:
    """Run in the state folder's `cold-start/`."""
    parser = argparse.ArgumentParser(description="Label drawn lots from nothing, with simulated people.")
    parser.add_argument("--pictures", type=int, default=100, help="how many are drawn (default: 100)")
    parser.add_argument("--steps", type=int, default=300, help="of each training (default: 300)")
    parser.add_argument(
        "--drawing", choices=tuple(HABIT_FOR), default="extreme_points", help="how people draw boxes, in both"
    )
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    chosen = parser.parse_args()
    if chosen.pictures < 18 or chosen.steps < 1:  # six lots: less leaves no lot to test on beside those to learn from
        parser.error(f"{chosen.pictures} pictures and {chosen.steps} steps: expected at least 18, and 1")
    try:
        run_cold_start(labelline_home() / "cold-start", chosen.pictures, chosen.steps, chosen.drawing, chosen.keep)
    except LabellingError as error:
        sys.exit(str(error))


def run_cold_start(
    home: Path, pictures: int, steps: int, drawing: "Drawing" = "extreme_points", keep: bool = False
) -> ColdStartReport:
    """Label drawn lots from nothing and by hand, and leave `report.json`.

    Args:
        home: The state folder of this run, emptied first if a demo made it.
        pictures: How many are drawn.
        steps: Of each training in the loop.
        drawing: How people draw boxes, in both collections.
        keep: Leave the stack up at the end, also after an error.

    Raises:
        LabellingError: A part of a line failed, with its reason.
    """
    started, console, home = time.monotonic(), Console(), own_home(home)
    os.environ["LABELLINE_HOME"] = str(home)
    scenes = draw_scenes(home / "scenes", pictures, SEED)
    world = read_world(scenes.folder)
    try:
        state = start_stack(home, on_progress=lambda line: console.print(f"[dim]{line}[/]"))
        with connected(state) as client:
            _take_in(state, client, console.print)
            _label_from_nothing(state, client, world, loop_of(pictures, steps, drawing), console.print)
            _label_by_hand(state, client, world, by_hand_of(pictures, steps, drawing), console.print)
        report = read_report(state, world, pictures, line_of(COLD, pictures, steps).tiling)
        report = report.model_copy(update={"wall_seconds": round(time.monotonic() - started, 1)})
        (home / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
        console.print(report_table(report))
        onwards = "down" if keep else "up"
        console.print(f"report: {home / 'report.json'}\nlabelline --home {home} {onwards}", soft_wrap=True)
        return report
    finally:
        if not keep:
            stop_stack(home)


def loop_of(pictures: int, steps: int, drawing: "Drawing" = "extreme_points") -> "LoopOptions":
    """Return the loop: a tenth of the pictures first, twice as many in the second round, then the rest."""
    from flows.loop import LoopOptions
    from tasks.monitor.active_learning.choose import Selection
    from tasks.monitor.active_learning.goals import Goal

    first = max(4, pictures // 10)
    return LoopOptions(
        line=line_of(COLD, pictures, steps, drawing),
        selection=Selection(first=first, per_round=2 * first, holdout=pictures),
        goal=Goal(most_rounds=ROUNDS),
    )


def by_hand_of(pictures: int, steps: int, drawing: "Drawing" = "extreme_points") -> "LineOptions":
    """Return the line in which nobody proposes anything and pictures come whole, trained on as long as the loop."""
    line = line_of(BY_HAND, pictures, (ROUNDS + 1) * steps, drawing)
    return line.model_copy(update={"parts": None})


def line_of(collection: str, pictures: int, steps: int, drawing: "Drawing" = "extreme_points") -> "LineOptions":
    """Return a line over drawn lots that begins without a detector."""
    from flows.options import LineOptions
    from tasks.detect.options import TilingOptions
    from tasks.review.questions.staffing import AnnotatorPool
    from tasks.train.options import TrainOptions
    from tasks.triage.options import TriageOptions

    return LineOptions(
        collection=collection,
        classes=CLASSES,
        annotator_pool=AnnotatorPool(drawing=drawing),
        batch_size=pictures,
        tiling=TilingOptions(tile_px=320, whole_image=False),
        triage=TriageOptions(accept=0.7, control_share=0),
        retrain_after=2**31 - 1,
        retrain=TrainOptions(steps=steps, lr0=0.002, mosaic=0.0, scale=0.15, from_above=True, keep_norms=False),
    )


def _people(line: "LineOptions") -> People:
    return People(skill=0.97, drawing=HABIT_FOR[line.annotator_pool.drawing])


def _take_in(state: StackState, client: "SyncPrefectClient", tell: Callable[[str], None]) -> None:
    folder = str(state.home / "scenes" / "images")
    for collection in (COLD, BY_HAND):
        run = start_run(client, deployed_as("intake"), folder=folder, collection=collection)
        wait_for_run(client, run.id, RUN_LIMIT_S)
    tell("took all pictures in")


def _label_from_nothing(
    state: StackState,
    client: "SyncPrefectClient",
    world: KnownWorld,
    options: "LoopOptions",
    tell: Callable[[str], None],
) -> None:
    engine = open_engine(catalog_url(state.home))
    with SimulatedAnnotators(state.server, world, COLD, _people(options.line), engine) as people:
        run = start_run(client, deployed_as("loop"), options=options.model_dump(mode="json"))
        wait_for_run(client, run.id, RUN_LIMIT_S, meanwhile=people.check)
        tell(f"from nothing: {people.report.answers} answers, {in_hours(people.report.human_seconds)} of people")


def _label_by_hand(
    state: StackState, client: "SyncPrefectClient", world: KnownWorld, line: "LineOptions", tell: Callable[[str], None]
) -> None:
    engine = open_engine(catalog_url(state.home))
    with SimulatedAnnotators(state.server, world, BY_HAND, _people(line), engine) as people:
        labelled = start_run(client, deployed_as("label"), line=line.model_dump(mode="json"))
        wait_for_run(client, labelled.id, RUN_LIMIT_S, meanwhile=people.check)
        tell(f"by hand: {people.report.answers} answers, {in_hours(people.report.human_seconds)} of people")
    how = {"options": line.retrain.model_dump(mode="json"), "tiling": line.tiling.model_dump(mode="json")}
    trained = start_run(client, deployed_as("retrain"), collection=BY_HAND, **how)
    wait_for_run(client, trained.id, RUN_LIMIT_S)
    tell("trained on what was labelled by hand")
