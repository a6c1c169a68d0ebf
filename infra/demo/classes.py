"""`make demo-classes`: one class for each picture, from no model at all to a champion that proposes the rest.

People label a first part with nothing to go by; a classifier is trained on that from random numbers and promoted. It
proposes the rest, people are asked where it is unsure, and it is trained again on all of it. Both champions are
measured on the same test pictures, those of the last snapshot. A last part is labelled in rounds: all labels so far
suggest, what is sure comes onto pages, and what is least sure is asked one by one.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Batch, Question, QuestionState, Snapshot
from blocks.errors import LabellingError
from blocks.frozen import Frozen
from blocks.home import labelline_home
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from infra.annotators.people import People
from infra.annotators.truth import KnownWorld
from infra.demo.annotators import SimulatedAnnotators
from infra.demo.line_run import own_home
from infra.demo.runs import wait_for_run, wait_for_triggered_run
from infra.demo.scenes.portraits import draw_portraits
from infra.demo.scenes.vehicles import CLASSES
from infra.demo.summary import in_hours
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import artifact_root, catalog_url, tracking_uri
from infra.stack.start import start_stack
from infra.stack.state import StackState
from infra.stack.stop import stop_stack
from tasks.monitor.lift.compare import Lift, lift_of
from tasks.monitor.lift.read import read_suggested_answers
from tasks.monitor.options import MonitorOptions
from tasks.review.questions.queue import CONFIRM_PAGE
from tasks.settle.effort import effort_of
from tasks.settle.in_force import labels_in_force
from tasks.suggest.paging.plan import RoundOptions
from tasks.train.evaluate import evaluate
from tasks.train.registry import champion_of, versions_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.options import LineOptions

COLLECTION = "demo-classes"
PICTURES, FIRST, SEED = 300, 120, 0
IN_ROUNDS = 240
"""Pictures of the last part, which is labelled in rounds."""

FEW_IN_ROUNDS = RoundOptions(page_size=24, singles=24, max_error_rate=0.1, confidence=0.9)
"""Of so few items a sample that certifies 3 % would be most of them: 10 % takes some thirty answers."""

RUN_LIMIT_S = 1200.0


class ClassesReport(Frozen):
    """The numbers of a run: `report.json`."""

    items: int
    labels: int
    labels_right: int = Field(description="Labels that are what was drawn")
    questions_answered: int
    human_seconds: float
    human_seconds_manual: float = Field(description="To choose among all classes for every picture, nothing proposed")
    models: int = Field(description="Classifiers that were trained")
    test_items: int
    accuracy_before: float = Field(description="Of the classifier that was trained on the first part alone")
    accuracy_after: float = Field(description="Of the champion at the end, on the same test pictures")
    pages: int = Field(description="Pages of sure items that people answered")
    on_pages: int = Field(description="Items on these")
    wrong_on_pages: int = Field(description="Items on these that are of another class, found or not")
    lift: Lift = Field(description="What suggestions were worth, against answers that by lot saw none")
    wall_seconds: float


@dataclass(frozen=True, slots=True)
class Part:
    """Items that come in together and are labelled as one batch.

    Attributes:
        place: What intake takes in.
        items: How many there are.
        detector: As a line asks for it.
        told: Who proposes, in words.
        rounds: Where all labels so far suggest: how it is asked in rounds, after which nothing is trained.
    """

    place: Path
    items: int
    detector: str
    told: str
    rounds: RoundOptions | None = None


@dataclass(frozen=True, slots=True)
class ClassesDemo:
    """A collection of items with one class each, which comes in parts; a model is trained after each of them.

    Attributes:
        line: The options of its line; batch size and detector are each part's.
        noun: What its items are.
        shown: What they show, for the title of the table.
    """

    line: "LineOptions"
    parts: Sequence[Part]
    world: KnownWorld
    noun: str
    shown: str

    @property
    def collection(self) -> str:
        """Its name."""
        return self.line.collection


def main() -> None:
    """Run in the state folder's `demo-classes/`."""
    parser = argparse.ArgumentParser(description="Label pictures with one class each, with simulated people.")
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    try:
        run_classes(labelline_home() / "demo-classes", drawn_vehicles, parser.parse_args().keep)
    except LabellingError as error:
        sys.exit(str(error))


