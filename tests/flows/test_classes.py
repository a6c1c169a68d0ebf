"""A line of classes as a whole: pictures without a model, people on a real Label Studio, labels, snapshot, folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest
from prefect import flow
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Label
from blocks.plugs import open_catalog, open_store
from blocks.servers.annotation_server import AnnotationServer
from flows.intake import intake
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.formats.published import read_truth
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.dataset.take_along import take_along
from tasks.detect.refs import DetectorRef, ScanRef
from tasks.detect.steps import detect_shard, plan_scan
from tasks.intake.steps import list_shards, open_batch
from tasks.review.ask import ask
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.review.steps import write_questions
from tasks.settle.effort import Effort
from tasks.settle.report import SettleReport
from tasks.settle.steps import settle_batch, show_effort, show_people, show_pictures
from tasks.triage.report import TriageReport
from tasks.triage.steps import triage_batch
from tests.flows.surroundings import at_work, save_plugs

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
COLOURS = {"red": (40, 40, 220), "green": (60, 200, 60), "blue": (220, 60, 40)}


@flow
def line_without_a_model(line: LineOptions, plugs: str) -> tuple[TriageReport, SettleReport, Effort]:
    """Label a batch as `label` does, where no model is to be chosen."""
    batch = open_batch(line.collection, line.batch_size, "by hand", plugs)
    nobody = DetectorRef.nobody(line.collection)
    scan: ScanRef = plan_scan(batch, nobody, line.tiling, line.classes, plugs, line.label_kind)
    for shard in list_shards(batch.id, plugs=plugs):
        detect_shard(shard, scan)
    triaged = triage_batch(scan, line.triage)
    for stop in line.queues:
        ask(stop.queue, write_questions(scan, stop), line.until, plugs)
    settled = settle_batch(scan)
    show_people(scan)
    show_pictures(scan)
    return triaged, settled, show_effort(scan)


@pytest.fixture
def plugs(engine: Engine, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path) -> str:
    """Saved blocks of the test's own."""
    name = f"classes-{uuid4().hex[:8]}"
    save_plugs(name, engine, label_studio, tmp_path)
    return name


def draw_truth(folder: Path, count: int) -> Path:
    """Draw coloured noise, a folder for each colour; in sequences of four."""
    for number in range(count):
        name = list(COLOURS)[number % len(COLOURS)]
        noise = np.random.default_rng(number).integers(0, 35, (48, 64, 3))
        (folder / name).mkdir(parents=True, exist_ok=True)
        picture = np.asarray(np.array(COLOURS[name]) + noise - 17, dtype=np.uint8)
        cv2.imwrite(str(folder / name / f"s{number % 4}-{number:04d}.png"), picture)
    return folder


@contextmanager
def people_at_work(server: AnnotationServer, folder: Path, collection: str, count: int) -> Iterator[Simulation]:
    """Let simulated people answer in a thread while the line runs."""
    pool = People(count=count, skill=1.0)
    with at_work(Simulation(server, read_world(folder, "folders"), collection, pool)) as people:
        yield people


@pytest.mark.timeout(600)
@pytest.mark.parametrize("overlap", [None, OverlapRule(least=2, most=3)], ids=["one person", "two people"])
def test_pictures_become_classes_and_classes_folders(
    engine: Engine, label_studio: AnnotationServer, plugs: str, tmp_path: Path, overlap: OverlapRule | None
) -> None:
    truth = draw_truth(tmp_path / "truth", 12)
    line = LineOptions(
        collection=plugs,
        classes=tuple(COLOURS),
        label_kind="classes",
        annotator_pool=AnnotatorPool(overlap=overlap),
    )
    assert intake(str(truth), line.collection, plugs=plugs).taken == 12
    with people_at_work(label_studio, truth, line.collection, 3) as people:
        triaged, settled, effort = line_without_a_model(line, plugs)

    asked = 12 * (overlap.least if overlap else 1)
    assert people.report.answers_by_queue == {"choose-class": asked}
    assert triaged.items_by_route["sure"] == 0
    assert triaged.items_by_reason["ask"]["no model yet"] == triaged.items_by_route["ask"]
    assert settled.by_class == {"red": 4, "green": 4, "blue": 4}
    assert settled.by_origin == {"person": 12}
    assert effort.human_seconds_manual == 12 * 3 * 1.0
    assert effort.human_seconds == pytest.approx(people.report.human_seconds, rel=0.01)
    with reading(engine) as session:
        labels = session.exec(select(Label)).all()
    assert {(one.region, one.revision, one.x_min) for one in labels} == {("whole", 0, None)}

    plugged = open_catalog(plugs), open_store(plugs)
    snapshot = take_snapshot(*plugged, line.collection)
    manifest = read_snapshot(open_store(plugs), snapshot.id)
    assert (manifest.kind, manifest.classes) == ("classes", ("blue", "green", "red"))
    issue_certificate(*plugged, snapshot.id)
    take_along(*plugged, line.collection, tmp_path / "out", "folders", "copy")
    taken = read_truth(tmp_path / "out", "folders").wholes
    told = {Path(name).name: class_name for name, class_name in taken.items()}
    assert told == {path.name: path.parent.name for path in truth.rglob("*.png")}
