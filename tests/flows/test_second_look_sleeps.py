"""A deployed second look on the real stack: it falls asleep while people look again, and the doorbell wakes it."""

import time
from pathlib import Path

import pytest
from sqlmodel import col, select

from blocks.database import open_engine, reading
from blocks.tables import Label, Question, QuestionState
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from infra.demo.run import STARTER
from infra.demo.runs import wait_for_run
from infra.demo.scenes import draw_scenes
from infra.demo.vehicles import CLASSES
from infra.stack.connection import connected
from infra.stack.processes import find_process
from infra.stack.runs import start_run
from infra.stack.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import ServiceName, StackState
from tasks.audit.look import SECOND_LOOK_ROUND
from tests.flows.test_survival import LIMIT_S, home, wait_until_asleep

__all__ = ["home"]


@pytest.mark.slow
@pytest.mark.label_studio
@pytest.mark.timeout(900)
def test_a_deployed_second_look_sleeps_until_people_have_answered(home: Path, tmp_path: Path) -> None:
    scenes = draw_scenes(tmp_path / "scenes", 4, seed=3)
    classes = list(CLASSES)
    line = {"collection": "lots", "classes": classes, "detector": str(STARTER), "retrain_after": 100_000}
    # Of four pictures one or two are audited: little is known of what is rare, so much is expected to be wrong.
    faults = {"budget": 1.0, "fault_share": 0.5, "odd_colours": False}
    options = {"collection": "lots", "classes": classes, "faults": faults}
    state = start_stack(home)
    careless, careful = (
        Simulation(state.server, read_world(scenes.folder), "lots", People(count=2, skill=skill))
        for skill in (0.7, 1.0)
    )
    with connected(state) as client:
        wait_for_run(
            client, start_run(client, "intake/local", folder=str(scenes.images), collection="lots").id, LIMIT_S
        )
        labelling = start_run(client, "label/local", line=line).id
    wait_until_asleep(state, labelling, "mark-missed")
    careless.run(stop=lambda: True)
    with connected(state) as client:
        wait_for_run(client, labelling, LIMIT_S)
        looking = start_run(client, "second-look/local", options=options).id
    wait_until_asleep(state, looking, "mark-missed")
    wait_until_its_process_has_ended(state)
    careful.run(stop=lambda: True)
    with connected(state) as client:
        wait_for_run(client, looking, LIMIT_S)

    with reading(open_engine(catalog_url(home))) as session:
        looks = session.exec(select(Question).where(col(Question.round) >= SECOND_LOOK_ROUND)).all()
        revised = session.exec(select(Label).where(col(Label.revision) > 0)).all()
    assert looks and {one.state for one in looks} == {QuestionState.ANSWERED.value}
    assert all(one.payload["reasons"] for one in looks)
    assert {label.item_id for label in revised} <= {one.item_id for one in looks}
    assert revised


def wait_until_its_process_has_ended(state: StackState) -> None:
    """People take longer than this; Prefect 3.8's worker dies if a run is resumed while its old process still ends."""
    worker = find_process(state.processes[ServiceName.WORKER])
    assert worker is not None
    deadline = time.monotonic() + LIMIT_S
    while worker.children(recursive=True):
        assert time.monotonic() < deadline, "the process of a sleeping run does not end"
        time.sleep(0.5)
    time.sleep(2.0)  # the worker notes it at its next look
