"""Label drawn dishes with outlines, or with masks, from nothing to a champion and to exports, through Label Studio.

The loop runs as for anybody who has no model: people outline everything in a few pictures by four clicks an object, a
small network that segments is trained on these from random numbers, proposes outlines that people correct, is trained
again, and at last proposes for all the rest. What comes of it is compared with what was drawn, pixel by pixel, and so
is what is read back of its exports.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from blocks.database.engine import open_engine
from blocks.errors import LabellingError
from blocks.home import labelline_home
from blocks.storage.stores import FolderStore
from infra.annotators.people import People
from infra.annotators.simulate import SimulationReport
from infra.annotators.times import HABIT_FOR
from infra.annotators.truth import read_world
from infra.demo.annotators import SimulatedAnnotators
from infra.demo.line_run import own_home
from infra.demo.outlines.dishes import CLASSES, DrawnDishes, draw_dishes
from infra.demo.outlines.outcome import DrawnAgain, OutlinesReport, compare_export, read_outcome, report_table
from infra.demo.runs import wait_for_run
from infra.demo.summary import in_hours
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import StackState
from infra.stack.stop import stop_stack
from tasks.dataset.take_along import Format, take_along

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.loop import LoopOptions
    from tasks.review.questions.kinds.boxes.extreme_points import Drawing

COLLECTION = "demo-outlines"
LABELS: tuple[Literal["polygons", "masks"], ...] = ("polygons", "masks")
SEED = 5
PICTURES, STEPS, LEAST_PICTURES = 80, 300, 16
ROUNDS = 2
TILE_PX = 256
EXPORTS: tuple[Format, ...] = ("coco", "yolo", "cvat", "label-studio", "davis")
AS_KIND: dict[Format, str] = {"yolo": "polygons", "davis": "masks"}
"""What a format takes of outlines and masks, where it does not hold both."""

RUN_LIMIT_S = 7200.0


def main() -> None:
    """Run in the state folder's `demo-outlines/`."""
    parser = argparse.ArgumentParser(description="Outline drawn dishes from nothing, with simulated people.")
    parser.add_argument("--pictures", type=int, default=PICTURES, help=f"how many are drawn (default: {PICTURES})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each training (default: {STEPS})")
    parser.add_argument("--labels", choices=LABELS, default=LABELS[0], help="outlines, or pixels")
    parser.add_argument("--drawing", choices=tuple(HABIT_FOR), default="extreme_points", help="how people draw")
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    chosen = parser.parse_args()
    if chosen.pictures < LEAST_PICTURES or chosen.steps < 1:
        told = f"{chosen.pictures} pictures and {chosen.steps} steps: expected at least {LEAST_PICTURES}, and 1"
        parser.error(told)
    try:
        home = labelline_home() / COLLECTION
        run_outlines(home, chosen.pictures, chosen.steps, chosen.labels, chosen.drawing, keep=chosen.keep)
    except LabellingError as error:
        sys.exit(str(error))


