"""The numbers of a labelled video: what it took people, and how right its tracks are."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Answer, AnswerState, Batch, Item, Label, Question, QuestionState
from blocks.errors import LabellingError
from blocks.frozen import Frozen
from blocks.published_times import DRAW_BOX, DRAW_BOX_FAST
from infra.annotators.simulate import SimulationReport
from infra.demo.classes import pages_answered
from infra.demo.summary import in_hours
from infra.demo.video.film import DrawnFilm, SeenVehicle
from infra.stack.servers.services import catalog_url
from infra.stack.state import StackState
from tasks.kinds.by_hand import manual_seconds
from tasks.kinds.geometry import RIGHT_IOU, edges_of, iou_of_all
from tasks.kinds.matching import match_optimally
from tasks.kinds.tracks.accuracy import TrackedFrame, tracking_accuracy
from tasks.monitor.cost.spent import read_spent
from tasks.review.questions.queue import CONFIRM_PAGE
from tasks.settle.in_force import labels_in_force


class VideoReport(Frozen):
    """The numbers of a run: `report.json`."""

    frames: int
    boxes_true: int = Field(description="Boxes that all frames show")
    tracks_true: int = Field(description="Vehicles that they are of")
    labels: int
    tracks: int = Field(description="Tracks of these")
    human_seconds: float
    human_seconds_manual: float = Field(description="By hand: every frame's boxes drawn, at the published seconds")
    human_seconds_manual_fastest: float = Field(description="By hand, for the fastest published way to draw")
    human_seconds_by_act: Mapping[str, float]
    boxes_drawn: int = Field(description="Boxes that people drew, or whose edges or class they mended")
    frames_asked: int = Field(description="Frames that people saw as a whole")
    rounds: int
    pages: int
    on_pages: int = Field(description="Boxes that people looked at on pages")
    precision: float = Field(description="Of the labels, at IoU 0.5 and with the right class")
    recall: float
    hota: float
    mota: float
    idf1: float
    id_switches: int
    wall_seconds: float = 0.0


def read_outcome_of_video(state: StackState, collection: str, film: DrawnFilm, people: SimulationReport) -> VideoReport:
    """Read what the line has left behind.

    Raises:
        LabellingError: It left no label.
    """
    engine = open_engine(catalog_url(state.home))
    items = frames_in(engine, collection)
    labels = labels_in_force(engine, [item.id for item in items], collection)
    said = [labels[item.id] for item in items]
    if not any(said):
        raise LabellingError(f"the line left no label of {collection!r}: look at its run")
    with reading(engine) as session:
        batches = session.exec(select(Batch.id).where(Batch.collection == collection)).all()
        whole = select(Question.item_id).where(col(Question.batch_id).in_(batches))
        whole = whole.where(Question.queue != CONFIRM_PAGE, Question.state == QuestionState.ANSWERED.value)
        asked = set(session.exec(whole))
    shown = pages_answered(engine, batches)
    right = sum(_right(mine, truth) for mine, truth in zip(said, film.truth, strict=True))
    count = sum(map(len, said))
    by_hand = (film.boxes, len(film.truth))
    return VideoReport(
        frames=len(film.truth),
        boxes_true=film.boxes,
        tracks_true=film.tracks,
        labels=count,
        tracks=len({label.track or label.id for some in said for label in some}),
        human_seconds=round(sum(one.seconds or 0.0 for one in read_spent(engine, collection)), 1),
        human_seconds_manual=round(manual_seconds(*by_hand, DRAW_BOX), 1),
        human_seconds_manual_fastest=round(manual_seconds(*by_hand, DRAW_BOX_FAST), 1),
        human_seconds_by_act={act: round(seconds, 1) for act, seconds in people.seconds_by_act.items()},
        boxes_drawn=boxes_drawn_in(engine, batches),
        frames_asked=len(asked),
        rounds=len(batches),
        pages=len(shown),
        on_pages=sum(len(page["crops"]) for page in shown),
        precision=round(right / count, 4),
        recall=round(right / film.boxes, 4),
        **accuracy_of_tracks(said, film.truth),
    )


def frames_in(engine: Engine, collection: str) -> list[Item]:
    """Return the frames of a collection that is one video, in order."""
    from tasks.detect.proposers.propagated import frames_of, sequences_of

    return [item for name in sequences_of(engine, collection) for item in frames_of(engine, collection, name)]


def boxes_drawn_in(engine: Engine, batch_ids: Sequence[str]) -> int:
    """Count the boxes that people drew in some batches, or whose edges or class they changed."""
    query = select(Answer.raw).join(Question, col(Question.id) == col(Answer.question_id))
    counted = Answer.state == AnswerState.COUNTED.value
    with reading(engine) as session:
        said = session.exec(query.where(col(Question.batch_id).in_(batch_ids), counted)).all()
    return sum(one.get("untouched") is False for raw in said for one in raw)


def accuracy_of_tracks(said: Sequence[Sequence[Label]], truth: Sequence[Sequence[SeenVehicle]]) -> dict[str, float]:
    """Return HOTA, MOTA, IDF1 and switches of identity of labels, by frame."""
    numbers: dict[str, int] = {}
    predicted = [
        TrackedFrame(
            edges_of(some), np.array([numbers.setdefault(one.track or one.id, len(numbers)) for one in some], np.int64)
        )
        for some in said
    ]
    true = [TrackedFrame(_edges(some), np.array([seen.track for seen in some], np.int64)) for some in truth]
    found = tracking_accuracy(predicted, true)
    return {name: round(value, 4) for name, value in found.items()}


def _right(mine: Sequence[Label], truth: Sequence[SeenVehicle]) -> int:
    overlap = iou_of_all(edges_of(mine), _edges(truth))
    for row, label in enumerate(mine):
        for column, seen in enumerate(truth):
            if label.class_name != seen.box.class_name or overlap[row, column] < RIGHT_IOU:
                overlap[row, column] = 0.0
    return len(match_optimally(overlap))


def _edges(truth: Sequence[SeenVehicle]) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    boxes = [(seen.box.x_min, seen.box.y_min, seen.box.x_max, seen.box.y_max) for seen in truth]
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def report_table(report: VideoReport) -> Table:
    """Return the numbers of a run as a table."""
    title = f"{report.frames} drawn frames, {report.tracks_true} vehicles"
    table = Table("what", "number", "against", title=title)
    drawn, fast = report.human_seconds_manual, report.human_seconds_manual_fastest
    spent = report.human_seconds
    for row in (
        ("labels", f"{report.labels:,}", f"{report.boxes_true:,} boxes are there"),
        ("boxes that people drew", f"{report.boxes_drawn:,}", f"{report.boxes_drawn / report.boxes_true:.1%} of these"),
        ("frames asked as a whole", f"{report.frames_asked}", f"of {report.frames}, in {report.rounds} rounds"),
        ("boxes on pages", f"{report.on_pages:,}", f"on {report.pages} pages"),
        ("human time", in_hours(spent), f"{in_hours(drawn)} by hand: {spent / drawn:.1%}"),
        ("", "", f"{in_hours(fast)} by extreme clicks: {spent / fast:.1%}"),
        ("precision, recall", f"{report.precision:.1%}, {report.recall:.1%}", "at IoU 0.5, with the right class"),
        ("HOTA, MOTA", f"{report.hota:.3f}, {report.mota:.3f}", "1 is best"),
        ("IDF1", f"{report.idf1:.3f}", f"{report.id_switches:.0f} switches of identity"),
        ("tracks", f"{report.tracks}", f"{report.tracks_true} vehicles"),
        ("wall time", f"{report.wall_seconds:.0f} s", ""),
    ):
        table.add_row(*row)
    return table
