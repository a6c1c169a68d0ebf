"""The four lines as Prefect runs them, one after the other on a small world: real server, real people's queues.

The stations have tests of their own. Here it is the composition that is held to account: that what one step returns is
what the next one takes, and that everything a person should find in the Prefect UI is there.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import cv2
import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.people_tables import Decision
from blocks.database.tables import Label, Question, utc_now
from blocks.naming.artifacts import artifact_key
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from flows.intake import intake
from flows.label import label
from flows.options import LineOptions
from flows.reports import LineReport
from flows.retrain import retrain
from flows.sweep import sweep
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from tasks.detect.options import TilingOptions
from tasks.review.questions.staffing import AnnotatorPool, GoldRule, OverlapRule
from tasks.train.options import TrainOptions
from tests.dataset.scenes import COLOURS, Scene, draw_scene
from tests.flows.surroundings import at_work, save_plugs
from tests.train.conftest import save_weights

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CLASSES = tuple(COLOURS)
KINDS = ("rose", "brick")


@dataclass(frozen=True)
class World:
    """Pictures with their truth, and where the line finds its plugs."""

    plugs: str
    folder: Path
    server: AnnotationServer
    line: LineOptions


@pytest.fixture
def world(
    engine: Engine, experiments: Experiments, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path
) -> World:
    """Eight pictures in four sequences, one file that is none, and a detector that has learnt nothing yet."""
    name = f"lines-{uuid4().hex[:8]}"
    save_plugs(name, engine, label_studio, tmp_path, experiments)
    write_truth(tmp_path / "truth", [draw_scene(number, sequence=f"s{number % 4}") for number in range(8)])
    line = LineOptions(
        collection=name,
        classes=CLASSES,
        detector=str(save_weights(tmp_path / "tiny.pt", CLASSES)),
        kinds={"red": KINDS},
        tiling=TilingOptions(tile_px=96, whole_image=False, backend="torch"),
        parts=None,  # a question for each picture, so that they can be counted
    )
    return World(name, tmp_path / "truth", label_studio, line)


def write_truth(folder: Path, scenes: list[Scene]) -> None:
    """Write pictures with YOLO labels and exact kinds, and a file that only looks like a picture."""
    folder.mkdir()
    kinds = {}
    for scene in scenes:
        height, width = scene.pixels.shape[:2]
        cv2.imwrite(str(folder / scene.name), scene.pixels)
        rows = [
            f"{CLASSES.index(name)} {(a + c) / 2 / width} {(b + d) / 2 / height} {(c - a) / width} {(d - b) / height}"
            for name, (a, b, c, d) in scene.boxes
        ]
        (folder / scene.name).with_suffix(".txt").write_text("\n".join(rows) + "\n")
        kinds[scene.name] = ["rose" if name == "red" else None for name, _ in scene.boxes]
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    (folder / "kinds.json").write_text(json.dumps(kinds))


@contextmanager
def people_at_work(world: World, count: int = 2) -> Iterator[Simulation]:
    """Let simulated people answer in a thread while the line runs."""
    pool = People(count=count, skill=1.0)
    with at_work(Simulation(world.server, read_world(world.folder), world.line.collection, pool)) as people:
        yield people


def labelled(world: World) -> tuple[LineReport, Simulation]:
    with people_at_work(world) as people:
        return label(world.line, world.plugs), people


def shown(*keys: str) -> dict[str, str]:
    """Return the newest texts of the artifacts under some keys, as Prefect's API gives them."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=list(keys))))
    by_age = sorted(found, key=lambda artifact: artifact.created or utc_now())
    return {str(artifact.key): str(artifact.data) for artifact in by_age}


@pytest.mark.timeout(600)
def test_a_folder_becomes_labels_and_labels_a_challenger_and_all_of_it_is_shown(world: World) -> None:
    (world.folder / "broken.png").write_bytes(b"no picture")
    taken = intake(str(world.folder), world.line.collection, plugs=world.plugs)
    assert (taken.offered, taken.taken, len(taken.set_aside)) == (9, 8, 1)
    (world.folder / "broken.png").unlink()  # people know pictures only

    report, people = labelled(world)
    assert report.batch and report.triaged and report.settled and report.effort
    assert report.triaged.items == report.settled.items_settled == 8
    assert report.settled.by_class == {"blue": 16, "red": 16}
    assert report.settled.by_kind == {"rose": 16}
    assert people.report.answers_by_queue == {"mark-missed": 8, "name-kind": 16}
    assert report.effort.human_seconds == pytest.approx(people.report.human_seconds, rel=0.01)

    again = label(world.line, world.plugs)
    assert again == LineReport.nothing_new(world.line.collection)
    swept = sweep(world.plugs)
    heard = swept.parts[0].did
    assert heard.startswith("2 of 2 projects read") and " 0 new answers " in heard  # the run itself has heard all
    assert swept.is_whole

    options = TrainOptions(epochs=1, min_test_boxes=1, batch=4, min_train_boxes=4)
    promotion = retrain(world.line.collection, options, world.line.tiling, plugs=world.plugs)
    assert promotion.name == world.line.collection

    batch_keys = [artifact_key(kind, report.batch.id) for kind in ("triage", "labels", "effort", "pictures")]
    line_keys = [artifact_key(kind, world.line.collection) for kind in ("intake", "training", "comparison")]
    texts = shown(*batch_keys, *line_keys)
    assert set(texts) == {*batch_keys, *line_keys}
    triage, labels, effort, pictures = (texts[key] for key in batch_keys)
    assert "ask" in triage and "32 labels on 8 images" in labels
    assert "by hand" in effort and "data:image/jpeg;base64," in pictures
    assert "broken.png" in texts[line_keys[0]]
    assert f"in tiles of {world.line.tiling.tile_px} px" in texts[line_keys[2]]


@pytest.mark.timeout(600)
def test_a_line_that_asks_two_people_and_hides_gold_labels_each_picture_once(engine: Engine, world: World) -> None:
    intake(str(world.folder), world.line.collection, plugs=world.plugs)
    two = OverlapRule(least=2, most=3)
    staff = {
        "annotator_pool": AnnotatorPool(overlap=two, gold=GoldRule(share=0.3)),
        "expert_pool": AnnotatorPool(overlap=two),
        "batch_size": 4,
    }
    line = world.line.model_copy(update=staff)
    with people_at_work(world, count=3) as people:
        reports = [label(line, world.plugs) for _ in range(2)]

    settled = [report.settled for report in reports if report.settled]
    assert [one.items_settled for one in settled] == [4, 4]
    assert [one.by_class for one in settled] == [{"blue": 8, "red": 8}] * 2
    assert sum(one.by_kind["rose"] for one in settled) == 16
    with reading(engine) as session:
        gold = session.exec(select(Question).where(col(Question.gold_id).is_not(None))).all()
        decided = session.exec(select(Decision).where(Decision.queue == "mark-missed")).all()
        labels = session.exec(select(Label)).all()
    first, second = (report.batch.id for report in reports if report.batch)
    assert gold and {one.batch_id for one in gold} == {second}
    assert {one.queue for one in gold} == {"mark-missed~1", "mark-missed~2"}
    assert {one.item_id for one in gold}.isdisjoint(one.item_id for one in labels if one.batch_id == second)
    assert {(one.step, len(one.people)) for one in decided} == {("settled", 2)}
    assert people.report.answers_by_queue["mark-missed"] == 2 * 8 + len(gold)
    text = shown(artifact_key("people", second))[artifact_key("people", second)]
    assert "| on trial |" in text
    assert first != second
