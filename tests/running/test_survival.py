"""The promise of `ask`, on the real thing: nothing lost, nothing asked twice, no process waiting.

A labelling run posts its questions and falls asleep. Then the worker, Label Studio, the gateway and the Prefect server
are killed without warning and started again; one queue is answered while the doorbell is dead, the other one normally.
At the end every question must exist once in Label Studio and have been answered once, and the run must have settled.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Answer, AnswerState, Batch, Label, Question, QuestionState
from blocks.errors import LabellingError
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from infra.demo.run import STARTER
from infra.demo.runs import wait_for_run
from infra.demo.scenes.drawing import draw_scenes
from infra.demo.scenes.vehicles import CLASSES, TRUCK_KINDS
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.processes import find_process, tail_of
from infra.stack.servers.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import ServiceName, StackState

LIMIT_S = 300.0
SCENES = 4
COLLECTION = "survival"


def kill(state: StackState, *names: ServiceName) -> None:
    """End services as a power cut would: no signal they could act on, and all their children too."""
    for name in names:
        process = find_process(state.processes[name])
        assert process is not None, f"{name} is not running"
        family = [*process.children(recursive=True), process]
        for member in family:
            member.kill()
        psutil.wait_procs(family, timeout=20)


@contextmanager
def without_schedule_of(state: StackState, deployment: str) -> Iterator[None]:
    """Run a deployment only when told to, for a while."""

    def switch(*, is_active: bool) -> None:
        with connected(state) as client:
            found = client.read_deployment_by_name(deployed_as(deployment))
            for schedule in found.schedules:
                client.update_deployment_schedule(found.id, schedule.id, active=is_active)

    switch(is_active=False)
    try:
        yield
    finally:
        switch(is_active=True)


def wait_until_asleep(state: StackState, run_id: object, queue: str, collection: str) -> None:
    """Wait until a run sleeps while a queue's questions about a collection wait for people."""
    waiting = select(Question).join(Batch, col(Batch.id) == Question.batch_id).where(Batch.collection == collection)
    waiting = waiting.where(Question.queue == queue, Question.state == QuestionState.POSTED.value)
    engine = open_engine(catalog_url(state.home))
    deadline = time.monotonic() + LIMIT_S
    with connected(state) as client:
        while time.monotonic() < deadline:
            with reading(engine) as session:
                posted = session.exec(waiting).all()
            run = client.read_flow_run(run_id)  # type: ignore[arg-type]
            assert run.state is not None and not run.state.is_final(), run.state
            if posted and run.state.is_paused():
                return
            time.sleep(0.5)
    pytest.fail(f"the run did not fall asleep in queue {queue}")


@pytest.mark.slow
@pytest.mark.label_studio
@pytest.mark.timeout(900)
def test_a_run_survives_the_death_of_everything_between_posting_and_answering(
    stack: StackState, tmp_path: Path
) -> None:
    scenes = draw_scenes(tmp_path / "scenes", SCENES, seed=3)
    line = {
        "collection": COLLECTION,
        "classes": list(CLASSES),
        "detector": str(STARTER),
        "kinds": {"truck": list(TRUCK_KINDS)},
        "retrain_after": 100_000,
    }
    state, home = start_stack(stack.home), stack.home
    with connected(state) as client:
        taken = start_run(client, deployed_as("intake"), folder=str(scenes.images), collection=COLLECTION).id
        wait_for_run(client, taken, LIMIT_S)
        run_id = start_run(client, deployed_as("label"), line=line).id
    wait_until_asleep(state, run_id, "mark-missed", COLLECTION)

    kill(state, ServiceName.WORKER, ServiceName.LABEL_STUDIO, ServiceName.GATEWAY, ServiceName.PREFECT)
    state = start_stack(home)

    with without_schedule_of(state, "sweep"):  # or one that happens to be due hears what the doorbell is about to
        kill(state, ServiceName.GATEWAY)  # the doorbell is dead: only the sweep hears of these answers
        people = Simulation(state.server, read_world(scenes.folder), COLLECTION, People(count=2, skill=1.0))
        people.run(stop=lambda: True)
        with connected(state) as client:
            wait_for_run(client, start_run(client, deployed_as("sweep")).id, LIMIT_S)
        wait_until_asleep(state, run_id, "name-kind", COLLECTION)

        state = start_stack(home)  # the doorbell is back
        people.run(stop=lambda: True)
        try:
            with connected(state) as client:
                wait_for_run(client, run_id, LIMIT_S)
        except LabellingError as error:
            pytest.fail(f"{error}\nthe gateway's log ends with: {tail_of(state.log_path(ServiceName.GATEWAY))}")

    engine = open_engine(catalog_url(home))
    with reading(engine) as session:
        batches = select(Batch.id).where(Batch.collection == COLLECTION)
        questions = session.exec(select(Question).where(col(Question.batch_id).in_(batches))).all()
        asked = [question.id for question in questions]
        answers = session.exec(select(Answer).where(col(Answer.question_id).in_(asked))).all()
        labels = session.exec(select(Label).where(col(Label.answer_id).in_([answer.id for answer in answers]))).all()
        all_questions = session.exec(select(Question.id)).all()
    assert {question.state for question in questions} == {QuestionState.ANSWERED.value}
    assert Counter(answer.question_id for answer in answers) == Counter(question.id for question in questions)
    assert {answer.state for answer in answers} == {AnswerState.COUNTED.value}
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
    assert Counter(in_label_studio) == Counter(all_questions)
    assert labels
