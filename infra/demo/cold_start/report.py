"""What labelling from nothing came to beside labelling by hand, from the catalogue, the store and the registry."""

import statistics

import numpy as np
from pydantic import Field
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Answer, AnswerState, Batch, Question
from blocks.errors import LabellingError
from blocks.frozen import Frozen
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from infra.annotators.truth import KnownWorld
from infra.demo.summary import in_hours
from infra.demo.worth import worth_of_labels
from infra.stack.servers.services import artifact_root, catalog_url, tracking_uri
from infra.stack.state import StackState
from tasks.dataset.snapshots import newest_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import NOBODY
from tasks.monitor.active_learning.rounds import read_rounds
from tasks.train.evaluate import evaluate
from tasks.train.registry import champion_of, versions_of

COLD, BY_HAND = "cold-start", "by-hand"
"""The two collections."""


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
    seconds_per_question_p95: float
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


def read_report(state: StackState, world: KnownWorld, pictures: int, tiling: TilingOptions) -> ColdStartReport:
    """Read what both lines have left behind, from the catalogue, the store and the registry.

    Args:
        state: The stack.
        world: The truth.
        pictures: How many were drawn.
        tiling: How detectors look.
    """
    engine, store = open_engine(catalog_url(state.home)), FolderStore(state.home / "objects")
    experiments = Experiments(tracking_uri(state.home), artifact_root(state.home))
    truth = _newest_snapshot(engine, BY_HAND)
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
        seconds_per_question_p95=round(float(np.percentile(seconds, 95)), 1),
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
    found = newest_snapshot(engine, collection)
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
    median, p95 = report.seconds_per_question_median, report.seconds_per_question_p95
    questions = f"{median:.0f} s each in the median, {p95:.0f} s at p95"
    for row in (
        ("human time", told, in_hours(report.human_seconds_manual)),
        (f"mAP50 on {report.test_pictures} test pictures", f"{report.map50:.3f}", f"{report.map50_manual:.3f}"),
        ("as good as by hand after", in_hours(equal) if equal else "never", in_hours(report.human_seconds_manual)),
        ("labels", f"{report.labels}", f"precision {report.precision}, recall {report.recall} of the left ones"),
        ("questions", f"{report.questions}", questions),
        ("wall time", f"{report.wall_seconds:.0f} s", ""),
    ):
        table.add_row(*row)
    return table
