"""A deployed second look on the real stack: it falls asleep while people look again, and the doorbell wakes it."""

from pathlib import Path

import pytest
from sqlmodel import col, select

from blocks.database import open_engine, reading, writing
from blocks.stores import FolderStore
from blocks.tables import Batch, BatchItem, Label, Question, QuestionState, Route, utc_now
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from infra.demo.runs import wait_for_run
from infra.stack.connection import connected
from infra.stack.runs import start_run
from infra.stack.services import catalog_url
from infra.stack.start import start_stack
from tasks.audit.look import SECOND_LOOK_ROUND
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.flows.test_lines import CLASSES, write_truth
from tests.flows.test_survival import LIMIT_S, home, wait_until_asleep
from tests.train.conftest import save_weights

__all__ = ["home"]


@pytest.mark.slow
@pytest.mark.label_studio
@pytest.mark.timeout(900)
def test_a_deployed_second_look_sleeps_until_people_have_answered(home: Path, tmp_path: Path) -> None:
    scenes = [draw_scene(number) for number in range(3)]
    write_truth(tmp_path / "truth", scenes)
    options = {
        "collection": "lots",
        "classes": list(CLASSES),
        "detector": str(save_weights(tmp_path / "tiny.pt", CLASSES)),
        "tiling": {"tile_px": 96, "whole_image": False, "backend": "torch"},
        "faults": {"budget": 1.0, "fault_share": 0.5},  # it has learnt nothing, and contradicts everything
    }
    state = start_stack(home)
    engine = open_engine(catalog_url(home))
    ids = settle_scenes(engine, FolderStore(home / "objects"), scenes, {"s0": "train"}, collection="lots")
    with writing(engine) as session:
        session.get_one(Batch, "b1").settled_at = utc_now()
        for item_id in ids:
            session.get_one(BatchItem, ("b1", item_id)).route = Route.ASK.value
        (red,) = session.exec(select(Label).where(Label.item_id == ids[0], Label.region == "r0")).all()
        red.class_name = "blue"

    with connected(state) as client:
        looking = start_run(client, "second-look/local", options=options).id
    wait_until_asleep(state, looking, "mark-missed")
    people = Simulation(state.server, read_world(tmp_path / "truth"), "lots", People(count=2, skill=1.0))
    people.run(stop=lambda: True)
    with connected(state) as client:
        wait_for_run(client, looking, LIMIT_S)

    with reading(engine) as session:
        looks = session.exec(select(Question)).all()
        revised = session.exec(select(Label).where(col(Label.revision) > 0)).all()
    assert {one.item_id for one in looks} == set(ids)
    assert {(one.round, one.state) for one in looks} == {(SECOND_LOOK_ROUND, QuestionState.ANSWERED.value)}
    assert all(one.payload["reasons"] for one in looks)
    assert ids[0] in {label.item_id for label in revised}
