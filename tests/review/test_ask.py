"""`ask` promises: nothing lost, nothing asked twice, no process waiting. Here a deployed run is held to it."""

import multiprocessing
import os
import runpy
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import Artifact
from prefect.context import refresh_global_settings_context
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import update

from blocks.apart import Failures
from blocks.catalog import Catalog
from blocks.database.engine import writing
from blocks.database.tables import Question, QuestionState, Waiting, utc_now
from blocks.errors import PartlyFailed
from blocks.object_store import ObjectStore
from blocks.servers.annotation_server import AnnotationServer
from flows.sweep import sweep
from tasks.review.ask import wake_due
from tasks.review.decide.until import Sleeper, Until, due, note_sleeper, sleepers
from tasks.review.posting.withdraw import is_absent
from tasks.review.receiving.poll import read_all_changes
from tasks.review.receiving.sweeping import last_sweep, sweep_page
from tests.label_studio import save_label_studio, server_at
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
multiprocessing.get_context("forkserver").set_forkserver_preload(["prefect.flow_engine", "tests.review.waiting_line"])


@pytest.fixture
def plugs(engine: Engine, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path) -> str:
    """Saved blocks of the test's own, and a batch of three items to ask about."""
    name = f"review-{uuid4().hex[:8]}"
    Catalog(url=SecretStr(str(engine.url))).save(name)
    ObjectStore(folder=str(tmp_path / "objects")).save(name)
    save_label_studio(label_studio, name)
    make_batch(engine, items=3, collection=name)
    return name


@pytest.fixture
def deployed(client: SyncPrefectClient, plugs: str, tmp_path: Path) -> UUID:
    """A run of a deployment of the waiting line, not started yet."""
    return deploy(client, plugs, tmp_path)


@pytest.fixture
def deployed_for_two(client: SyncPrefectClient, plugs: str, tmp_path: Path) -> UUID:
    """The same, of a line that asks two people each."""
    return deploy(client, plugs, tmp_path, people=2)


def deploy(client: SyncPrefectClient, plugs: str, tmp_path: Path, **asked: int) -> UUID:
    entrypoint = "tests.review.waiting_line.waiting_line"
    flow_id = client.create_flow(waiting_line)
    deployment_id = client.create_deployment(flow_id=flow_id, name=plugs, entrypoint=entrypoint, path=str(ROOT))
    parameters = {"batch_id": "b1", "plugs": plugs, "trace": str(tmp_path / "trace"), **asked}
    return client.create_flow_run_from_deployment(deployment_id, parameters=parameters).id


def execute(run_id: UUID, prefect_api: str, cwd: Path) -> None:
    """Do what a worker does: run the flow in a process of its own, to its end or its next sleep.

    The process is forked from a clean one that has imported Prefect and the flow: importing takes 5 s of a processor.
    """
    environment = {**os.environ, "PREFECT_API_URL": prefect_api, "PREFECT__FLOW_RUN_ID": str(run_id)}
    process = multiprocessing.get_context("forkserver").Process(target=run_engine, args=(environment, cwd))
    process.start()
    process.join(300)
    assert process.exitcode == 0, "what the run said stands above"


