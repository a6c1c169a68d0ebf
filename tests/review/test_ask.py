"""`ask` promises: nothing lost, nothing asked twice, no process waiting. Here a deployed run is held to it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from pydantic import SecretStr
from sqlalchemy import Engine

from blocks.annotation_server import AnnotationServer
from blocks.catalog import Catalog
from blocks.tables import QuestionState
from flows.sweep import sweep
from tasks.review.ask import wake_due
from tasks.review.poll import read_all_changes
from tasks.review.rules import Sleeper, Until, due, note_sleeper, sleepers
from tasks.review.take_back import is_absent
from tests.label_studio import save_label_studio
from tests.prefect_harness import state_of
from tests.review.builders import make_batch, questions, region
from tests.review.waiting_line import waiting_line

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def plugs(engine: Engine, label_studio: AnnotationServer, prefect_api: str) -> str:
    """Saved blocks of the test's own, and a batch of three items to ask about."""
    name = f"review-{uuid4().hex[:8]}"
    Catalog(url=SecretStr(str(engine.url))).save(name)
    save_label_studio(label_studio, name)
    make_batch(engine, items=3, collection=name)
    return name


@pytest.fixture
def deployed(client: SyncPrefectClient, plugs: str, tmp_path: Path) -> UUID:
    """A run of a deployment of the waiting line, not started yet."""
    flow_id = client.create_flow(waiting_line)
    deployment_id = client.create_deployment(
        flow_id=flow_id, name=plugs, entrypoint="tests.review.waiting_line.waiting_line", path=str(ROOT)
    )
    parameters = {"batch_id": "b1", "plugs": plugs, "trace": str(tmp_path / "trace")}
    return client.create_flow_run_from_deployment(deployment_id, parameters=parameters).id


def execute(run_id: UUID, prefect_api: str, cwd: Path) -> None:
    """Do what a worker does: run the flow in a process of its own, to its end or its next sleep."""
    environment = {**os.environ, "PREFECT_API_URL": prefect_api, "PREFECT__FLOW_RUN_ID": str(run_id)}
    command = [sys.executable, "-m", "prefect.engine"]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def answer(engine: Engine, server: AnnotationServer, *numbers: int) -> None:
    for number in numbers:
        body = {"result": [], "lead_time": 2.0}
        server.call("POST", f"api/tasks/{questions(engine)[number].task_id}/annotations/", body=body)


def test_a_deployed_run_sleeps_without_a_process_and_wakes_when_all_have_answered(
    client: SyncPrefectClient,
    engine: Engine,
    label_studio: AnnotationServer,
    deployed: UUID,
    prefect_api: str,
    tmp_path: Path,
) -> None:
    execute(deployed, prefect_api, ROOT)
    assert (state_of(client, deployed), len(sleepers(engine))) == ("Suspended", 1)

    answer(engine, label_studio, 0, 1)
    read_all_changes(engine, label_studio)
    assert (due(engine), wake_due(engine), state_of(client, deployed)) == ([], [], "Suspended")
    (shown,) = client.read_artifacts(
        artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[deployed]))
    )
    assert (shown.type, round(float(str(shown.data)), 1)) == ("progress", 66.7)

    answer(engine, label_studio, 2)
    read_all_changes(engine, label_studio)
    assert (wake_due(engine), wake_due(engine)) == ([str(deployed)], [])
    assert state_of(client, deployed) == "Resuming"

    execute(deployed, prefect_api, ROOT)
    assert (state_of(client, deployed), sleepers(engine)) == ("Completed", [])
    trace = (tmp_path / "trace").read_text().splitlines()
    assert trace == ["started", "started", "answered 3 of 3, closed 0"]
    assert len(questions(engine)) == 3


def test_a_run_that_is_woken_too_early_sleeps_again(
    client: SyncPrefectClient,
    engine: Engine,
    label_studio: AnnotationServer,
    deployed: UUID,
    prefect_api: str,
    tmp_path: Path,
) -> None:
    execute(deployed, prefect_api, ROOT)
    for _ in range(2):
        client.resume_flow_run(deployed)  # somebody pressed Resume in the UI
        execute(deployed, prefect_api, ROOT)
        assert state_of(client, deployed) == "Suspended"
    answer(engine, label_studio, 0, 1, 2)
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(deployed)]
    execute(deployed, prefect_api, ROOT)
    assert state_of(client, deployed) == "Completed"


