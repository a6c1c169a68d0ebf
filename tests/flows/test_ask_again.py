"""What was skipped goes back to people through a real Label Studio, and the run settles what they say."""

import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import select

from blocks.catalog import Catalog
from blocks.database.engine import reading
from blocks.database.tables import Outcome, Question, QuestionState
from blocks.object_store import ObjectStore
from blocks.servers.annotation_server import AnnotationServer
from flows.ask_again import ask_again
from tasks.audit.risk_control.options import ReopenOptions
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.poll import read_changes
from tasks.settle.labels import settle
from tests.label_studio import save_label_studio
from tests.review.builders import QUEUE, make_batch, questions, region, write_missed

BOX = ("car", 0.5, Outcome.ASK, (96.0, 64.0, 192.0, 128.0))


@pytest.mark.slow
@pytest.mark.label_studio
@pytest.mark.timeout(300)
# Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_skipped_picture_is_asked_again_and_its_answer_becomes_labels(
    engine: Engine, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path
) -> None:
    plugs = f"again-{uuid4().hex[:8]}"
    Catalog(url=SecretStr(str(engine.url))).save(plugs)
    ObjectStore(folder=str(tmp_path / "objects")).save(plugs)
    save_label_studio(label_studio, plugs)
    make_batch(engine, 1, (BOX,), collection=plugs)
    write_missed(engine)
    project = post_questions(engine, label_studio, QUEUE, "b1").project_id or 0
    (question,) = questions(engine)
    users = [user["id"] for user in label_studio.call("GET", "api/users/")]
    while len(users) < 2:
        mail = f"{uuid4().hex[:8]}@people.invalid"
        users.append(label_studio.call("POST", "api/users/", body={"email": mail, "username": mail})["id"])
    for user in users[:2]:
        skip = {"result": [], "was_cancelled": True, "lead_time": 1.0, "completed_by": user}
        label_studio.call("POST", f"api/tasks/{question.task_id}/annotations/", body=skip)
    read_changes(engine, label_studio, project, "sweep")
    settle(engine, "b1", "d1", "r1")

    def answer_what_comes() -> None:
        while True:
            with reading(engine) as session:
                posted = session.exec(select(Question).where(Question.state == QuestionState.POSTED.value)).first()
            if posted is not None:
                body = {"result": [region("seen")], "lead_time": 2.0}
                label_studio.call("POST", f"api/tasks/{posted.task_id}/annotations/", body=body)
                return
            time.sleep(0.2)

    person = threading.Thread(target=answer_what_comes)
    person.start()
    report = ask_again(ReopenOptions(collection=plugs), plugs)
    person.join(60)
    assert (report.asked, report.revisions, report.skipped) == (1, 1, ())