def run_classes(home: Path, prepare: Callable[[Path], ClassesDemo], keep: bool = False) -> ClassesReport:
    """Run the whole line over a collection's parts, and leave `report.json`.

    Args:
        home: The state folder of this run, emptied first if a demo made it.
        prepare: Makes the items, in that folder.
        keep: Leave the stack up at the end, also after an error.

    Raises:
        LabellingError: A part of the line failed, with its reason.
    """
    started, console, home = time.monotonic(), Console(), own_home(home)
    os.environ["LABELLINE_HOME"] = str(home)
    demo = prepare(home)
    try:
        state = start_stack(home, on_progress=lambda line: console.print(f"[dim]{line}[/]"))
        with connected(state) as client:
            run_parts(state, client, demo, console.print)
        report = read_report(state, demo).model_copy(update={"wall_seconds": round(time.monotonic() - started, 1)})
        (home / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
        console.print(report_table(report, demo))
        command, onwards = f"labelline --home {home}", "to end the servers" if keep else "to look around"
        console.print(
            f"report:       {home / 'report.json'}\nLabel Studio: {state.urls.label_studio}\n"
            f"MLflow:       {state.urls.mlflow}\n"
            f"folders of classes: {command} export {demo.collection} --format folders\n"
            f"{onwards}: {command} {'down' if keep else 'up'}",
            soft_wrap=True,
        )
        return report
    finally:
        if not keep:
            stop_stack(home)


def drawn_vehicles(home: Path) -> ClassesDemo:
    """Draw pictures of vehicles, in two folders, as pictures arrive: each part has test pictures of its own."""
    from flows.options import LineOptions
    from tasks.detect.options import TilingOptions
    from tasks.train.options import TrainOptions

    rest, more = range(FIRST, PICTURES), range(PICTURES, PICTURES + IN_ROUNDS)
    numbers = {"first": range(FIRST), "rest": rest, "more": more}
    drawn = {part: draw_portraits(home / part, some, SEED).pictures for part, some in numbers.items()}
    line = LineOptions(
        collection=COLLECTION,
        label_kind="classes",
        classes=CLASSES,
        tiling=TilingOptions(tile_px=64),  # the side of the squares that the classifier sees
        retrain_after=FIRST // 2,
        retrain=TrainOptions(epochs=30, batch=16, lr0=0.005, scale=0.1, from_above=True, keep_norms=False),
    )
    parts = (
        Part(home / "first", FIRST, "champion", "no model"),
        Part(home / "rest", PICTURES - FIRST, "champion", "the champion's proposals"),
        Part(home / "more", IN_ROUNDS, "suggest", "pages in rounds", FEW_IN_ROUNDS),
    )
    world = KnownWorld({id_: known for some in drawn.values() for id_, known in some.items()}, CLASSES)
    return ClassesDemo(line, parts, world, "pictures", "drawn vehicles")


def run_parts(state: StackState, client: "SyncPrefectClient", demo: ClassesDemo, tell: Callable[[str], None]) -> None:
    """Take in, label and train on each part: the first without a model, the next with what was learnt from it."""
    engine = open_engine(catalog_url(state.home))
    with SimulatedAnnotators(state.server, demo.world, demo.collection, People(skill=0.97), engine) as people:
        for part in demo.parts:
            took = start_run(client, deployed_as("intake"), folder=str(part.place), collection=demo.collection).id
            wait_for_run(client, took, RUN_LIMIT_S)
            tell(f"took in {part.items} {demo.noun}")
            changes = {"batch_size": part.items, "detector": part.detector, "rounds": part.rounds}
            line = demo.line.model_copy(update=changes)
            labelled = start_run(client, deployed_as("label"), line=line.model_dump(mode="json")).id
            wait_for_run(client, labelled, RUN_LIMIT_S * (2 if part.rounds else 1), meanwhile=people.check)
            tell(f"labelled {part.items} {demo.noun} with {part.told}: {people.report.answers} answers so far")
            if not part.rounds:
                wait_for_triggered_run(client, "retrain", labelled, RUN_LIMIT_S)
                tell("trained")


def read_report(state: StackState, demo: ClassesDemo) -> ClassesReport:
    """Read what the parts have left behind, from the catalogue, the store and the registry."""
    engine, store = open_engine(catalog_url(state.home)), FolderStore(state.home / "objects")
    experiments = Experiments(tracking_uri(state.home), artifact_root(state.home))
    with reading(engine) as session:
        batches = session.exec(select(Batch).where(Batch.collection == demo.collection)).all()
        shots = select(Snapshot).where(Snapshot.collection == demo.collection).order_by(col(Snapshot.created_at).desc())
        snapshot = session.exec(shots).first()
    versions, champion = versions_of(experiments, demo.collection), champion_of(experiments, demo.collection)
    if snapshot is None or champion is None:
        raise LabellingError(
            f"the line left no snapshot or no champion of {demo.collection!r}: look at the retrain runs"
        )
    tiling = demo.line.tiling
    before, after = (evaluate(store, snapshot.id, ref, tiling) for ref in (versions[-1].ref, champion.ref))
    efforts = [effort_of(engine, batch.id, batch.detector or "", "") for batch in batches]
    labels = labels_in_force(engine, list(demo.world.pictures), demo.collection)
    said = {item_id: [label.class_name for label in mine] for item_id, mine in labels.items()}
    shown = pages_answered(engine, [batch.id for batch in batches])
    true = {item_id: picture.class_name for item_id, picture in demo.world.pictures.items()}
    return ClassesReport(
        items=len(demo.world.pictures),
        labels=sum(len(names) for names in said.values()),
        labels_right=sum(names == [demo.world.pictures[item_id].class_name] for item_id, names in said.items()),
        questions_answered=sum(effort.questions_answered for effort in efforts),
        human_seconds=round(sum(effort.human_seconds for effort in efforts), 1),
        human_seconds_manual=sum(effort.human_seconds_manual for effort in efforts),
        models=len(versions),
        test_items=after.items,
        accuracy_before=round(before.number("accuracy"), 4),
        accuracy_after=round(after.number("accuracy"), 4),
        pages=len(shown),
        on_pages=sum(len(page["crops"]) for page in shown),
        wrong_on_pages=sum(true[crop["item_id"]] != page["class_name"] for page in shown for crop in page["crops"]),
        lift=lift_of(read_suggested_answers(engine, demo.collection), MonitorOptions()),
        wall_seconds=0.0,
    )


def pages_answered(engine: Engine, batch_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the payloads of the pages of some batches that somebody answered."""
    query = select(Question.payload).where(
        Question.queue == CONFIRM_PAGE,
        col(Question.batch_id).in_(batch_ids),
        Question.state == QuestionState.ANSWERED.value,
    )
    with reading(engine) as session:
        return list(session.exec(query).all())


def report_table(report: ClassesReport, demo: ClassesDemo) -> Table:
    """Return the numbers of a run as a table."""
    table = Table("what", "number", "against", title=f"{report.items} {demo.shown}, {len(demo.line.classes)} classes")
    spared = 1 - report.human_seconds / report.human_seconds_manual
    accuracy = f"{report.accuracy_before:.3f} → {report.accuracy_after:.3f}"
    for row in (
        ("labels", f"{report.labels}", f"of {report.items} {demo.noun}; {report.labels_right} are right"),
        ("questions answered", f"{report.questions_answered}", f"of {report.items} {demo.noun}"),
        ("human time", in_hours(report.human_seconds), f"{in_hours(report.human_seconds_manual)}: {spared:.0%} spared"),
        ("on pages", f"{report.on_pages}", f"{report.pages} pages; {report.wrong_on_pages} of another class"),
        ("suggestions", report.lift.verdict, f"{report.lift.shown} answers saw one, {report.lift.blind} by lot none"),
        ("accuracy", accuracy, f"on {report.test_items} test {demo.noun}, after the first part and at the end"),
        ("wall time", f"{report.wall_seconds:.0f} s", f"{report.models} models trained"),
    ):
        table.add_row(*row)
    return table


if __name__ == "__main__":
    main()