def test_an_answer_between_the_last_look_and_the_sleep_is_not_lost(
    client: SyncPrefectClient, engine: Engine, label_studio: AnnotationServer, deployed: UUID, prefect_api: str
) -> None:
    execute(deployed, prefect_api, ROOT)
    answer(engine, label_studio, 0, 1, 2)
    read_all_changes(engine, label_studio)
    client.resume_flow_run(deployed)  # awake again, as it was just before it suspended
    assert (wake_due(engine), len(due(engine))) == ([], 1)  # not asleep: left for the next sweep, the note stays
    execute(deployed, prefect_api, ROOT)
    assert (state_of(client, deployed), sleepers(engine)) == ("Completed", [])


def test_a_run_that_is_gone_or_ended_is_not_waited_for(
    client: SyncPrefectClient, engine: Engine, deployed: UUID, prefect_api: str, plugs: str
) -> None:
    execute(deployed, prefect_api, ROOT)
    client.delete_flow_run(deployed)
    note_sleeper(engine, Sleeper(str(uuid4()), "mark-missed", "b1", 0, Until(share=0.01)))
    with engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE question SET state = 'answered'")
    assert (wake_due(engine), sleepers(engine)) == ([], [])


def test_a_run_started_by_hand_polls_until_enough_have_answered(
    engine: Engine, label_studio: AnnotationServer, plugs: str, tmp_path: Path
) -> None:
    def people() -> None:
        while not any(question.task_id for question in questions(engine)):
            time.sleep(0.2)
        answer(engine, label_studio, 0, 1)

    person = threading.Thread(target=people)
    person.start()
    asked = waiting_line("b1", plugs, str(tmp_path / "trace"), share=0.6)
    person.join()
    assert (asked.asked, asked.answered, asked.closed, asked.people) == (3, 2, 1, 1)
    assert asked.seconds == pytest.approx(4.0)
    (closed,) = (one.task_id for one in questions(engine) if one.state == QuestionState.CLOSED)
    assert closed is not None and is_absent(label_studio, closed), "nobody answers in vain"


def test_a_run_whose_answer_cannot_be_used_sleeps_again_until_somebody_else_has_answered(
    client: SyncPrefectClient,
    engine: Engine,
    label_studio: AnnotationServer,
    deployed: UUID,
    prefect_api: str,
    tmp_path: Path,
) -> None:
    execute(deployed, prefect_api, ROOT)
    answer(engine, label_studio, 0, 1)
    bad = questions(engine)[2]
    submit(label_studio, bad.task_id, [region("r", "lorry")], make_user(label_studio, "ada"))
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(deployed)]
    execute(deployed, prefect_api, ROOT)
    assert state_of(client, deployed) == "Suspended"
    (seat,) = (one for one in questions(engine) if one.asked_id == bad.id)
    submit(label_studio, seat.task_id, [region("r", "truck")], make_user(label_studio, "ben"))
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(deployed)]
    execute(deployed, prefect_api, ROOT)
    assert state_of(client, deployed) == "Completed"
    assert (tmp_path / "trace").read_text().splitlines()[-1] == "answered 3 of 3, closed 0"


@pytest.mark.timeout(300)
def test_seats_stand_open_a_second_period_and_what_is_said_in_it_counts(
    engine: Engine, label_studio: AnnotationServer, plugs: str, tmp_path: Path
) -> None:
    period_s = 8.0

    def people() -> None:
        while not all(question.task_id for question in questions(engine) if question.asked_id) or not questions(engine):
            time.sleep(0.2)
        time.sleep(period_s + 1)
        item = questions(engine)[0].item_id
        for question in (one for one in questions(engine) if one.item_id == item and one.asked_id):
            submit(label_studio, question.task_id, [region("r")], make_user(label_studio, "late"))

    person = threading.Thread(target=people)
    person.start()
    until = Until(hours=period_s / 3600, rest="ask_again")
    started = time.monotonic()
    asked = waiting_line("b1", plugs, str(tmp_path / "trace"), people=2, until=until)
    person.join()
    assert time.monotonic() - started >= 2 * period_s
    assert (asked.asked, asked.answered, asked.closed, asked.people) == (3, 1, 2, 2)
    assert {question.round for question in questions(engine)} == {0}
    assert len([question for question in questions(engine) if question.asked_id]) == 6


