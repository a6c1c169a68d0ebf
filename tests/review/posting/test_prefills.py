"""No question stands in Label Studio without its proposals for long, and none is said to be posted while it does.

What Label Studio does while SQLite is locked depends on how it was started: ours waits, one with its own settings loses
the predictions of an import and says 201. Both are real here, and so are the locks.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import update

from blocks.database.engine import reading, writing
from blocks.database.tables import Batch, Outcome, Question, QuestionState
from blocks.errors import LabelStudioRefused
from blocks.servers.annotation_server import AnnotationServer
from infra.stack.servers.label_studio import DATABASE
from tasks.review.posting import prefills
from tasks.review.posting.outbox import post_questions
from tasks.review.posting.prefills import ensure_prefilled
from tasks.review.receiving.poll import read_all_changes, read_changes
from tests.label_studio import find_executable, free_port, server_at, start, stop
from tests.review.builders import QUEUE, answers, make_batch, questions, region, write_missed

pytestmark = pytest.mark.label_studio

BOXES = [("car", 0.1 + 0.08 * n, Outcome.ASK, (50.0 * n, 40.0, 50.0 * n + 45.5, 90.25)) for n in range(4)]
ITEMS = 12


@pytest.fixture(scope="module")
def own_label_studio(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[AnnotationServer, Path]]:
    """A Label Studio whose database file we know, with our settings or without them."""
    executable = find_executable()
    if executable is None:
        pytest.skip("label-studio is not installed beside this environment (set LABELLINE_LABEL_STUDIO)")
    home, port = tmp_path_factory.mktemp("own-label-studio"), free_port()
    process = start(executable, home, port, as_delivered=request.param == "as delivered")
    try:
        yield server_at(f"http://127.0.0.1:{port}"), home / DATABASE
    finally:
        stop(process)


ours = pytest.mark.parametrize("own_label_studio", ["ours"], indirect=True)
as_delivered = pytest.mark.parametrize("own_label_studio", ["as delivered"], indirect=True)


@contextmanager
def locked(database: Path, seconds: float) -> Iterator[None]:
    """Hold the write lock from a second connection, for so long after the block has begun."""
    holder = sqlite3.connect(database, check_same_thread=False, isolation_level=None, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    ends = threading.Timer(seconds, holder.rollback)
    ends.start()
    try:
        yield
    finally:
        ends.join()
        holder.close()


@contextmanager
def locked_until_said(database: Path, words: str) -> Iterator[None]:
    """Hold the write lock from a second connection until our log says something, or for a minute."""
    holder = sqlite3.connect(database, check_same_thread=False, isolation_level=None, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    said = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if words in record.getMessage():
                said.set()

    def release() -> None:
        said.wait(60)
        holder.rollback()

    listener, ends = Listener(), threading.Thread(target=release)
    prefills.log.addHandler(listener)
    ends.start()
    try:
        yield
    finally:
        said.set()
        ends.join()
        prefills.log.removeHandler(listener)
        holder.close()


def write_batch(engine: Engine) -> None:
    make_batch(engine, items=ITEMS, boxes=BOXES, collection=f"prefills-{uuid4().hex[:8]}")
    write_missed(engine)


def shown(server: AnnotationServer, task_id: int | None) -> list[set[str]]:
    """Return the ids of the boxes of each prediction that a task has."""
    found = server.call("GET", "api/predictions/", params={"task": task_id})
    return [{box["id"] for box in prediction["result"]} for prediction in found]


def each_has_its_proposals(engine: Engine, server: AnnotationServer) -> None:
    for question in questions(engine):
        assert shown(server, question.task_id) == [set(question.payload["prefill"])], question.id
        assert question.state == QuestionState.POSTED and question.prefilled_at is not None


def take_predictions(server: AnnotationServer, rows: list[Question]) -> None:
    """Take the predictions of these questions out of Label Studio, as if an import had lost them."""
    for row in rows:
        for prediction in server.call("GET", "api/predictions/", params={"task": row.task_id}):
            server.call("DELETE", f"api/predictions/{prediction['id']}/")


def forget(engine: Engine, **values: object) -> None:
    """Undo notes of ours about all questions."""
    with writing(engine) as session:
        session.exec(update(Question).values(**values))


@pytest.fixture
def posted(engine: Engine, label_studio: AnnotationServer) -> int:
    """A project with posted questions; their proposals stand."""
    write_batch(engine)
    project_id = post_questions(engine, label_studio, QUEUE, "b1").project_id
    assert project_id is not None
    return project_id


@ours
def test_our_label_studio_waits_for_a_lock_and_loses_nothing(
    engine: Engine, own_label_studio: tuple[AnnotationServer, Path]
) -> None:
    server, database = own_label_studio
    write_batch(engine)
    post_questions(engine, server, QUEUE, "b1", chunk_size=4)  # makes the project
    write_another_batch(engine)
    with locked(database, 1.5):
        report = post_questions(engine, server, QUEUE, "b2", chunk_size=4)
    assert (report.sent, report.mended) == (ITEMS, 0)
    each_has_its_proposals(engine, server)


@as_delivered
def test_what_an_import_lost_is_posted_again_before_the_questions_count_as_posted(
    engine: Engine, own_label_studio: tuple[AnnotationServer, Path]
) -> None:
    server, database = own_label_studio
    write_batch(engine)
    post_questions(engine, server, QUEUE, "b1")
    write_another_batch(engine)
    with locked(database, 1.5):
        report = post_questions(engine, server, QUEUE, "b2")
    assert (report.sent, report.mended) == (ITEMS, ITEMS)  # otherwise this test has provoked nothing
    each_has_its_proposals(engine, server)


@pytest.mark.slow
@as_delivered
def test_a_repair_that_fails_under_the_lock_is_repeated(
    engine: Engine, own_label_studio: tuple[AnnotationServer, Path], caplog: pytest.LogCaptureFixture
) -> None:
    server, database = own_label_studio
    write_batch(engine)
    project_id = post_questions(engine, server, QUEUE, "b1").project_id
    assert project_id is not None
    rows = questions(engine)
    take_predictions(server, rows)
    with locked_until_said(database, "posting proposals again"):  # as delivered, Label Studio gives up after 5 s
        tasks = {row.id: row.task_id for row in rows if row.task_id is not None}
        assert ensure_prefilled(engine, server, QUEUE, project_id, tasks) == ITEMS
    assert "posting proposals again" in caplog.text
    each_has_its_proposals(engine, server)


def write_another_batch(engine: Engine) -> None:
    """Write a batch into the outbox of the project that is there already."""
    with reading(engine) as session:
        collection = session.get_one(Batch, "b1").collection
    make_batch(engine, items=ITEMS, boxes=BOXES, batch_id="b2", collection=collection, first=ITEMS)
    write_missed(engine, "b2")


def test_a_crash_before_the_repair_leads_to_one_prediction_a_task(
    engine: Engine, label_studio: AnnotationServer, posted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_predictions(label_studio, questions(engine)[:5])
    forget(engine, state="written", task_id=None, prefilled_at=None)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(prefills, "_post", die)
        with pytest.raises(KeyboardInterrupt):
            post_questions(engine, label_studio, QUEUE, "b1", grace_s=0)
    assert {row.state for row in questions(engine)} == {QuestionState.WRITTEN}
    report = post_questions(engine, label_studio, QUEUE, "b1", grace_s=0)
    assert (report.sent, report.found, report.mended) == (0, ITEMS, 5)
    each_has_its_proposals(engine, label_studio)


def test_a_crash_after_the_repair_posts_nothing_twice(
    engine: Engine, label_studio: AnnotationServer, posted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_predictions(label_studio, questions(engine)[:5])
    forget(engine, state="written", task_id=None, prefilled_at=None)
    real = prefills._post

    def post_and_die(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(prefills, "_post", post_and_die)
        with pytest.raises(KeyboardInterrupt):
            post_questions(engine, label_studio, QUEUE, "b1", grace_s=0)
    report = post_questions(engine, label_studio, QUEUE, "b1", grace_s=0)
    assert (report.found, report.mended) == (ITEMS, 0)
    each_has_its_proposals(engine, label_studio)


def test_a_dead_senders_repair_is_waited_for(engine: Engine, label_studio: AnnotationServer, posted: int) -> None:
    rows = questions(engine)
    take_predictions(label_studio, rows)
    tasks = {row.id: row.task_id for row in rows if row.task_id is not None}
    late = threading.Timer(1.0, prefills._post, (engine, label_studio, QUEUE, posted, tasks))
    late.start()
    assert ensure_prefilled(engine, label_studio, QUEUE, posted, tasks, wait_s=10) == 0
    late.join()
    each_has_its_proposals(engine, label_studio)


def test_two_that_mend_at_once_leave_one_prediction(
    engine: Engine, label_studio: AnnotationServer, posted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = questions(engine)
    take_predictions(label_studio, rows)
    tasks = {row.id: row.task_id for row in rows if row.task_id is not None}
    real = prefills._post

    def post_beside_another(*arguments: object) -> None:
        for _ in range(2):
            real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(prefills, "_post", post_beside_another)
    ensure_prefilled(engine, label_studio, QUEUE, posted, tasks)
    each_has_its_proposals(engine, label_studio)


def test_the_sweep_mends_what_was_posted_before_anybody_looked(
    engine: Engine, label_studio: AnnotationServer, posted: int
) -> None:
    rows = questions(engine)
    answered, others = rows[0], rows[1:]
    take_predictions(label_studio, rows[:5])
    forget(engine, prefilled_at=None)
    label_studio.call("POST", f"api/tasks/{answered.task_id}/annotations/", body={"result": [region()], "lead_time": 9})
    assert read_all_changes(engine, label_studio).mended == 4
    assert read_all_changes(engine, label_studio).mended == 0
    assert shown(label_studio, answered.task_id) == []  # what is answered needs none any more
    assert [shown(label_studio, row.task_id) for row in others] == [[set(row.payload["prefill"])] for row in others]
    assert all(row.prefilled_at is not None for row in questions(engine) if row.id != answered.id)
    (answer,) = answers(engine)
    assert answer.saw_proposals is False


def test_nobody_is_served_what_lost_its_proposals_while_anything_else_is_open(
    engine: Engine, label_studio: AnnotationServer, posted: int
) -> None:
    lacking, *others = sorted(questions(engine), key=lambda row: -row.priority)
    take_predictions(label_studio, [lacking])
    served = []
    for _ in others:
        task = label_studio.call("GET", f"api/projects/{posted}/next/")
        served.append(task["id"])
        label_studio.call("POST", f"api/tasks/{task['id']}/annotations/", body={"result": [], "lead_time": 1})
    assert sorted(served) == sorted(row.task_id or 0 for row in others)


def test_other_peoples_predictions_are_neither_ours_nor_touched(
    engine: Engine, label_studio: AnnotationServer, posted: int
) -> None:
    row = questions(engine)[0]
    take_predictions(label_studio, [row])
    foreign = {"task": row.task_id, "result": [], "score": 0.5, "model_version": "somebody else's"}
    label_studio.call("POST", f"api/projects/{posted}/import/predictions", body=[foreign])
    assert ensure_prefilled(engine, label_studio, QUEUE, posted, {row.id: row.task_id or 0}) == 1
    assert sorted(map(len, shown(label_studio, row.task_id))) == [0, len(BOXES)]


def test_a_task_that_is_gone_is_left_alone(engine: Engine, label_studio: AnnotationServer, posted: int) -> None:
    row = questions(engine)[0]
    label_studio.call("DELETE", f"api/tasks/{row.task_id}/")
    assert ensure_prefilled(engine, label_studio, QUEUE, posted, {row.id: row.task_id or 0}) == 0
    assert ensure_prefilled(engine, label_studio, QUEUE, posted, {}) == 0


def test_a_list_that_does_not_keep_to_its_filter_doubles_nothing(
    engine: Engine, label_studio: AnnotationServer, posted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = questions(engine)
    tasks = {row.id: row.task_id for row in rows if row.task_id is not None}
    monkeypatch.setattr(prefills, "_lacking", lambda *_: tasks)  # as another version might answer
    with pytest.raises(LabelStudioRefused, match="nothing is posted again"):
        ensure_prefilled(engine, label_studio, QUEUE, posted, tasks)
    each_has_its_proposals(engine, label_studio)


def test_what_a_browser_began_with_is_heard(engine: Engine, label_studio: AnnotationServer, posted: int) -> None:
    first, second, third = questions(engine)[:3]
    began_with = label_studio.call("GET", "api/predictions/", params={"task": first.task_id})[0]["id"]
    everything_deleted = {"result": [], "lead_time": 3600, "parent_prediction": began_with}
    drawn_before = {"result": [region()], "lead_time": 3600}  # opened an hour ago: before they were there
    drawn_after = {"result": [region()], "lead_time": 0}
    time.sleep(0.01)
    for row, body in ((first, everything_deleted), (second, drawn_before), (third, drawn_after)):
        label_studio.call("POST", f"api/tasks/{row.task_id}/annotations/", body=body)
    read_changes(engine, label_studio, posted, "sweep")
    saw = {answer.question_id: answer.saw_proposals for answer in answers(engine)}
    assert [saw[row.id] for row in (first, second, third)] == [True, False, True]
