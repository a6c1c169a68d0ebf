"""`make cold-start`: drawn parking lots, labelled from nothing at all, and the same lots wholly by hand beside them.

In the one collection the loop runs as it does for anybody without a detector: people draw everything in a few pictures
that are unlike each other, a small network is trained on these from random numbers, proposes, is trained again, and at
last proposes for all the rest. In the other the same people draw every box of every picture, and a network is trained
on that from random numbers, with as many steps as all trainings of the loop together. Both detectors are measured on
the same test pictures, in the truth of those that were labelled by hand.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Answer, AnswerState, Batch, Question, Snapshot
from blocks.errors import LabellingError
from blocks.frozen import Frozen
from blocks.home import labelline_home
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from infra.annotators.people import People
from infra.annotators.truth import KnownWorld, read_world
from infra.demo.annotators import SimulatedAnnotators
from infra.demo.line_run import own_home
from infra.demo.runs import wait_for_run
from infra.demo.scenes.drawing import draw_scenes
from infra.demo.scenes.vehicles import CLASSES
from infra.demo.summary import in_hours
from infra.demo.worth import worth_of_labels
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import artifact_root, catalog_url, tracking_uri
from infra.stack.start import start_stack
from infra.stack.state import StackState
from infra.stack.stop import stop_stack
from tasks.detect.refs import NOBODY
from tasks.monitor.active_learning.rounds import read_rounds
from tasks.train.evaluate import evaluate
from tasks.train.registry import champion_of, versions_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.loop import LoopOptions
    from flows.options import LineOptions

COLD, BY_HAND = "cold-start", "by-hand"
SEED = 3
"""Of scenes that no other demo shows."""

ROUNDS = 2
RUN_LIMIT_S = 7200.0


class Stage(Frozen):
    """What the loop had come to after a training."""

    human_seconds: float = Field(description="Spent on the collection by then")
    map50: float


class ColdStartReport(Frozen):
    """The numbers of a run: `report.json`."""

    pictures: int
    labels: int
    precision: float | None = Field(description="Share of the labels that are what was drawn")
    recall: float | None = Field(description="Share of what was drawn that has a right label")
    questions: int
    seconds_per_question_median: float
    human_seconds: float
    human_seconds_manual: float = Field(description="The same people, drawing every box of every picture")
    map50: float = Field(description="Of the champion at the end of the loop")
    map50_manual: float = Field(description="Of the detector that was trained on what was labelled by hand")
    test_pictures: int
    stages: tuple[Stage, ...] = Field(description="After each round, on the same test pictures")
    human_seconds_to_equal: float | None = Field(
        description="Spent by the time a detector of the loop was as good as the one by hand; none: it never was"
    )
    wall_seconds: float


def main() -> None:
    """Run in the state folder's `cold-start/`."""
    parser = argparse.ArgumentParser(description="Label drawn lots from nothing, with simulated people.")
    parser.add_argument("--pictures", type=int, default=100, help="how many are drawn (default: 100)")
    parser.add_argument("--steps", type=int, default=300, help="of each training (default: 300)")
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    chosen = parser.parse_args()
    if chosen.pictures < 18 or chosen.steps < 1:  # six lots: less leaves no lot to test on beside those to learn from
        parser.error(f"{chosen.pictures} pictures and {chosen.steps} steps: expected at least 18, and 1")
    try:
        run_cold_start(labelline_home() / "cold-start", chosen.pictures, chosen.steps, chosen.keep)
    except LabellingError as error:
        sys.exit(str(error))