def run_engine(environment: dict[str, str], cwd: Path) -> None:
    """Be the process that a worker starts: `python -m prefect.engine`."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["prefect.engine"]
    refresh_global_settings_context()
    runpy.run_module("prefect.engine", run_name="__main__")


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


def people_artifacts(client: SyncPrefectClient, run_id: UUID) -> list[Artifact]:
    return client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id])))


def test_a_deleted_artifact_is_made_anew_and_keeps_nobody_asleep(
    client: SyncPrefectClient, engine: Engine, label_studio: AnnotationServer, deployed: UUID, prefect_api: str
) -> None:
    execute(deployed, prefect_api, ROOT)
    (shown,) = people_artifacts(client, deployed)
    client.delete_artifact(shown.id)
    answer(engine, label_studio, 0)
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == []
    (made,) = people_artifacts(client, deployed)
    assert (made.key, made.type, round(float(str(made.data)), 1)) == (shown.key, "progress", 33.3)

    client.delete_artifact(made.id)
    answer(engine, label_studio, 1, 2)
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(deployed)]


def test_a_sleeper_that_cannot_be_woken_keeps_no_other_asleep(
    client: SyncPrefectClient, engine: Engine, label_studio: AnnotationServer, deployed: UUID, prefect_api: str
) -> None:
    with writing(engine) as session:  # the longest asleep, and of a version that we do not know
        unreadable = {"flow_run_id": str(uuid4()), "queue": "mark-missed", "batch_id": "b1", "until": {"moon": "full"}}
        session.add(Waiting(**unreadable, since=utc_now() - timedelta(days=1)))
    note_sleeper(engine, Sleeper(str(uuid4()), "mark-missed", "b1", 0, Until()))  # somebody deleted this run
    execute(deployed, prefect_api, ROOT)
    answer(engine, label_studio, 0, 1, 2)
    read_all_changes(engine, label_studio)
    failures = Failures()
    assert wake_due(engine, failures) == [str(deployed)]
    told = [one.reason for one in failures.found]
    assert ("cannot be read" in told[0], "somebody deleted it" in told[1], len(told)) == (True, True, 2)


def test_a_run_whose_deployment_was_deleted_leaves_its_batch_to_the_next_run(
    client: SyncPrefectClient, engine: Engine, label_studio: AnnotationServer, deployed: UUID, prefect_api: str
) -> None:
    execute(deployed, prefect_api, ROOT)
    deployment_id = client.read_flow_run(deployed).deployment_id
    assert deployment_id is not None
    client.delete_deployment(deployment_id)
    failures = Failures()
    assert (wake_due(engine, failures), sleepers(engine)) == ([], [])
    assert state_of(client, deployed) == "Cancelled"
    (told,) = failures.found
    assert "`labelline label`" in told.reason


def test_the_sweep_does_all_the_rest_before_it_fails_and_says_what_to_do(
    client: SyncPrefectClient,
    engine: Engine,
    label_studio: AnnotationServer,
    deployed: UUID,
    prefect_api: str,
    plugs: str,
) -> None:
    execute(deployed, prefect_api, ROOT)
    answer(engine, label_studio, 0, 1, 2)
    read_all_changes(engine, label_studio)
    save_label_studio(server_at(label_studio.url, "f" * 40), plugs, overwrite=True)
    with pytest.raises(PartlyFailed, match=r"the sweep did all but this: .*secrets\.json"):
        sweep(plugs)
    assert state_of(client, deployed) == "Resuming"
    swept = last_sweep(engine)
    assert swept is not None and not swept.is_whole
    assert "copy it from Account" in sweep_page(swept)
    save_label_studio(label_studio, plugs, overwrite=True)
    assert sweep(plugs).is_whole
    kept = last_sweep(engine)
    assert kept is not None and kept.is_whole


def test_the_sweep_asks_again_what_somebody_deleted_and_the_run_goes_on(
    client: SyncPrefectClient,
    engine: Engine,
    label_studio: AnnotationServer,
    deployed: UUID,
    prefect_api: str,
    plugs: str,
) -> None:
    execute(deployed, prefect_api, ROOT)
    lost = questions(engine)[0].task_id
    label_studio.call("DELETE", f"api/tasks/{lost}/")
    with writing(engine) as session:
        session.exec(update(Question).values(posted_at=utc_now() - timedelta(hours=1)))
    swept = sweep(plugs)
    assert (len(swept.mended), swept.is_whole) == (1, True)
    assert questions(engine)[0].task_id not in (None, lost)
    answer(engine, label_studio, 0, 1, 2)
    sweep(plugs)
    execute(deployed, prefect_api, ROOT)
    assert (state_of(client, deployed), sleepers(engine)) == ("Completed", [])


def test_a_sweep_with_nothing_to_do_is_green(engine: Engine, label_studio: AnnotationServer, plugs: str) -> None:
    swept = sweep(plugs)
    assert (swept.is_whole, swept.mended) == (True, ())


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
    (slot,) = (one for one in questions(engine) if one.asked_id == bad.id)
    submit(label_studio, slot.task_id, [region("r", "truck")], make_user(label_studio, "ben"))
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(deployed)]
    execute(deployed, prefect_api, ROOT)
    assert state_of(client, deployed) == "Completed"
    assert (tmp_path / "trace").read_text().splitlines()[-1] == "answered 3 of 3, closed 0"


@pytest.mark.timeout(300)
def test_slots_stand_open_a_second_period_and_what_is_said_in_it_counts(
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
    deployed_for_two: UUID,
    engine: Engine,
    label_studio: AnnotationServer,
    prefect_api: str,
    tmp_path: Path,
) -> None:
    users = [make_user(label_studio, name) for name in ("ada", "ben", "chi")]
    execute(deployed_for_two, prefect_api, ROOT)
    assert state_of(client, deployed_for_two) == "Suspended"

    doubtful = questions(engine)[0].item_id
    here, there = [region("r")], [region("s", edges=(900, 600, 1000, 700))]
    for slot in (1, 2):
        for question in (one for one in questions(engine) if one.queue == f"mark-missed~{slot}"):
            result = there if slot == 2 and question.item_id == doubtful else here
            submit(label_studio, question.task_id, result, users[slot - 1])
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(deployed_for_two)]
    execute(deployed_for_two, prefect_api, ROOT)
    assert state_of(client, deployed_for_two) == "Suspended"

    (third,) = [one for one in questions(engine) if one.queue == "mark-missed~3"]
    assert third.item_id == doubtful
    assert wake_due(engine) == []
    submit(label_studio, third.task_id, here, users[2])
    read_all_changes(engine, label_studio)
    assert wake_due(engine) == [str(deployed_for_two)]
    execute(deployed_for_two, prefect_api, ROOT)
    assert (state_of(client, deployed_for_two), sleepers(engine)) == ("Completed", [])
    assert (tmp_path / "trace").read_text().splitlines()[-1] == "answered 3 of 3, closed 0"


@pytest.mark.timeout(300)
def test_the_sweep_asks_one_more_person_while_the_run_sleeps_on(
    client: SyncPrefectClient,
    deployed_for_two: UUID,
    engine: Engine,
    label_studio: AnnotationServer,
    plugs: str,
    prefect_api: str,
) -> None:
    users = [make_user(label_studio, name) for name in ("ada", "ben")]
    execute(deployed_for_two, prefect_api, ROOT)
    item = questions(engine)[0].item_id
    for question in (one for one in questions(engine) if one.item_id == item and "~" in one.queue):
        slot = int(question.queue[-1])
        edges = (100.0 * slot, 100.0, 100.0 * slot + 80, 180.0)
        submit(label_studio, question.task_id, [region("r", edges=edges)], users[slot - 1])
    sweep(plugs)
    (third,) = [one for one in questions(engine) if one.queue == "mark-missed~3"]
    assert (third.item_id, third.state, state_of(client, deployed_for_two)) == (item, "posted", "Suspended")


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
