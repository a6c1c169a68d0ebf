"""A line whose labels suggest, in rounds on a real Label Studio: singles, then pages, until all is labelled."""

from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Item, Label
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from flows.intake import intake
from flows.label import label
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from tasks.monitor.active_learning.said_in_rounds import read_said
from tasks.review.questions.queue import CHOOSE_CLASS, CONFIRM_PAGE
from tasks.suggest.paging.plan import RoundOptions
from tests.flows.surroundings import at_work, save_plugs
from tests.flows.test_classes import COLOURS, draw_truth

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PICTURES = 80


@pytest.mark.timeout(900)
def test_rounds_go_on_until_all_is_labelled_and_most_of_it_on_pages(
    engine: Engine, label_studio: AnnotationServer, prefect_api: str, experiments: Experiments, tmp_path: Path
) -> None:
    name = f"rounds-{uuid4().hex[:8]}"
    save_plugs(name, engine, label_studio, tmp_path, experiments)
    truth = draw_truth(tmp_path / "truth", PICTURES)
    line = LineOptions(
        collection=name,
        classes=tuple(COLOURS),
        label_kind="classes",
        detector="suggest",
        rounds=RoundOptions(first=12, singles=6, page_size=12, max_error_rate=0.25, confidence=0.75, most_drawn=0.5),
        retrain_after=100_000,
    )
    assert intake(str(truth), name, plugs=name).taken == PICTURES
    world = read_world(truth, "folders")
    with at_work(Simulation(label_studio, world, name, People(count=2, skill=1.0))) as people:
        report = label(line, plugs=name)
    assert report.batch and report.settled
    with reading(engine) as session:
        labels = {row.item_id: row for row in session.exec(select(Label))}
        names = {item.id: item.name for item in session.exec(select(Item))}
        batches = session.exec(select(Batch)).all()
    assert len(labels) == PICTURES and {row.origin for row in labels.values()} == {"person"}
    assert all(world.pictures[id_].class_name == labels[id_].class_name for id_ in names)
    asked = people.report.answers_by_queue
    pages, _ = read_said(engine, name)
    assert len(batches) > 2 and asked[CONFIRM_PAGE] == len(pages) > 0
    assert sum(page.size for page in pages) + asked[CHOOSE_CLASS] == PICTURES, "nothing is asked twice"
