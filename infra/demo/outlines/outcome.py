"""The numbers of outlined dishes: what it took people, how right the outlines are, and whether exports say the same."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Answer, AnswerState, Batch, Item, Question
from blocks.errors import LabellingError
from blocks.frozen import Frozen
from blocks.published_times import OUTLINE_OBJECT
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from infra.annotators.simulate import SimulationReport
from infra.annotators.truth import read_world
from infra.demo.outlines.dishes import DrawnDishes, DrawnObject
from infra.demo.summary import in_hours
from infra.stack.servers.services import artifact_root, catalog_url, tracking_uri
from infra.stack.state import StackState
from tasks.dataset.snapshots import newest_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import NOBODY
from tasks.kinds.by_hand import manual_seconds
from tasks.kinds.geometry import RIGHT_IOU
from tasks.kinds.matching import match_optimally
from tasks.kinds.outlines.average_precision import FoundShape
from tasks.kinds.outlines.raster import mask_iou_of_all
from tasks.kinds.outlines.trace import mask_of
from tasks.monitor.active_learning.rounds import read_rounds
from tasks.monitor.cost.spent import read_spent
from tasks.settle.in_force import labels_in_force
from tasks.train.evaluate import evaluate
from tasks.train.registry import champion_of, versions_of


class DrawnAgain(Frozen):
    """Outlines against what was drawn: right is the class at mask IoU 0.5 or more."""

    labels: int
    truths: int
    right: int
    mean_iou: float = Field(description="Of the right ones")


class OutlinesReport(Frozen):
    """The numbers of a run: `report.json`."""

    label_kind: str
    pictures: int
    labels: int
    truths: int
    right: int
    mean_iou: float = Field(description="Mask IoU of the right labels with what was drawn")
    unseen_labels: int = Field(description="Labels that no person has looked at")
    questions: int
    clicked: int = Field(description="Labels that came of four clicks")
    human_seconds: float
    human_seconds_manual: float = Field(description="By hand: every object outlined, at the published seconds")
    human_seconds_by_act: Mapping[str, float]
    outlines_by_act: Mapping[str, int]
    mask_map50_before: float = Field(description="Of the first model, on the test pictures")
    mask_map50_after: float = Field(description="Of the champion at the end, on the same")
    test_pictures: int
    test_objects: int
    exports: Mapping[str, DrawnAgain] = Field(description="By format, what was read back of an export")
    wall_seconds: float = 0.0


def compared(said: Sequence[Sequence[FoundShape]], truth: Sequence[Sequence[DrawnObject]]) -> DrawnAgain:
    """Compare outlines with what was drawn, picture by picture."""
    overlaps: list[float] = []
    for mine, drawn in zip(said, truth, strict=True):
        there = [FoundShape(one.class_name, mask_of(one.raster)) for one in drawn]
        alike = mask_iou_of_all(mine, there)
        for row, one in enumerate(mine):
            for column, other in enumerate(there):
                if one.class_name != other.class_name or alike[row, column] < RIGHT_IOU:
                    alike[row, column] = 0.0
        overlaps += [float(alike[pair]) for pair in match_optimally(alike)]
    return DrawnAgain(
        labels=sum(map(len, said)),
        truths=sum(map(len, truth)),
        right=len(overlaps),
        mean_iou=round(sum(overlaps) / len(overlaps), 4) if overlaps else 0.0,
    )


def compare_export(folder: Path, fmt: str, dishes: DrawnDishes) -> DrawnAgain:
    """Read an export back, with its pictures, and compare it with what was drawn; pictures are known by their bytes."""
    read = read_world(folder, fmt, outlines=True)  # type: ignore[arg-type]  # every format that is exported is read
    said = []
    for name in dishes.truth:
        picture = read.pictures.get(hashlib.sha256((dishes.images / name).read_bytes()).hexdigest())
        boxes = picture.boxes if picture else ()
        said.append([FoundShape(one.class_name, one.shape) for one in boxes if one.shape is not None])
    return compared(said, list(dishes.truth.values()))


def read_outcome(
    state: StackState,
    collection: str,
    label_kind: str,
    dishes: DrawnDishes,
    people: SimulationReport,
    tiling: TilingOptions,
    exports: Mapping[str, DrawnAgain],
) -> OutlinesReport:
    """Read what the loop has left behind, from the catalogue, the store and the registry.

    Raises:
        LabellingError: It left no label, or no model.
    """
    engine, store = open_engine(catalog_url(state.home)), FolderStore(state.home / "objects")
    items = _items_by_name(engine)
    labels = labels_in_force(engine, [items[name] for name in dishes.truth if name in items], collection)
    in_order = [labels.get(items.get(name, ""), []) for name in dishes.truth]
    shaped = [[FoundShape(one.class_name, one.shape) for one in some] for some in in_order]  # type: ignore[arg-type]
    said = compared(shaped, list(dishes.truth.values()))
    experiments = Experiments(tracking_uri(state.home), artifact_root(state.home))
    champion, snapshot = champion_of(experiments, collection), newest_snapshot(engine, collection)
    if not said.labels or champion is None or snapshot is None:
        raise LabellingError(f"the loop left no labels or no champion of {collection!r}: look at its run")
    known = {one.ref.version: one.ref for one in versions_of(experiments, collection)}
    trained = [one.detector for one in read_rounds(engine, collection) if one.detector and one.detector != NOBODY]
    first = known[trained[0]] if trained else champion.ref
    before, after = (evaluate(store, snapshot, ref, tiling) for ref in (first, champion.ref))
    asked, clicked = _answers(engine, collection)
    return OutlinesReport(
        label_kind=label_kind,
        pictures=len(dishes.truth),
        labels=said.labels,
        truths=said.truths,
        right=said.right,
        mean_iou=said.mean_iou,
        unseen_labels=sum(one.origin == "machine" for some in in_order for one in some),
        questions=asked,
        clicked=clicked,
        human_seconds=round(sum(one.seconds or 0.0 for one in read_spent(engine, collection)), 1),
        human_seconds_manual=round(manual_seconds(said.truths, len(dishes.truth), OUTLINE_OBJECT), 1),
        human_seconds_by_act={act: round(seconds, 1) for act, seconds in people.seconds_by_act.items()},
        outlines_by_act=dict(people.boxes),
        mask_map50_before=round(before.number("map50"), 4),
        mask_map50_after=round(after.number("map50"), 4),
        test_pictures=after.items,
        test_objects=after.truths,
        exports=exports,
    )


def _items_by_name(engine: Engine) -> dict[str, str]:
    with reading(engine) as session:
        return {name: id_ for id_, name in session.exec(select(Item.id, Item.name))}


def _answers(engine: Engine, collection: str) -> tuple[int, int]:
    """Return how many answers count, and how many outlines in them came of clicks."""
    query = (
        select(Answer.raw)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Batch.collection == collection, Answer.state == AnswerState.COUNTED.value)
    )
    with reading(engine) as session:
        said = session.exec(query).all()
    return len(said), sum(bool(one.get("clicks")) for raw in said for one in raw)


def report_table(report: OutlinesReport) -> Table:
    """Return the numbers of a run as a table."""
    table = Table("what", "number", "against", title=f"{report.pictures} drawn dishes, {report.label_kind}")
    spent, by_hand = report.human_seconds, report.human_seconds_manual
    share = f"{report.right / report.labels:.1%} of the labels, {report.right / report.truths:.1%} of what is there"
    for row in (
        ("labels", f"{report.labels:,}", f"{report.truths:,} objects are there"),
        ("right", f"{report.right:,}", f"{share}, at mask IoU 0.5 and with the right class"),
        ("mean IoU of these", f"{report.mean_iou:.3f}", f"{report.clicked:,} came of four clicks"),
        ("labels that nobody looked at", f"{report.unseen_labels:,}", ""),
        ("human time", in_hours(spent), f"{in_hours(by_hand)} by hand: {spent / by_hand:.1%}"),
        (
            "mask mAP50 before → after",
            f"{report.mask_map50_before:.3f} → {report.mask_map50_after:.3f}",
            f"{report.test_objects:,} objects on {report.test_pictures} test pictures",
        ),
        *(
            (f"export as {name}", f"{one.right:,} right", f"of {one.labels:,}, mean IoU {one.mean_iou:.3f}")
            for name, one in report.exports.items()
        ),
        ("wall time", f"{report.wall_seconds:.0f} s", ""),
    ):
        table.add_row(*row)
    return table
