"""Somebody holds the write lock of Label Studio's own SQLite while questions are posted and a person answers them.

The person asks for the next question as soon as there is a project, answers it, and goes on until none is left: so
every question is opened, most of them while others are still being imported, and what it shows when it is first opened
is compared with what the catalogue says that it proposes.
"""

import math
import random
import sqlite3
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Answer, Question
from blocks.errors import LabellingError, LabelStudioUnavailable
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import find_tasks
from tasks.review.posting.outbox import post_questions
from tasks.review.posting.projects import ensure_project
from tasks.review.questions.kinds.boxes.regions import ShownBox, to_regions
from tasks.review.receiving.annotations import EARLIEST
from tasks.review.receiving.poll import read_changes
from tests.chaos.ground import HEIGHT, QUEUE, WIDTH, Ground, lay_ground
from tests.chaos.server import OwnLabelStudio
from tests.chaos.tally import Tally, count_questions

QUESTIONS = 12
CHUNK_SIZE = 4
HELD_S = (0.5, 2.5)
LIMIT_S = 180.0

AT_ONCE = 3
"""Postings side by side: each is also disturbed by the locks of the others. As delivered, Label Studio sleeps after
each lock that it meets, twice as long each time: there one posting at a time is trouble enough."""


@dataclass(slots=True)
class Reader:
    """A person who takes the next question, again and again, and notes what each shows when it is first opened."""

    server: AnnotationServer
    project_id: int
    opened: dict[str, frozenset[str]] = field(default_factory=dict)
    """Ids of the boxes that were there, by question."""

    def work(self, questions: int, posted: threading.Event) -> None:
        """Open and answer until `questions` are answered, or nothing comes for long after all were posted.

        Raises:
            LabellingError: Questions that were posted are never served.
        """
        answered, deadline = 0, math.inf
        while answered < questions and time.monotonic() < deadline:
            if posted.is_set():
                deadline = min(deadline, time.monotonic() + LIMIT_S)
            with suppress(LabelStudioUnavailable):  # as a browser shows an error, and its person presses again
                answered += self._answer_next()
        if answered < questions:
            raise LabellingError(f"{questions - answered} of {questions} questions were never served")

    def _answer_next(self) -> int:
        since = time.monotonic()
        task = self.server.call("GET", f"api/projects/{self.project_id}/next/", absent_ok=True)
        if task is None:
            time.sleep(0.02)
            return 0
        shown = task["predictions"][0] if task["predictions"] else {"id": None, "result": []}
        question = task["data"]["question_id"]
        self.opened.setdefault(question, frozenset(region["id"] for region in shown["result"]))
        body = {
            "result": shown["result"] or _drawn(f"by hand {question[:8]}"),
            "parent_prediction": shown["id"],
            "lead_time": time.monotonic() - since,
        }
        self.server.call("POST", f"api/tasks/{task['id']}/annotations/", body=body)
        return 1


def post_under_locks(
    label_studio: OwnLabelStudio, catalog_url: str, dice: random.Random, trials: int, fault: str
) -> Tally:
    """Post batches while the database is locked at random moments, for half a second to two and a half.

    Args:
        label_studio: On SQLite.
        catalog_url: The catalogue.
        dice: All chance.
        trials: How many postings.
        fault: What the table calls it.

    Returns:
        Lost are questions that are not there, stand without their proposals in the end, or were answered without them
        and are not known as such; doubled are tasks and predictions that are there twice. `without` counts questions
        that somebody opened before their proposals were there.
    """
    dices = [random.Random(dice.random()) for _ in range(trials)]

    def post(mine: random.Random) -> tuple[int, int, int]:
        return _post_one(label_studio, lay_ground(catalog_url, QUESTIONS), mine)

    at_once = 1 if label_studio.as_delivered else AT_ONCE
    with ThreadPoolExecutor(at_once, thread_name_prefix="posting") as pool:
        results = list(pool.map(post, dices))
    lost, doubled, without = (sum(column) for column in zip(*results, strict=True))
    return Tally(fault, trials, lost, doubled, without, forgives_without=label_studio.as_delivered)


def _post_one(label_studio: OwnLabelStudio, ground: Ground, dice: random.Random) -> tuple[int, int, int]:
    server = label_studio.server
    project_id = ensure_project(ground.engine, server, QUEUE, ground.batch_id)
    reader, posted = Reader(label_studio.server, project_id), threading.Event()
    with ThreadPoolExecutor(2, thread_name_prefix="trouble") as pool:
        trouble = [
            pool.submit(_hold_locks, label_studio, dice, posted),
            pool.submit(reader.work, len(ground.questions), posted),
        ]
        try:
            _insist(ground, server)
        finally:
            posted.set()
        for one in trouble:
            one.result()
    read_changes(ground.engine, server, project_id, "sweep")
    return _compare(ground, server, project_id, reader)


def _insist(ground: Ground, server: AnnotationServer) -> None:
    """Post as the worker does: a step that Label Studio fails is run again."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            post_questions(ground.engine, server, QUEUE, ground.batch_id, chunk_size=CHUNK_SIZE)
            return
        except LabelStudioUnavailable:
            if time.monotonic() > deadline:
                raise


def _hold_locks(label_studio: OwnLabelStudio, dice: random.Random, posted: threading.Event) -> None:
    """Take the write lock once or more often, from a second connection."""
    holder = sqlite3.connect(label_studio.database, isolation_level=None, timeout=60)
    try:
        for _ in range(dice.choice([1, 1, 1, 2])):
            posted.wait(dice.uniform(0, 0.2))
            holder.execute(dice.choice(["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"]))
            time.sleep(dice.uniform(*HELD_S))
            holder.rollback()
            if posted.is_set():
                break
    finally:
        holder.close()


def _compare(ground: Ground, server: AnnotationServer, project_id: int, reader: Reader) -> tuple[int, int, int]:
    proposed = {question.id: frozenset(question.payload["prefill"]) for question in ground.questions}
    found = find_tasks(server, project_id, EARLIEST)
    tasks = {question: [one.task_id for one in twins] for question, twins in found.items()}
    lost, doubled = count_questions({question.id: question.task_id for question in ground.questions}, tasks)
    for question in ground.questions:
        predictions = server.call("GET", "api/predictions/", params={"task": question.task_id})
        doubled += max(0, len(predictions) - 1)
        stands = bool(predictions) and _boxes(predictions[0]) == proposed[question.id]
        lost += not stands
    without = {question for question, shown in reader.opened.items() if shown != proposed[question]}
    lost += len(without ^ _known_without(ground)) + len(proposed.keys() - reader.opened.keys())
    return lost, doubled, len(without)


def _boxes(prediction: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(region["id"] for region in prediction["result"])


def _known_without(ground: Ground) -> set[str]:
    """Return the questions of which the catalogue says that somebody answered them without the proposals."""
    blind = select(Answer.question_id).join(Question, col(Question.id) == col(Answer.question_id))
    blind = blind.where(Question.batch_id == ground.batch_id, col(Answer.saw_proposals).is_not(True))
    with reading(open_engine(ground.url)) as session:
        return set(session.exec(blind))


def _drawn(name: str) -> list[dict[str, object]]:
    box = ShownBox(id=name, class_name="car", score=1.0, x_min=10, y_min=10, x_max=90, y_max=60)
    return to_regions([box], WIDTH, HEIGHT)
