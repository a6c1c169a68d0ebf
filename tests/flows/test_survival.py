"""The promise of `ask`, on the real thing: nothing lost, nothing asked twice, no process waiting.

A labelling run posts its questions and falls asleep. Then the worker, Label Studio, the gateway and the Prefect server
are killed without warning and started again; one queue is answered while the doorbell is dead, the other one normally.
At the end every question must exist once in Label Studio and have been answered once, and the run must have settled.
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlmodel import select

from blocks.database import open_engine, reading
from blocks.tables import Answer, AnswerState, Label, Question, QuestionState
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from infra.demo.run import STARTER
from infra.demo.runs import wait_for_run
from infra.demo.scenes import draw_scenes
from infra.demo.vehicles import CLASSES, TRUCK_KINDS
from infra.stack.connection import connected
from infra.stack.label_studio import find_label_studio
from infra.stack.processes import find_process
from infra.stack.runs import start_run
from infra.stack.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import ServiceName, StackState
from infra.stack.stop import stop_stack

LIMIT_S = 300.0
SCENES = 4


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder whose stack is stopped at the end, whatever happened."""
    try:
        find_label_studio()
    except Exception as error:  # noqa: BLE001
        pytest.skip(str(error))
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    stop_stack(tmp_path / "home")


def kill(state: StackState, *names: ServiceName) -> None:
    """End services as a power cut would: no signal they could act on, and all their children too."""
    for name in names:
        process = find_process(state.processes[name])
        assert process is not None, f"{name} is not running"
        family = [*process.children(recursive=True), process]
        for member in family:
            member.kill()
        psutil.wait_procs(family, timeout=20)


def wait_until_asleep(state: StackState, run_id: object, queue: str) -> None:
    """Wait until a run sleeps while a queue's questions wait for people."""
    engine = open_engine(catalog_url(state.home))
    deadline = time.monotonic() + LIMIT_S
    with connected(state) as client:
        while time.monotonic() < deadline:
            with reading(engine) as session:
                posted = session.exec(
                    select(Question).where(Question.queue == queue, Question.state == QuestionState.POSTED.value)
                ).all()
            run = client.read_flow_run(run_id)  # type: ignore[arg-type]
            assert run.state is not None and not run.state.is_final(), run.state
            if posted and run.state.is_paused():
                return
            time.sleep(0.5)
    pytest.fail(f"the run did not fall asleep in queue {queue}")


@pytest.mark.slow
@pytest.mark.label_studio
@pytest.mark.timeout(900)
def test_a_run_survives_the_death_of_everything_between_posting_and_answering(home: Path, tmp_path: Path) -> None:
    scenes = draw_scenes(tmp_path / "scenes", SCENES, seed=3)
    line = {
        "collection": "lots",
        "classes": list(CLASSES),
        "detector": str(STARTER),
        "kinds": {"truck": list(TRUCK_KINDS)},
        "retrain_after": 100_000,
    }
    state = start_stack(home)
    with connected(state) as client:
        taken = start_run(client, "intake/local", folder=str(scenes.images), collection="lots").id
        wait_for_run(client, taken, LIMIT_S)
        run_id = start_run(client, "label/local", line=line).id
    wait_until_asleep(state, run_id, "mark-missed")

    kill(state, ServiceName.WORKER, ServiceName.LABEL_STUDIO, ServiceName.GATEWAY, ServiceName.PREFECT)
    state = start_stack(home)

    kill(state, ServiceName.GATEWAY)  # the doorbell is dead: only the sweep hears of these answers
    people = Simulation(state.server, read_world(scenes.folder), "lots", People(count=2, skill=1.0))
    people.run(stop=lambda: True)
    with connected(state) as client:
        wait_for_run(client, start_run(client, "sweep/local").id, LIMIT_S)
    wait_until_asleep(state, run_id, "name-kind")

    state = start_stack(home)  # the doorbell is back
    people.run(stop=lambda: True)
    with connected(state) as client:
        wait_for_run(client, run_id, LIMIT_S)

    engine = open_engine(catalog_url(home))
    with reading(engine) as session:
        questions = session.exec(select(Question)).all()
        answers = session.exec(select(Answer)).all()
        labels = session.exec(select(Label)).all()
    assert {question.state for question in questions} == {QuestionState.ANSWERED.value}
    assert Counter(answer.question_id for answer in answers) == Counter(question.id for question in questions)
    assert {answer.state for answer in answers} == {AnswerState.COUNTED.value}
    # The limits above are as long as the sweep's schedule: only this says that the doorbell rang once it was back.
    queue_of = {question.id: question.queue for question in questions}
    heard_by = {(queue_of[answer.question_id], answer.heard_by) for answer in answers}
    assert ("name-kind", "doorbell") in heard_by
    assert ("mark-missed", "doorbell") not in heard_by
    client = state.server.client
    in_label_studio = [
        task.data["question_id"]
        for project in client.projects.list()
        for task in client.tasks.list(project=project.id, fields="all")
    ]
    assert Counter(in_label_studio) == Counter(question.id for question in questions)
    assert labels