@pytest.mark.timeout(300)
def test_a_run_whose_people_disagree_sleeps_again_until_one_more_has_answered(
    client: SyncPrefectClient,
    engine: Engine,
    label_studio: AnnotationServer,
    plugs: str,
    prefect_api: str,
    tmp_path: Path,
) -> None:
    deployment_id = client.create_deployment(
        flow_id=client.create_flow(waiting_line),
        name=f"{plugs}-two",
        entrypoint="tests.review.waiting_line.waiting_line",
        path=str(ROOT),
    )
    parameters = {"batch_id": "b1", "plugs": plugs, "trace": str(tmp_path / "trace"), "people": 2}
    run_id = client.create_flow_run_from_deployment(deployment_id, parameters=parameters).id
    users = [make_user(label_studio, name) for name in ("ada", "ben", "chi")]
    execute(run_id, prefect_api, ROOT)
    assert state_of(client, run_id) == "Suspended"

    doubtful = questions(engine)[0].item_id
    here, there = [region("r")], [region("s", edges=(900, 600, 1000, 700))]
    for seat in (1, 2):
        for question in (one for one in questions(engine) if one.queue == f"mark-missed~{seat}"):
            result = there if seat == 2 and question.item_id == doubtful else here
            submit(label_studio, question.task_id, result, users[seat - 1])
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(run_id)]
    execute(run_id, prefect_api, ROOT)
    assert state_of(client, run_id) == "Suspended"

    (third,) = [one for one in questions(engine) if one.queue == "mark-missed~3"]
    assert third.item_id == doubtful
    assert wake_due(engine) == []
    submit(label_studio, third.task_id, here, users[2])
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(run_id)]
    execute(run_id, prefect_api, ROOT)
    assert (state_of(client, run_id), sleepers(engine)) == ("Completed", [])
    assert (tmp_path / "trace").read_text().splitlines()[-1] == "answered 3 of 3, closed 0"


@pytest.mark.timeout(300)
def test_the_sweep_asks_one_more_person_while_the_run_sleeps_on(
    client: SyncPrefectClient,
    engine: Engine,
    label_studio: AnnotationServer,
    plugs: str,
    prefect_api: str,
    tmp_path: Path,
) -> None:
    deployment_id = client.create_deployment(
        flow_id=client.create_flow(waiting_line),
        name=f"{plugs}-sweep",
        entrypoint="tests.review.waiting_line.waiting_line",
        path=str(ROOT),
    )
    parameters = {"batch_id": "b1", "plugs": plugs, "trace": str(tmp_path / "trace"), "people": 2}
    run_id = client.create_flow_run_from_deployment(deployment_id, parameters=parameters).id
    users = [make_user(label_studio, name) for name in ("ada", "ben")]
    execute(run_id, prefect_api, ROOT)
    item = questions(engine)[0].item_id
    for question in (one for one in questions(engine) if one.item_id == item and "~" in one.queue):
        seat = int(question.queue[-1])
        edges = (100.0 * seat, 100.0, 100.0 * seat + 80, 180.0)
        submit(label_studio, question.task_id, [region("r", edges=edges)], users[seat - 1])
    sweep(plugs)
    (third,) = [one for one in questions(engine) if one.queue == "mark-missed~3"]
    assert (third.item_id, third.state, state_of(client, run_id)) == (item, "posted", "Suspended")


def make_user(server: AnnotationServer, name: str) -> int:
    email = f"{name}-{uuid4().hex[:6]}@example.org"
    return int(server.call("POST", "api/users/", body={"email": email, "username": email})["id"])


def submit(server: AnnotationServer, task_id: int | None, result: list[dict[str, Any]], user: int) -> None:
    body = {"result": result, "completed_by": user, "lead_time": 2.0}
    server.call("POST", f"api/tasks/{task_id}/annotations/", body=body)


def test_a_batch_that_asks_nothing_goes_straight_on(engine: Engine, plugs: str, tmp_path: Path) -> None:
    make_batch(engine, items=0, batch_id="empty")
    asked = waiting_line("empty", plugs, str(tmp_path / "trace"))
    assert (asked.asked, asked.answered) == (0, 0)