def run_cold_start(home: Path, pictures: int, steps: int, keep: bool = False) -> ColdStartReport:
    """Label drawn lots from nothing and by hand, and leave `report.json`.

    Args:
        home: The state folder of this run, emptied first if a demo made it.
        pictures: How many are drawn.
        steps: Of each training in the loop.
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
            _label_from_nothing(state, client, world, loop_of(pictures, steps), console.print)
            _label_by_hand(state, client, world, by_hand_of(pictures, steps), console.print)
        report = read_report(state, world, pictures, steps)
        report = report.model_copy(update={"wall_seconds": round(time.monotonic() - started, 1)})
        (home / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
        console.print(report_table(report))
        onwards = "down" if keep else "up"
        console.print(f"report: {home / 'report.json'}\nlabelline --home {home} {onwards}", soft_wrap=True)
        return report
    finally:
        if not keep:
            stop_stack(home)


def loop_of(pictures: int, steps: int) -> "LoopOptions":
    """Return the loop: a tenth of the pictures first, twice as many in the second round, then the rest."""
    from flows.loop import LoopOptions
    from tasks.monitor.active_learning.choose import Selection
    from tasks.monitor.active_learning.goals import Goal

    first = max(4, pictures // 10)
    return LoopOptions(
        line=line_of(COLD, pictures, steps),
        selection=Selection(first=first, per_round=2 * first, holdout=pictures),
        goal=Goal(most_rounds=ROUNDS),
    )


def by_hand_of(pictures: int, steps: int) -> "LineOptions":
    """Return the line in which nobody proposes anything, trained on as long as the loop is in all."""
    return line_of(BY_HAND, pictures, (ROUNDS + 1) * steps)


def line_of(collection: str, pictures: int, steps: int) -> "LineOptions":
    """Return a line over drawn lots that begins without a detector."""
    from flows.options import LineOptions
    from tasks.detect.options import TilingOptions
    from tasks.train.options import TrainOptions
    from tasks.triage.options import TriageOptions

    return LineOptions(
        collection=collection,
        classes=CLASSES,
        batch_size=pictures,
        tiling=TilingOptions(tile_px=320, whole_image=False),
        triage=TriageOptions(accept=0.7, control_share=0),
        retrain_after=2**31 - 1,
        retrain=TrainOptions(steps=steps, lr0=0.002, mosaic=0.0, scale=0.15, from_above=True, keep_norms=False),
    )


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
    with SimulatedAnnotators(state.server, world, COLD, People(skill=0.97), engine) as people:
        run = start_run(client, deployed_as("loop"), options=options.model_dump(mode="json"))
        wait_for_run(client, run.id, RUN_LIMIT_S, meanwhile=people.check)
        tell(f"from nothing: {people.report.answers} answers, {in_hours(people.report.human_seconds)} of people")


def _label_by_hand(
    state: StackState, client: "SyncPrefectClient", world: KnownWorld, line: "LineOptions", tell: Callable[[str], None]
) -> None:
    engine = open_engine(catalog_url(state.home))
    with SimulatedAnnotators(state.server, world, BY_HAND, People(skill=0.97), engine) as people:
        labelled = start_run(client, deployed_as("label"), line=line.model_dump(mode="json"))
        wait_for_run(client, labelled.id, RUN_LIMIT_S, meanwhile=people.check)
        tell(f"by hand: {people.report.answers} answers, {in_hours(people.report.human_seconds)} of people")
    how = {"options": line.retrain.model_dump(mode="json"), "tiling": line.tiling.model_dump(mode="json")}
    trained = start_run(client, deployed_as("retrain"), collection=BY_HAND, **how)
    wait_for_run(client, trained.id, RUN_LIMIT_S)
    tell("trained on what was labelled by hand")


def read_report(state: StackState, world: KnownWorld, pictures: int, steps: int) -> ColdStartReport:
    """Read what both lines have left behind, from the catalogue, the store and the registry."""
    engine, store = open_engine(catalog_url(state.home)), FolderStore(state.home / "objects")
    experiments = Experiments(tracking_uri(state.home), artifact_root(state.home))
    truth = _newest_snapshot(engine, BY_HAND)
    tiling = line_of(COLD, pictures, steps).tiling
    champion, manual = champion_of(experiments, COLD), champion_of(experiments, BY_HAND)
    if champion is None or manual is None:
        raise LabellingError(f"{COLD if champion is None else BY_HAND!r} has no champion: look at its retrain run")
    known = {one.ref.version: one.ref for one in versions_of(experiments, COLD)}
    rounds = [one for one in read_rounds(engine, COLD) if one.detector and one.detector != NOBODY]
    stages = [
        Stage(human_seconds=one.human_seconds, map50=evaluate(store, truth, known[one.detector or ""], tiling).number())
        for one in rounds
    ]
    seconds, by_hand = _seconds(engine, COLD), _seconds(engine, BY_HAND)
    after, control = evaluate(store, truth, champion.ref, tiling), evaluate(store, truth, manual.ref, tiling)
    stages.append(Stage(human_seconds=sum(seconds), map50=after.number()))
    worth = worth_of_labels(engine, COLD, world)
    equal = [stage.human_seconds for stage in stages if stage.map50 >= control.number()]
    return ColdStartReport(
        pictures=pictures,
        labels=worth.labels,
        precision=worth.precision,
        recall=worth.recall,
        questions=len(seconds),
        seconds_per_question_median=round(statistics.median(seconds), 1),
        human_seconds=round(sum(seconds), 1),
        human_seconds_manual=round(sum(by_hand), 1),
        map50=round(after.number(), 4),
        map50_manual=round(control.number(), 4),
        test_pictures=control.items,
        stages=tuple(stages),
        human_seconds_to_equal=equal[0] if equal else None,
        wall_seconds=0.0,
    )


def _newest_snapshot(engine: Engine, collection: str) -> str:
    query = select(Snapshot.id).where(Snapshot.collection == collection).order_by(col(Snapshot.created_at).desc())
    with reading(engine) as session:
        found = session.exec(query.limit(1)).first()
    if found is None:
        raise LabellingError(f"the line left no snapshot of {collection!r}: look at its retrain run")
    return found


def _seconds(engine: Engine, collection: str) -> list[float]:
    """Return the seconds of each answer that counts."""
    query = (
        select(Answer.seconds)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Batch.collection == collection, Answer.state == AnswerState.COUNTED.value)
    )
    with reading(engine) as session:
        return [float(seconds or 0.0) for seconds in session.exec(query)]


def report_table(report: ColdStartReport) -> Table:
    """Return the numbers of a run as a table."""
    table = Table("what", "from nothing", "by hand", title=f"{report.pictures} drawn lots, no weights at all")
    share = report.human_seconds / report.human_seconds_manual
    told = f"{in_hours(report.human_seconds)} ({share:.0%})"
    equal = report.human_seconds_to_equal
    for row in (
        ("human time", told, in_hours(report.human_seconds_manual)),
        (f"mAP50 on {report.test_pictures} test pictures", f"{report.map50:.3f}", f"{report.map50_manual:.3f}"),
        ("as good as by hand after", in_hours(equal) if equal else "never", in_hours(report.human_seconds_manual)),
        ("labels", f"{report.labels}", f"precision {report.precision}, recall {report.recall} of the left ones"),
        ("questions", f"{report.questions}", f"{report.seconds_per_question_median:.0f} s in the median"),
        ("wall time", f"{report.wall_seconds:.0f} s", ""),
    ):
        table.add_row(*row)
    return table


if __name__ == "__main__":
    main()
