"""The line with a promise: a random sample of boxes is judged, thresholds certified, the rest accepted by them.

The detector's proposals are written beforehand, as if it had looked: what is under test is what people prove of them.
"""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item, Label, Proposal, Scan
from flows.intake import intake
from flows.label import label
from flows.options import LineOptions
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import read_thresholds
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.refs import Scope
from tasks.triage.options import TriageOptions
from tests.dataset.scenes import draw_scene
from tests.flows.test_lines import World, labelled, people_at_work, shown, world

__all__ = ["world"]

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# A promise so wide that a handful of boxes proves it: the world has 32.
RISK_CONTROL = RiskControlOptions(max_error_rate=0.4, confidence=0.6, most_share=1.0, boxes_per_class=5)


def promised(line: LineOptions) -> LineOptions:
    triage = TriageOptions(image_outliers=False, outlier_z=100)
    return line.model_copy(update={"risk_control": RISK_CONTROL, "triage": triage, "kinds": {}})


def propose_truth(engine: Engine, line: LineOptions) -> int:
    """Write what a good detector would propose on every picture: all its squares, and one box around nothing."""
    version, recipe = version_of(Path(line.detector)), line.tiling.recipe(line.classes)
    with reading(engine) as session:
        ids = {item.name: item.id for item in session.exec(select(Item))}
    scans, proposals = [], []
    for number in range(8):
        scene = draw_scene(number, sequence=f"s{number % 4}")
        mine = {"item_id": ids[scene.name], "detector": version, "recipe": recipe}
        scans.append({**mine, "proposals": len(scene.boxes), "whole_frame": 0, "tiles": 2})
        for rank, (name, (x_min, y_min, x_max, y_max)) in enumerate(scene.boxes):
            corners = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
            row = {"id": f"{number}-{rank}", "class_name": name, "score": 0.9 - 0.02 * rank, "view": "tile"}
            proposals.append({**mine, **row, **corners})
    with writing(engine) as session:
        upsert(session, Scan, scans)
        upsert(session, Proposal, proposals)
    return len(proposals)


@pytest.mark.timeout(600)
def test_people_prove_a_threshold_and_triage_accepts_what_it_covers(world: World, engine: Engine) -> None:
    intake(str(world.folder), world.line.collection, plugs=world.plugs)
    line = promised(world.line)
    assert propose_truth(engine, line) == 32
    with people_at_work(world) as people:
        report = label(line, world.plugs)

    assert report.batch and report.certified and report.settled and report.triaged and report.detector
    asked = people.report.answers_by_queue
    assert 6 <= asked["confirm-box"] <= 10
    assert asked["confirm-again"] == 0  # everybody is right at the first look
    assert set(report.certified.in_force.accept_from) == {"blue", "red"}
    assert report.triaged.boxes_by_outcome["accept"] > asked["confirm-box"]
    assert report.settled.by_class == {"blue": 16, "red": 16}
    assert report.settled.confirmed == asked["confirm-box"]
    with reading(engine) as session:
        origins = {row.origin for row in session.exec(select(Label))}
    assert origins == {"machine", "person"}

    scope = Scope(report.batch.id, report.detector.version, line.tiling.recipe(line.classes))
    assert {threshold.standing for threshold in read_thresholds(engine, scope).values()} == {"certified"}
    texts = shown(*(f"{kind}-{report.batch.id}".lower() for kind in ("bands", "drawn")))
    assert all("randomly sampled" in text for text in texts.values()) and len(texts) == 2


@pytest.mark.timeout(600)
def test_a_promise_that_cannot_be_kept_leaves_everything_to_people(world: World, engine: Engine) -> None:
    intake(str(world.folder), world.line.collection, plugs=world.plugs)
    line = promised(world.line).model_copy(update={"risk_control": RiskControlOptions()})
    propose_truth(engine, line)
    line_world = World(world.plugs, world.folder, world.server, line)
    report, people = labelled(line_world)
    assert report.certified and report.settled and report.triaged
    assert report.certified.in_force.accept_from == {}
    assert report.triaged.boxes_by_outcome["accept"] == 0
    assert people.report.answers_by_queue == {"mark-missed": 8}
    assert report.settled.by_origin == {"person": 32}
