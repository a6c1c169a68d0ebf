"""Every question reaches Label Studio once: whatever dies in between, whoever runs it again."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import col, update

from blocks.database.engine import writing
from blocks.database.tables import Outcome, Question, QuestionState
from blocks.errors import LabelStudioRefused, LabelStudioUnavailable
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting import outbox
from tasks.review.posting.duplicates import find_tasks
from tasks.review.posting.outbox import post_questions
from tests.label_studio import server_at
from tests.review.builders import NOON, QUEUE, make_batch, questions, write_missed

pytestmark = pytest.mark.label_studio

BOXES = [("car", 0.1 + 0.08 * n, Outcome.ASK, (50.0 * n, 40.0, 50.0 * n + 45.5, 90.25)) for n in range(10)]


@pytest.fixture
def collection() -> str:
    """A collection of the test's own, so that it has a project of its own."""
    return f"outbox-{uuid4().hex[:8]}"


def tasks_by_question(server: AnnotationServer, project_id: int) -> dict[str, list[int]]:
    found = find_tasks(server, project_id, NOON.replace(year=2020))
    return {question: [task.task_id for task in tasks] for question, tasks in found.items()}


def each_once(engine: Engine, server: AnnotationServer) -> None:
    """Check that Label Studio has every question exactly once, and that we know as which task."""
    rows = questions(engine)
    (project_id,) = {row.project_id for row in rows}
    assert project_id is not None
    assert tasks_by_question(server, project_id) == {row.id: [row.task_id] for row in rows}
    assert {row.state for row in rows} == {QuestionState.POSTED}


def test_nothing_to_ask_needs_no_label_studio(engine: Engine) -> None:
    make_batch(engine, items=0)
    assert post_questions(engine, server_at("http://127.0.0.1:9"), QUEUE, "b1").project_id is None


