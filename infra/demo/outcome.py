"""What a measured run came to, read from the catalogue, the store and the registry, not from anybody's memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Batch, Proposal, Snapshot, Verdict
from blocks.errors import LabellingError
from blocks.frozen import Frozen
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from infra.annotators.simulate import SimulationReport
from infra.annotators.truth import KnownWorld
from infra.demo.worth import Worth, worth_of_labels
from infra.stack.servers.services import artifact_root, catalog_url, tracking_uri
from infra.stack.state import StackState
from tasks.detect.refs import DetectorRef
from tasks.review.questions.kinds.boxes.extreme_points import Drawing
from tasks.settle.effort import Effort, effort_of
from tasks.settle.labels import settle
from tasks.train.evaluate import Evaluation, evaluate
from tasks.train.naming import registry_name
from tasks.train.registry import champion_of, versions_of

if TYPE_CHECKING:
    from flows.options import LineOptions


class DemoReport(Frozen):
    """The numbers of a run: `report.json`."""

    collection: str
    batch_id: str
    items: int
    labels: int
    boxes_whole_frame: int = Field(description="Boxes that one pass over each whole picture finds")
    boxes_tiled: int = Field(description="Boxes that tiles and whole pictures together find, at the same score")
    share_accepted: float = Field(description="Labels that nobody has looked at, over all labels")
    questions_asked: int
    questions_answered: int
    unprompted_answers: int = Field(default=0, description="To questions that should have shown proposals and did not")
    human_seconds: float
    human_seconds_manual: float = Field(description="By hand, drawn from corner to corner: published time per box")
    human_seconds_manual_fastest: float = Field(description="By hand, for the fastest published way to draw")
    drawing: str = Field(default="corners", description="How people drew boxes")
    share_of_by_hand: float | None = Field(
        default=None, description="Human seconds over those by hand, drawn in the same way; None: no label"
    )
    human_seconds_by_act: dict[str, float]
    boxes_by_act: dict[str, int]
    worth: Worth
    detector_before: str
    detector_after: str
    promoted: bool
    test_items: int
    test_boxes: int
    map50_before: float
    map50_after: float
    map50_95_before: float
    map50_95_after: float
    by_class_before: Mapping[str, Mapping[str, float]]
    by_class_after: Mapping[str, Mapping[str, float]]
    wall_seconds: dict[str, float] = Field(default_factory=dict, description="By phase, and total")
    overhead_share: float = Field(default=0.0, description="Of the wall time: all but work and waiting for people")


def read_outcome(state: StackState, line: "LineOptions", world: KnownWorld, people: SimulationReport) -> DemoReport:
    """Read what the line has left behind after a batch was labelled and a challenger was trained on it.

    Args:
        state: The stack.
        line: The options of the line.
        world: The truth.
        people: What the simulated people did.
    """
    engine, store = open_engine(catalog_url(state.home)), FolderStore(state.home / "objects")
    with reading(engine) as session:
        newest = select(Batch).where(Batch.collection == line.collection).order_by(col(Batch.created_at).desc())
        batch = session.exec(newest).first()
        shots = select(Snapshot).where(Snapshot.collection == line.collection).order_by(col(Snapshot.created_at).desc())
        snapshot = session.exec(shots).first()
    if batch is None or batch.detector is None or snapshot is None:
        raise LabellingError(f"the line left no batch or no snapshot of {line.collection!r} behind")
    recipe = recipe_of(engine, batch)
    settled = settle(engine, batch.id, batch.detector, recipe)  # settled already: this only counts
    effort = effort_of(engine, batch.id, batch.detector, recipe)
    first, last, promoted = _detectors(state, line.collection, batch.detector)
    before, after = (evaluate(store, snapshot.id, ref, line.tiling) for ref in (first, last))
    return DemoReport(
        collection=line.collection,
        batch_id=batch.id,
        items=effort.images,
        labels=effort.labels,
        boxes_whole_frame=effort.boxes_whole_frame,
        boxes_tiled=effort.boxes_tiled,
        share_accepted=settled.share_accepted,
        questions_asked=effort.questions_asked,
        questions_answered=effort.questions_answered,
        unprompted_answers=effort.unprompted_answers,
        human_seconds=effort.human_seconds,
        human_seconds_manual=effort.human_seconds_manual,
        human_seconds_manual_fastest=effort.human_seconds_manual_fastest,
        drawing=line.annotator_pool.drawing,
        share_of_by_hand=share_of_by_hand(effort, line.annotator_pool.drawing),
        human_seconds_by_act={act: round(seconds, 1) for act, seconds in people.seconds_by_act.items()},
        boxes_by_act=dict(people.boxes),
        worth=worth_of_labels(engine, line.collection, world),
        detector_before=first.version,
        detector_after=last.version,
        promoted=promoted,
        **_precision(before, after),
    )


def share_of_by_hand(effort: Effort, drawing: Drawing) -> float | None:
    """Return human seconds over those by hand, drawn in the same way; None: there is nothing to draw."""
    ways = {"corners": effort.human_seconds_manual, "extreme_points": effort.human_seconds_manual_fastest}
    by_hand = ways[drawing]
    return round(effort.human_seconds / by_hand, 4) if by_hand else None


def recipe_of(engine: Engine, batch: Batch) -> str:
    """Return the recipe by which a triaged batch was looked at: it depends on what the line knew by then.

    Raises:
        LabellingError: The batch has no verdict, so nothing was found on it.
    """
    of_batch = select(Proposal.recipe).join(Verdict, col(Verdict.proposal_id) == col(Proposal.id))
    with reading(engine) as session:
        recipe = session.exec(of_batch.where(Verdict.batch_id == batch.id).limit(1)).first()
    if recipe is None:
        raise LabellingError(f"nothing was found on any item of batch {batch.id}: is this the right detector?")
    return recipe


def _detectors(state: StackState, collection: str, used: str) -> tuple[DetectorRef, DetectorRef, bool]:
    """Return the detector that the line used, the one that was trained last, and whether that is champion now."""
    experiments, name = Experiments(tracking_uri(state.home), artifact_root(state.home)), registry_name(collection)
    versions, champion = versions_of(experiments, name), champion_of(experiments, name)
    first = next((each.ref for each in versions if each.ref.version == used), None)
    if first is None or not versions or versions[0].ref.version == used:
        raise LabellingError(f"no retrained detector of {collection!r} is registered: look at the retrain run's log")
    last = versions[0].ref
    return first, last, champion is not None and champion.ref.version == last.version


def _precision(before: Evaluation, after: Evaluation) -> dict[str, object]:
    return {
        "test_items": after.items,
        "test_boxes": after.truths,
        "map50_before": before.number("map50"),
        "map50_after": after.number("map50"),
        "map50_95_before": before.number("map50_95"),
        "map50_95_after": after.number("map50_95"),
        "by_class_before": before.metrics.by_class,
        "by_class_after": after.metrics.by_class,
    }


def write_report(path: Path, outcome: DemoReport) -> None:
    """Write `report.json`."""
    path.write_text(outcome.model_dump_json(indent=1) + "\n")
