"""A queue's questions answered on the spot: simulated people get what Label Studio would show, and answer its way.

Nothing is sent anywhere: each question becomes the very task that a project would import, the person's result is read
as an annotation that Label Studio told of, and consensus asks the next person as in a line. So this is the line's own
code on both sides of Label Studio, without Label Studio.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, writing
from blocks.database.tables import Question, QuestionState, utc_now
from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.answers import answer_as
from infra.annotators.desk import Desk, OpenQuestion, question_of, slot_of
from infra.annotators.people import People, Person
from infra.annotators.times import Stopwatch
from infra.annotators.truth import TruePicture
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.posting.outbox import note_posted
from tasks.review.questions.asked import queue_as_asked
from tasks.review.questions.bookmarks import queue_of_project, write_bookmarks
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import asked_queue, is_for_referees, unsent_queues
from tasks.review.questions.strips.standing import asked_items, stand_together
from tasks.review.questions.task import AskedItem, task_of
from tasks.review.receiving.annotations import HeardTask
from tasks.review.receiving.record import record_annotations

NOWHERE = AnnotationServer(
    url="http://label-studio.invalid",
    api_token="",
    gateway_url="http://gateway.invalid",
    link_secret="",
    doorbell_secret="",
)
"""Links to pictures must name a server; nobody follows these (RFC 2606 reserves the name)."""


@dataclass(frozen=True, slots=True)
class GivenTime:
    """What one person's answer to one question took; of a strip its share."""

    queue: str
    item_id: str
    seconds: float


@dataclass(slots=True)
class PeopleHere:
    """Simulated people in the same process as the catalogue whose questions they answer.

    Attributes:
        engine: The catalogue of the dry run.
        pictures: What is true, by item id; of every item that is asked about.
        people: Who they are.
        say: Told how many answers there are so far.
        times: What each answer took.
    """

    engine: Engine
    pictures: Mapping[str, TruePicture]
    people: People
    say: Callable[[int], None] = lambda _done: None
    times: list[GivenTime] = field(default_factory=list)
    _projects: dict[str, int] = field(default_factory=dict)
    _tasks: int = 0

    def answer(self, queue: Queue, batch_id: str) -> None:
        """Answer what a batch asks in a queue, until nobody more is to be asked."""
        while True:
            for part in unsent_queues(self.engine, queue, batch_id, 0):
                self._answer_part(part, batch_id)
            if not weigh_answers(self.engine, queue, batch_id).opened:
                break
        weigh_answers(self.engine, queue, batch_id, is_last=True)

    def _answer_part(self, part: Queue, batch_id: str) -> None:
        part = queue_as_asked(self.engine, part, batch_id, 0).model_copy(update={"name": part.name})
        project_id = self._projects.setdefault(part.name, len(self._projects) + 1)
        with writing(self.engine) as session:
            write_bookmarks(session, {queue_of_project(project_id): part.model_dump_json()})
        mine = (Question.queue == part.name, Question.batch_id == batch_id)
        unsent = select(Question).where(*mine, Question.state == QuestionState.WRITTEN.value)
        with reading(self.engine) as session:
            rows = session.exec(unsent.order_by(col(Question.priority).desc(), col(Question.id))).all()
            together = stand_together(session, part, [row.id for row in rows])
        asked = asked_items(self.engine, together)
        tasks = {id_: self._tasks + number for number, id_ in enumerate(asked, 1)}
        self._tasks += len(tasks)
        note_posted(self.engine, project_id, {still: tasks[id_] for id_ in asked for still in together[id_]})
        place = (project_id, asked_queue(part.name), part.classes, part.kind, slot_of(part.name))
        by_points = part.drawing == "extreme_points"
        desk = Desk(*place, is_for_referees(part.name), by_points=by_points)
        record_annotations(
            self.engine, [self._answered(part, desk, tasks[id_], some) for id_, some in asked.items()], "forecast"
        )

    def _answered(self, queue: Queue, desk: Desk, number: int, asked: Sequence[AskedItem]) -> HeardTask:
        task = task_of(NOWHERE, queue, asked)
        shown = [{"id": number, **prediction} for prediction in task["predictions"]]
        question = question_of({"id": number, "data": task["data"], "predictions": shown}, desk)
        person = self.people.for_question(desk.queue, question.key, desk.slot, as_referee=desk.is_for_referees)
        watch = Stopwatch(person.chance(f"{question.key}|seconds"), desk.drawing_of(person))
        result, _ = answer_as(person, question, self.pictures, watch)
        self.times += [GivenTime(desk.queue, one.item_id, watch.seconds / len(asked)) for one in asked]
        self.say(number)
        return _heard(question, person, result, watch.seconds, task["data"])


def _heard(
    question: OpenQuestion, person: Person, result: list[dict[str, Any]], seconds: float, data: dict[str, Any]
) -> HeardTask:
    """Return an answer as Label Studio would tell of it."""
    now = utc_now()
    annotation = {
        "id": question.task_id,
        "created_at": now,
        "updated_at": now + timedelta(microseconds=question.task_id),
        "result": result,
        "lead_time": seconds,
        "parent_prediction": question.prediction_id,
        "created_username": f"{person.name} {person.email}, {question.task_id}",
    }
    return HeardTask.model_validate(
        {
            "id": question.task_id,
            "project_id": question.desk.project_id,
            "data": data,
            "annotations": [annotation],
        }
    )