@pytest.mark.slow
def test_two_thousand_questions_are_posted_once(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    make_batch(engine, items=2000, boxes=BOXES[:3], collection=collection)
    write_missed(engine)
    report = post_questions(engine, label_studio, QUEUE, "b1")
    again = post_questions(engine, label_studio, QUEUE, "b1")
    assert (report.sent, again.sent, again.found) == (2000, 0, 0)
    each_once(engine, label_studio)


def test_next_task_follows_the_priority_also_for_the_second_person(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    make_batch(engine, items=20, collection=collection)
    write_missed(engine)
    rank = {question.id: n for n, question in enumerate(questions(engine))}
    with writing(engine) as session:
        for id_, n in rank.items():
            session.exec(update(Question).where(col(Question.id) == id_).values(priority=(n * 7 % 20) / 20))
    expected = sorted(questions(engine), key=lambda question: -question.priority)
    project_id = post_questions(engine, label_studio, QUEUE, "b1").project_id
    people = [label_studio.call("POST", "api/users/", body=user(n))["id"] for n in range(2)]
    served = []
    for n in range(6):
        task = label_studio.call("GET", f"api/projects/{project_id}/next/")
        served.append(task["data"]["question_id"])
        answer = {"result": [], "completed_by": people[n % 2], "lead_time": 1}
        label_studio.call("POST", f"api/tasks/{task['id']}/annotations/", body=answer)
    assert served == [question.id for question in expected[:6]]


def user(number: int) -> dict[str, str]:
    name = f"u{number}-{uuid4().hex[:6]}"
    return {"email": f"{name}@example.com", "username": name, "password": "only-for-tests-1"}


def test_a_crash_after_the_import_asks_nothing_twice(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    make_batch(engine, items=30, boxes=BOXES, collection=collection)
    write_missed(engine)
    post_questions(engine, label_studio, QUEUE, "b1")
    forget_that_they_were_posted(engine, how_many=20)
    report = post_questions(engine, label_studio, QUEUE, "b1")
    assert (report.sent, report.found) == (0, 20)
    each_once(engine, label_studio)


def test_a_crash_before_the_import_loses_nothing(
    engine: Engine, label_studio: AnnotationServer, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_batch(engine, items=10, collection=collection)
    write_missed(engine)

    def die(*_: object) -> dict[str, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_import", die)
        with pytest.raises(KeyboardInterrupt):
            post_questions(engine, label_studio, QUEUE, "b1")
    report = post_questions(engine, label_studio, QUEUE, "b1", grace_s=0)
    assert (report.sent, report.found) == (10, 0)
    each_once(engine, label_studio)


def test_what_a_crash_left_twice_is_removed_but_never_an_answer(
    engine: Engine, label_studio: AnnotationServer, collection: str
) -> None:
    make_batch(engine, items=6, collection=collection)
    write_missed(engine)
    post_questions(engine, label_studio, QUEUE, "b1")
    first = {row.id: row.task_id for row in questions(engine)}
    send_again_behind_our_back(engine)
    post_questions(engine, label_studio, QUEUE, "b1")  # as a racing sender would
    with_twins = tasks_by_question(label_studio, questions(engine)[0].project_id or 0)
    assert Counter(map(len, with_twins.values())) == {2: 6}
    answered = questions(engine)[0]
    second_task = max(with_twins[answered.id])
    label_studio.call("POST", f"api/tasks/{second_task}/annotations/", body={"result": [], "lead_time": 1})
    forget_that_they_were_posted(engine, how_many=6)
    report = post_questions(engine, label_studio, QUEUE, "b1")
    assert (report.sent, report.found, report.removed) == (0, 6, 6)
    each_once(engine, label_studio)
    kept = {row.id: row.task_id for row in questions(engine)}
    assert kept == {**first, answered.id: second_task}


def forget_that_they_were_posted(engine: Engine, how_many: int) -> None:
    """Undo our note, as if we had died before writing it."""
    ids = [row.id for row in questions(engine)][:how_many]
    with writing(engine) as session:
        session.exec(update(Question).where(col(Question.id).in_(ids)).values(state="written", task_id=None))


def send_again_behind_our_back(engine: Engine) -> None:
    with writing(engine) as session:
        session.exec(update(Question).values(state="written", task_id=None, project_id=None))


KILLED = """
    import sys
    from blocks.database.engine import open_engine
    from tasks.review.posting import outbox
    from tests.label_studio import server_at
    from tests.review.builders import QUEUE
    print("ready", flush=True)
    outbox.post_questions(open_engine(sys.argv[1]), server_at(sys.argv[2]), QUEUE, "b1", chunk_size=50)
"""


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.3, 0.9, 1.5])
def test_a_sender_that_is_killed_leaves_every_question_there_once(
    engine: Engine, label_studio: AnnotationServer, collection: str, after_s: float
) -> None:
    make_batch(engine, items=400, boxes=BOXES, collection=collection)
    write_missed(engine)
    arguments = [sys.executable, "-c", textwrap.dedent(KILLED), str(engine.url), label_studio.url]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    sender = subprocess.Popen(arguments, cwd=Path(__file__).parents[3], env=environment, stdout=subprocess.PIPE)
    assert sender.stdout is not None
    sender.stdout.readline()
    time.sleep(after_s)
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    sender.stdout.close()
    post_questions(engine, label_studio, QUEUE, "b1", grace_s=5)
    each_once(engine, label_studio)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda server: replace(server, url="http://127.0.0.1:9"), LabelStudioUnavailable, "does not answer"),
        (lambda server: replace(server, api_token="f" * 40), LabelStudioRefused, "is not accepted"),
    ],
    ids=["down", "wrong token"],
)
def test_a_posting_that_fails_says_why_and_a_later_run_goes_on(
    engine: Engine,
    label_studio: AnnotationServer,
    collection: str,
    change: Callable[[AnnotationServer], AnnotationServer],
    error: type[Exception],
    says: str,
) -> None:
    make_batch(engine, items=3, collection=collection)
    write_missed(engine)
    broken = change(label_studio)
    with pytest.raises(error, match=says) as raised:
        post_questions(engine, broken, QUEUE, "b1")
    assert broken.api_token not in str(raised.value)
    assert post_questions(engine, label_studio, QUEUE, "b1").sent == 3
    each_once(engine, label_studio)
