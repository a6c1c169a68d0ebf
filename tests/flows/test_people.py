"""Three people of known skill answer every question, blind of each other, on a real Label Studio.

What they come to must be worth more than a show of hands, and more than the best of them alone, and must end as labels.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.catalog import Catalog
from blocks.database.engine import reading
from blocks.database.people_tables import Decision
from blocks.database.tables import Answer, Label, Question, QuestionState
from blocks.naming.artifacts import artifact_key
from blocks.object_store import ObjectStore
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.ask import ask
from tasks.review.consensus.answer_groups import CONSENSUS, read_groups
from tasks.review.consensus.box_matching import PersonAnswer
from tasks.review.consensus.comparers.boxes import learn_queue_skills, match_answers
from tasks.review.drafts.line_queue import LineQueue
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.review.steps import AskReport, write_questions
from tasks.settle.annotators.people import PeopleReport
from tasks.settle.in_force import labels_in_force
from tasks.settle.report import SettleReport
from tasks.settle.steps import settle_batch, show_people
from tests.bench.consensus import Said, of_majority, of_person, score
from tests.bench.crowd import CLASSES, Crowd, draw_crowd, skill
from tests.examples import examples
from tests.label_studio import save_label_studio
from tests.review.builders import item_id, make_batch, region
from tests.scans import scan_of

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SCENES = examples(60, 100)
SKILLS = {
    "ada@example.org": skill(0.08, 0.2, 0.93, 0.02),
    "ben@example.org": skill(0.15, 0.3, 0.85, 0.04),
    "chi@example.org": skill(0.35, 0.6, 0.65, 0.07),
}
THREE = mark_missed_queue(CLASSES).with_pool(
    AnnotatorPool(annotators=tuple(SKILLS), overlap=OverlapRule(least=3, most=3))
)


@flow
def small_line(batch_id: str, queue: Queue, plugs: str) -> tuple[AskReport, SettleReport, PeopleReport]:
    """Ask about one batch, settle it, and show how people agreed."""
    scan = scan_of(batch_id, plugs=plugs)
    asked = ask(queue, write_questions(scan, LineQueue(queue=queue)), plugs=plugs)
    return asked, settle_batch(scan), show_people(scan)


@pytest.fixture
def plugs(engine: Engine, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path) -> str:
    """Saved blocks of the test's own."""
    name = f"people-{uuid4().hex[:8]}"
    Catalog(url=SecretStr(str(engine.url))).save(name)
    ObjectStore(folder=str(tmp_path / "objects")).save(name)
    save_label_studio(label_studio, name)
    return name


def accounts(server: AnnotationServer, people: tuple[str, ...]) -> dict[str, int]:
    numbers = {user["email"]: int(user["id"]) for user in server.call("GET", "api/users/")}
    for person in people:
        if person not in numbers:
            made = server.call("POST", "api/users/", body={"email": person, "username": person})
            numbers[person] = int(made["id"])
    return {person: numbers[person] for person in people}


def result_of(answer: PersonAnswer) -> list[dict[str, Any]]:
    return [
        region(box.id, box.class_name, (max(0.0, box.x_min), max(0.0, box.y_min), box.x_max, box.y_max))
        for box in answer.boxes
    ]


@contextmanager
def people_at_work(engine: Engine, server: AnnotationServer, crowd: Crowd) -> Iterator[None]:
    """Let the crowd answer what is posted: in each slot of a question somebody else, everybody in every slot."""
    users, over = accounts(server, tuple(SKILLS)), threading.Event()
    scene_of = {item_id(number): scene.name for number, scene in enumerate(crowd.scenes)}

    def work() -> None:
        done: set[str] = set()
        while not over.is_set():
            with reading(engine) as session:
                posted = select(Question).where(Question.state == QuestionState.POSTED.value)
                waiting = [one for one in session.exec(posted) if one.id not in done]
            for question in waiting:
                slot = int(question.queue.partition("~")[2])
                scene = scene_of[question.item_id]
                answer = crowd.answers[scene][(slot + int(question.item_id[:4], 16)) % len(users)]
                body = {"result": result_of(answer), "completed_by": users[answer.person], "lead_time": 5.0}
                server.call("POST", f"api/tasks/{question.task_id}/annotations/", body=body)
                done.add(question.id)
            time.sleep(0.2)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)
    assert not thread.is_alive()


@pytest.mark.timeout(600)
def test_three_peoples_consensus_beats_majority_and_the_best_of_them_and_ends_as_labels(
    engine: Engine, label_studio: AnnotationServer, plugs: str
) -> None:
    crowd = draw_crowd(SKILLS, SCENES, seed=1)
    make_batch(engine, items=SCENES, collection=plugs)
    with people_at_work(engine, label_studio, crowd):
        asked, settled, people = small_line("b1", THREE, plugs)

    assert (asked.asked, asked.answered, asked.closed, asked.people) == (SCENES, SCENES, 0, 3)
    assert asked.seconds == pytest.approx(3 * 5.0 * SCENES)
    assert settled.items_settled == SCENES
    names = {item_id(number): scene.name for number, scene in enumerate(crowd.scenes)}
    said: dict[str, Said] = {
        names[item]: [(label.class_name, (label.x_min, label.y_min, label.x_max, label.y_max)) for label in labels]
        for item, labels in labels_in_force(engine, list(names)).items()
    }
    ours = score(crowd, said).f1
    assert ours > score(crowd, of_majority(crowd.matched())).f1 + 0.02
    assert ours > max(score(crowd, of_person(crowd, person)).f1 for person in SKILLS) + 0.02

    with reading(engine) as session:
        labels, answers = session.exec(select(Label)).all(), session.exec(select(Answer)).all()
        decisions = {row.answer_id: row for row in session.exec(select(Decision))}
        groups = read_groups(session, "mark-missed", "b1")
        projects = session.exec(select(Question.project_id).where(col(Question.task_id).is_not(None)).distinct()).all()
    skills = learn_queue_skills(THREE, [match_answers(group.id, group.counted) for group in groups])
    for person, true in SKILLS.items():
        assert skills.skills[person].miss_rate == pytest.approx(true.miss_rate, abs=0.05)
    assert len(projects) == 3
    assert sum(one.heard_by != CONSENSUS for one in answers) == 3 * SCENES
    assert {len(decisions[label.answer_id].members) for label in labels} == {3}

    (queue,) = people.queues
    agrees = {one.person: one.agrees or 0.0 for one in queue.people}
    assert agrees["chi@example.org"] < min(agrees["ada@example.org"], agrees["ben@example.org"])
    assert queue.alpha is not None and 0 < queue.alpha < 1
    with get_client(sync_client=True) as client:
        key = ArtifactFilterKey(any_=[artifact_key("people", "b1")])
        shown = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    assert any("Krippendorff" in str(one.data) for one in shown)
