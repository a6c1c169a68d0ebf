"""Label a drawn video through the real Label Studio: intake, a line of tracks that propagates, settled tracks, MOT.

People are asked key frames first, with what a small detector proposes; what they draw is followed through the frames
between, asked where it may be wrong, and looked over on pages where it is sure. What comes of it is measured against
the drawn truth: who is where in which frame.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from sqlalchemy import Engine

from blocks.database.engine import open_engine
from blocks.database.tables import Item
from blocks.errors import LabellingError
from blocks.home import labelline_home
from blocks.storage.stores import FolderStore
from infra.annotators.people import People
from infra.annotators.simulate import SimulationReport
from infra.annotators.truth import AnnotatorBox, KnownWorld, TruePicture
from infra.demo.annotators import SimulatedAnnotators
from infra.demo.line_run import own_home
from infra.demo.run import STARTER
from infra.demo.runs import wait_for_run
from infra.demo.scenes.vehicles import CLASSES
from infra.demo.video.film import DrawnFilm, SeenVehicle, draw_film
from infra.demo.video.outcome import VideoReport, frames_in, read_outcome_of_video, report_table
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import StackState
from infra.stack.stop import stop_stack
from tasks.dataset.take_along import take_along

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.options import LineOptions

COLLECTION = "demo-video"
FRAMES, SEED = 72, 7
MOST_FRAMES = 240
KEY_STEP = 24
RUN_LIMIT_S = 1800.0


def main() -> None:
    """Run in the state folder's `demo-video/`."""
    parser = argparse.ArgumentParser(description="Label a drawn video with simulated people: key frames to tracks.")
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the video, 2 to 240; ten are a second")
    asked = parser.parse_args()
    if not 2 <= asked.frames <= MOST_FRAMES:
        parser.error(f"--frames {asked.frames}: expected 2 to {MOST_FRAMES}")
    try:
        run_video(labelline_home() / "demo-video", asked.frames, asked.keep)
    except LabellingError as error:
        sys.exit(str(error))


def run_video(home: Path, frames: int = FRAMES, keep: bool = False) -> VideoReport:
    """Run the whole line over a drawn video, and leave `report.json` and the tracks as MOT.

    Args:
        home: The state folder of this run, emptied first if a demo made it.
        frames: How long the video is.
        keep: Leave the stack up at the end, also after an error.

    Raises:
        LabellingError: A part of the line failed, with its reason.
    """
    started, console, home = time.monotonic(), Console(), own_home(home)
    os.environ["LABELLINE_HOME"] = str(home)
    film = draw_film(home / "films" / "traffic", frames, SEED)
    console.print(f"drew {frames} frames: {film.boxes} boxes of {film.tracks} vehicles in {film.path}")
    try:
        state = start_stack(home, on_progress=lambda line: console.print(f"[dim]{line}[/]"))
        with connected(state) as client:
            people = label_film(state, client, film, console.print)
        report = read_outcome_of_video(state, COLLECTION, film, people)
        engine, store = open_engine(catalog_url(state.home)), FolderStore(state.home / "objects")
        take_along(engine, store, COLLECTION, home / "mot", "mot", "none", console.print)
        report = report.model_copy(update={"wall_seconds": round(time.monotonic() - started, 1)})
        (home / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
        console.print(report_table(report))
        here = f"labelline --home {home}"
        console.print(
            f"report:       {home / 'report.json'}\ntracks:       {home / 'mot'}\n"
            f"Label Studio: {state.urls.label_studio}\nNext, with the servers up:\n"
            f"  {here} export {COLLECTION} --format mot --out DIR   # takes tracks and frames along\n"
            f"  {here} show {COLLECTION}   # how it stands\n"
            f"  {state.urls.gateway}/gallery/   # every frame with its labels\n"
            f"{'To end them' if keep else 'To look around'}: {here} {'down' if keep else 'up'}",
            soft_wrap=True,
        )
        return report
    finally:
        if not keep:
            stop_stack(home)


def line_of_tracks() -> "LineOptions":
    """Return the line: tracks, proposed by a small detector on key frames and followed between them."""
    from flows.options import LineOptions
    from tasks.review.questions.staffing import AnnotatorPool
    from tasks.suggest.paging.plan import RoundOptions

    return LineOptions(
        collection=COLLECTION,
        label_kind="tracks",
        classes=CLASSES,
        detector=f"propagate:{STARTER}",
        rounds=RoundOptions(key_step=KEY_STEP, page_size=24),
        annotator_pool=AnnotatorPool(drawing="corners"),
        retrain_after=100_000,  # of one video there is no other one to test on
    )


def label_film(
    state: StackState, client: "SyncPrefectClient", film: DrawnFilm, tell: Callable[[str], None]
) -> SimulationReport:
    """Take a video in and label it; return what the simulated people did."""
    engine = open_engine(catalog_url(state.home))
    folder = film.path if film.path.is_dir() else film.path.parent
    took = start_run(
        client, deployed_as("intake"), folder=str(folder), collection=COLLECTION, videos={"frames": "all"}
    ).id
    wait_for_run(client, took, RUN_LIMIT_S)
    world = world_of(engine, film)
    tell(f"took in {len(world.pictures)} frames")
    with SimulatedAnnotators(state.server, world, COLLECTION, People(skill=0.97), engine) as people:
        labelled = start_run(client, deployed_as("label"), line=line_of_tracks().model_dump(mode="json")).id
        wait_for_run(client, labelled, RUN_LIMIT_S, meanwhile=people.check)
    tell(f"labelled: people gave {people.report.answers} answers")
    return people.report


def world_of(engine: Engine, film: DrawnFilm) -> KnownWorld:
    """Return what people know of the frames that were taken in: what each shows, by its id.

    Raises:
        LabellingError: Some frame was not taken in.
    """
    items = frames_in(engine, COLLECTION)
    if len(items) != len(film.truth):
        raise LabellingError(f"{len(items)} of {len(film.truth)} frames were taken in: look at the intake run")
    pictures = {item.id: _picture(item, truth) for item, truth in zip(items, film.truth, strict=True)}
    return KnownWorld(pictures, CLASSES)


def _picture(item: Item, truth: tuple[SeenVehicle, ...]) -> TruePicture:
    boxes = tuple(
        AnnotatorBox(seen.box.class_name, (seen.box.x_min, seen.box.y_min, seen.box.x_max, seen.box.y_max))
        for seen in truth
    )
    return TruePicture(item.name, (item.width, item.height), boxes)
