"""A deployed second look on the real stack: it falls asleep while people look again, and the doorbell wakes it."""

from pathlib import Path

import pytest
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading, writing
from blocks.database.tables import Batch, BatchItem, Label, Question, QuestionState, Route, utc_now
from blocks.storage.stores import FolderStore
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from infra.demo.runs import wait_for_run
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import catalog_url
from infra.stack.state import StackState
from tasks.audit.label_errors.record import REVIEW_ROUND
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.flows.test_lines import CLASSES, write_truth
from tests.running.test_survival import LIMIT_S, wait_until_asleep
from tests.train.conftest import save_weights

COLLECTION, BATCH = "second look", "looked at again"


@pytest.mark.slow
@pytest.mark.label_studio
@pytest.mark.timeout(900)
def test_a_deployed_second_look_sleeps_until_people_have_answered(stack: StackState, tmp_path: Path) -> None:
    scenes = [draw_scene(number) for number in range(3)]
    write_truth(tmp_path / "truth", scenes)
    options = {
        "collection": COLLECTION,
        "classes": list(CLASSES),
        "detector": str(save_weights(tmp_path / "tiny.pt", CLASSES)),
        "tiling": {"tile_px": 96, "whole_image": False, "backend": "torch"},
        "label_errors": {
            "budget": 1.0,
            "expected_error_rate": 0.5,
        },  # it has learnt nothing, and contradicts everything
    }
    engine = open_engine(catalog_url(stack.home))
    ids = settle_scenes(
        engine, FolderStore(stack.home / "objects"), scenes, {"s0": "train"}, collection=COLLECTION, batch_id=BATCH
    )
    with writing(engine) as session:
        session.get_one(Batch, BATCH).settled_at = utc_now()
        for item_id in ids:
            session.get_one(BatchItem, (BATCH, item_id)).route = Route.ASK.value
        (red,) = session.exec(select(Label).where(Label.item_id == ids[0], Label.region == "r0")).all()
        red.class_name = "blue"

    with connected(stack) as client:
        looking = start_run(client, deployed_as("second-look"), options=options).id
    wait_until_asleep(stack, looking, "mark-missed", COLLECTION)
    people = Simulation(stack.server, read_world(tmp_path / "truth"), COLLECTION, People(count=2, skill=1.0))
    people.run(stop=lambda: True)
    with connected(stack) as client:
        wait_for_run(client, looking, LIMIT_S)

    with reading(engine) as session:
        looks = session.exec(select(Question).where(Question.batch_id == BATCH)).all()
        revised = session.exec(select(Label).where(col(Label.revision) > 0, col(Label.item_id).in_(ids))).all()
    assert {one.item_id for one in looks} == set(ids)
    assert {(one.round, one.state) for one in looks} == {(REVIEW_ROUND, QuestionState.ANSWERED.value)}
    assert all(one.payload["reasons"] for one in looks)
    assert ids[0] in {label.item_id for label in revised}
