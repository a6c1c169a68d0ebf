"""A skip on a real Label Studio: the question goes to everybody else, and never again to who skipped it."""

import re
from typing import Self
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine

from blocks.database.tables import QuestionState
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.poll import read_changes
from tests.review.builders import QUEUE, make_batch, questions, write_missed

pytestmark = [pytest.mark.label_studio, pytest.mark.slow]


class Annotator:
    """Somebody with an account of their own, who takes what Label Studio offers next."""

    def __init__(self, server: AnnotationServer, name: str) -> None:
        self._server, self._email = server, f"{name}-{uuid4().hex[:6]}@example.org"
        self._web = httpx.Client(base_url=server.url, follow_redirects=True, timeout=60)
        link = server.call("GET", "api/invite")["invite_url"]
        form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self._web.get(link).text)
        assert form is not None
        entries = {"email": self._email, "password": "only-for-tests-1", "csrfmiddlewaretoken": form[1]}
        self._web.post(link, data=entries, headers={"Referer": server.url}).raise_for_status()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def next_task(self, project_id: int) -> int | None:
        """Return the task that Label Studio offers, as its button "Label All Tasks" does."""
        answer = self._web.get(f"/api/projects/{project_id}/next/")
        return int(answer.json()["id"]) if answer.status_code == 200 else None

    def skip(self, task_id: int) -> None:
        """Skip a task."""
        headers = {"X-CSRFToken": self._web.cookies["csrftoken"], "Referer": self._server.url}
        body = {"was_cancelled": True, "result": [], "lead_time": 2.0}
        self._web.post(f"/api/tasks/{task_id}/annotations/", json=body, headers=headers).raise_for_status()


@pytest.mark.timeout(300)
def test_a_skipped_question_goes_to_another_person_and_then_to_rework(
    engine: Engine, label_studio: AnnotationServer
) -> None:
    make_batch(engine, items=1, collection=f"skips-{uuid4().hex[:8]}")
    write_missed(engine)
    with Annotator(label_studio, "ada") as ada, Annotator(label_studio, "ben") as ben:
        project_id = post_questions(engine, label_studio, QUEUE, "b1").project_id
        assert project_id is not None
        (question,) = questions(engine)

        assert ada.next_task(project_id) == question.task_id
        ada.skip(question.task_id or 0)
        read_changes(engine, label_studio, project_id, "sweep")
        assert questions(engine)[0].state == QuestionState.POSTED
        assert (ada.next_task(project_id), ben.next_task(project_id)) == (None, question.task_id)

        ben.skip(question.task_id or 0)
        read_changes(engine, label_studio, project_id, "sweep")
        assert questions(engine)[0].state == QuestionState.REWORK