def run_outlines(
    home: Path,
    pictures: int = PICTURES,
    steps: int = STEPS,
    labels: str = "polygons",
    drawing: "Drawing" = "extreme_points",
    *,
    keep: bool = False,
) -> OutlinesReport:
    """Label drawn dishes, and leave `report.json` and the exports.

    Args:
        home: The state folder of this run, emptied first if a demo made it.
        pictures: How many are drawn.
        steps: Of each training.
        labels: `polygons` or `masks`.
        drawing: How people draw.
        keep: Leave the stack up at the end, also after an error.

    Raises:
        LabellingError: A part of the line failed, with its reason.
    """
    started, console, home = time.monotonic(), Console(), own_home(home)
    os.environ["LABELLINE_HOME"] = str(home)
    dishes = draw_dishes(home / "dishes", pictures, SEED)
    console.print(f"drew {pictures} dishes with {dishes.objects} objects in {dishes.images}")
    options = loop_of(pictures, steps, labels, drawing)
    try:
        state = start_stack(home, on_progress=lambda line: console.print(f"[dim]{line}[/]"))
        with connected(state) as client:
            people = label_dishes(state, client, dishes, options, console.print)
        exports = take_out(state, home / "exports", dishes, console.print)
        report = read_outcome(state, COLLECTION, labels, dishes, people, options.line.tiling, exports)
        report = report.model_copy(update={"wall_seconds": round(time.monotonic() - started, 1)})
        (home / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
        console.print(report_table(report))
        console.print(
            f"report:       {home / 'report.json'}\nexports:      {home / 'exports'}\n"
            f"Label Studio: {state.urls.label_studio}\n"
            f"{'To end them' if keep else 'To look around'}: labelline --home {home} {'down' if keep else 'up'}",
            soft_wrap=True,
        )
        return report
    finally:
        if not keep:
            stop_stack(home)


def loop_of(pictures: int, steps: int, labels: str, drawing: "Drawing" = "extreme_points") -> "LoopOptions":
    """Return the loop: a seventh of the pictures first, twice as many in the second round, then the rest."""
    from flows.loop import LoopOptions
    from flows.options import LineOptions
    from tasks.detect.options import TilingOptions
    from tasks.monitor.active_learning.choose import Selection
    from tasks.monitor.active_learning.goals import Goal
    from tasks.review.questions.staffing import AnnotatorPool
    from tasks.train.options import TrainOptions
    from tasks.triage.options import TriageOptions

    line = LineOptions(
        collection=COLLECTION,
        label_kind=labels,
        classes=CLASSES,
        annotator_pool=AnnotatorPool(drawing=drawing),
        batch_size=pictures,
        tiling=TilingOptions(tile_px=TILE_PX, whole_image=False),
        triage=TriageOptions(accept=0.7, control_share=0),
        retrain=TrainOptions(
            steps=steps, batch=8, lr0=0.003, mosaic=0.0, scale=0.15, from_above=True, keep_norms=False
        ),
    )
    first = max(4, pictures * 3 // 20)
    return LoopOptions(
        line=line,
        selection=Selection(first=first, per_round=2 * first, holdout=pictures),
        goal=Goal(most_rounds=ROUNDS),
    )


def label_dishes(
    state: StackState,
    client: "SyncPrefectClient",
    dishes: DrawnDishes,
    options: "LoopOptions",
    tell: Callable[[str], None],
) -> SimulationReport:
    """Take the pictures in and let the loop label them; return what the simulated people did."""
    engine, line = open_engine(catalog_url(state.home)), options.line
    took = start_run(client, deployed_as("intake"), folder=str(dishes.images), collection=line.collection).id
    wait_for_run(client, took, RUN_LIMIT_S)
    world = read_world(dishes.folder, "coco", outlines=True)
    tell(f"took in {len(world.pictures)} pictures")
    who = People(skill=0.97, drawing=HABIT_FOR[line.annotator_pool.drawing])
    with SimulatedAnnotators(state.server, world, line.collection, who, engine) as people:
        run = start_run(client, deployed_as("loop"), options=options.model_dump(mode="json"))
        wait_for_run(client, run.id, RUN_LIMIT_S, meanwhile=people.check)
        tell(f"labelled: {people.report.answers} answers, {in_hours(people.report.human_seconds)} of people")
    return people.report


def take_out(
    state: StackState, folder: Path, dishes: DrawnDishes, tell: Callable[[str], None]
) -> dict[str, DrawnAgain]:
    """Export what was labelled in each format that holds it, and compare what is read back with what was drawn."""
    engine, store = open_engine(catalog_url(state.home)), FolderStore(state.home / "objects")
    found: dict[str, DrawnAgain] = {}
    for fmt in EXPORTS:
        kind = AS_KIND.get(fmt)
        take_along(engine, store, COLLECTION, folder / fmt, fmt, "copy", _dimmed(tell), convert_to=kind)
        found[fmt] = compare_export(folder / fmt, fmt, dishes)
    return found


def _dimmed(tell: Callable[[str], None]) -> Callable[[str], None]:
    return lambda line: tell(f"[dim]{line}[/]")
