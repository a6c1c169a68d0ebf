"""A line on which people confirm pages of sure crops: what they leave is theirs, what they remove is asked anew."""

from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, Label, Question
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from flows.intake import intake
from flows.options import LineOptions
from infra.demo.run import STARTER
from infra.demo.scenes.drawing import draw_scenes
from infra.demo.scenes.vehicles import CLASSES
from tasks.review.drafts.page_words import page_words
from tasks.review.questions.kinds.boxes.part import is_part
from tasks.review.questions.kinds.page import PageOptions
from tasks.review.questions.queue import CONFIRM_PAGE, MARK_MISSED
from tasks.triage.options import TriageOptions
from tests.flows.surroundings import save_plugs
from tests.flows.test_lines import World, labelled

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ACCEPT = 0.6
"""Nothing is in doubt: what is not accepted is dropped, so all but the audit is sure."""


@pytest.fixture
def world(
    engine: Engine, experiments: Experiments, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path
) -> World:
    """Four drawn parking lots, and a detector that is sure of most and sometimes wrong."""
    name = f"confirm-{uuid4().hex[:8]}"
    save_plugs(name, engine, label_studio, tmp_path, experiments)
    draw_scenes(tmp_path / "truth", 4, seed=3)
    line = LineOptions(
        collection=name,
        classes=CLASSES,
        detector=str(STARTER),
        triage=TriageOptions(accept=ACCEPT, drop=ACCEPT, image_outliers=False, outlier_z=100),
        confirm=PageOptions(least_score=ACCEPT, crops=20),
        retrain_after=100_000,
    )
    return World(name, tmp_path / "truth", label_studio, line)


@pytest.mark.timeout(600)
def test_pages_come_first_and_what_is_removed_is_asked_in_its_part(world: World, engine: Engine) -> None:
    intake(str(world.folder), world.line.collection, plugs=world.plugs)
    report, people = labelled(world)
    assert report.batch and report.triaged and report.settled
    words = page_words(engine, report.batch.id)
    removed = {id_ for id_, said in words.items() if said.word == "removed"}
    assert 0 < len(removed) < len(words)  # the starter takes much asphalt for buses; how much, the audit draw decides
    with reading(engine) as session:
        questions = session.exec(select(Question).where(Question.batch_id == report.batch.id)).all()
        labels = {row.region: row for row in session.exec(select(Label).where(col(Label.retracted).is_(False)))}
        page_answers = {
            answer.id
            for answer in session.exec(select(Answer))
            if answer.question_id in {row.id for row in questions if row.queue == CONFIRM_PAGE}
        }
    pages = [row for row in questions if row.queue == CONFIRM_PAGE]
    asked: dict[str, list[str]] = {}
    for row in questions:
        if row.queue == MARK_MISSED and not row.payload["blind"]:
            asked.setdefault(row.item_id, []).extend(row.payload["prefill"])
    parts = [row for row in questions if row.queue == MARK_MISSED and is_part(row.subject)]
    assert parts, "a hundred vehicles are no minute's work"
    assert people.report.answers_by_queue[CONFIRM_PAGE] == len(pages) >= 2
    shown = {crop["proposal_id"]: crop["item_id"] for page in pages for crop in page.payload["crops"]}
    assert set(asked) == {shown[id_] for id_ in removed}
    assert removed <= {id_ for prefill in asked.values() for id_ in prefill}
    machines = [id_ for id_ in removed & labels.keys() if labels[id_].origin == "machine"]
    assert machines == []
    confirmed = {id_: labels[id_] for id_, said in words.items() if said.word == "confirmed" and id_ in labels}
    assert len(confirmed) > 0.9 * (len(words) - len(removed))
    assert {(row.origin, row.answer_id in page_answers) for row in confirmed.values() if row.item_id not in asked} <= {
        ("person", True)
    }
    assert report.settled.items_settled == 4
