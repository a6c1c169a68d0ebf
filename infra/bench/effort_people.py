"""Simulated people who answer in process: the same questions, mistakes, times and records, without Label Studio.

Questions are written and noted as posted as the outbox does, answers take the one way in that all answers take
(`record_annotations`). What is left out is the server between: no lost webhook, and no waiting.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading, writing
from blocks.published_times import DRAW_BOX, DRAW_BOX_FAST
from blocks.tables import Question
from infra.annotators.boxes import Work, answer_boxes
from infra.annotators.checks import answer_check
from infra.annotators.desk import Desk, OpenQuestion, boxes_result, check_result
from infra.annotators.people import People, Person
from infra.annotators.times import Stopwatch
from infra.annotators.truth import KnownWorld, TruePicture
from tasks.monitor.spent import read_spent
from tasks.review.answers import record_annotations
from tasks.review.bookmarks import queue_of_project, write_bookmarks
from tasks.review.confirm import confirm_again_queue, confirm_box_queue, draft_confirms, draft_second_looks
from tasks.review.drafts import draft_missed, write_once
from tasks.review.heard import HeardAnnotation, HeardTask
from tasks.review.outbox import Draft, note_posted
from tasks.review.queues import Queue, mark_missed_queue
from tasks.review.regions import to_regions
from tasks.review.task_data import Payload, region_in_crop

FAST_SHARE = DRAW_BOX_FAST.seconds / DRAW_BOX.seconds
"""What drawing and mending takes people who click extreme points, as a share of what it takes others."""

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""When all people begin: with a clock of their own the same answers make the same snapshot, trained on only once."""

Said = tuple[Person, Stopwatch, Sequence[object]]
"""Who answered, in which time, and the result as a browser would send it."""


@dataclass(slots=True)
class Crew:
    """The people of one collection, at work in this process."""

    engine: Engine
    world: KnownWorld
    collection: str
    classes: tuple[str, ...]
    people: People
    seconds_by_act: Counter[str] = field(default_factory=Counter)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def human_seconds(self) -> float:
        """Everything that people have spent so far, as the ledger counts it."""
        return sum(one.seconds or 0.0 for one in read_spent(self.engine, self.collection))

    @property
    def fast_seconds(self) -> float:
        """The same for people who draw boxes in the fastest published way; their other acts take as long."""
        drawn = self.seconds_by_act["draw"] + self.seconds_by_act["adjust"]
        return self.human_seconds - (1 - FAST_SHARE) * drawn

    def answer_batch(self, batch_id: str) -> int:
        """Write, send and answer the questions about a batch's items; returns how many."""
        queue = mark_missed_queue(self.classes)
        return self._answer_queue(1, queue, batch_id, 0, draft_missed(self.engine, queue, batch_id), self._mark)

    def check_boxes(self, batch_id: str, round_: int) -> int:
        """Say of a batch's boxes drawn by lot whether they are right; what is not called so, others look at again."""
        first, second = confirm_box_queue(self.classes), confirm_again_queue(self.classes)
        drawn = draft_confirms(self.engine, batch_id, round_)
        asked = self._answer_queue(2, first, batch_id, round_, drawn, self._check)
        doubted = draft_second_looks(self.engine, batch_id, round_)
        return asked + self._answer_queue(3, second, batch_id, round_, doubted, self._check)

    def _answer_queue(
        self,
        project: int,
        queue: Queue,
        batch_id: str,
        round_: int,
        pages: Iterable[list[Draft]],
        answer: Callable[[OpenQuestion, Payload], Said],
    ) -> int:
        write_once(self.engine, queue, batch_id, round_, pages)
        with writing(self.engine) as session:
            write_bookmarks(session, {queue_of_project(project): queue.model_dump_json()})
        query = select(Question).where(
            Question.batch_id == batch_id, Question.queue == queue.name, Question.round == round_
        )
        with reading(self.engine) as session:
            asked = list(session.exec(query.order_by(col(Question.id))).all())
        tasks = {question.id: next(self.numbers) for question in asked}
        note_posted(self.engine, project, tasks)
        desk = Desk(project, queue.name, self.classes)
        heard = [self._heard(one, tasks[one.id], desk, answer) for one in asked]
        record_annotations(self.engine, heard, "poll")
        return len(asked)

    def _heard(
        self, question: Question, task_id: int, desk: Desk, answer: Callable[[OpenQuestion, Payload], Said]
    ) -> HeardTask:
        payload = Payload.model_validate(question.payload)
        is_check = payload.type == "confirm"
        regions = [region_in_crop(payload)] if is_check else to_regions(payload.boxes, payload.width, payload.height)
        crop = payload.crop and (*(float(edge) for edge in payload.crop),)
        asked = OpenQuestion(task_id, question.id, desk, question.item_id, crop, (), tuple(regions))  # type: ignore[arg-type]
        person, watch, result = answer(asked, payload)
        self.seconds_by_act.update(watch.by_act)  # a Counter adds up seconds as well
        number = next(self.numbers)
        note = HeardAnnotation(
            id=number,
            updated_at=FIRST_DAY + timedelta(seconds=number),
            result=list(result),
            lead_time=round(watch.seconds, 2),
            created_username=f"{person.name} {person.email}, 1",
        )
        return HeardTask(
            id=task_id, project_id=desk.project_id, data={"question_id": question.id}, annotations=(note,), whole=True
        )

    def _mark(self, asked: OpenQuestion, payload: Payload) -> Said:
        size_wh = (payload.width, payload.height)
        person, watch = self._whose(asked)
        rng = person.chance(asked.key)
        work = Work(size_wh, self.classes, rng, watch)
        answer_boxes(work, asked.prefilled(size_wh), self._picture(asked.item_id).boxes, person.mistakes)
        return person, watch, boxes_result(asked, work.said, size_wh, rng)

    def _check(self, asked: OpenQuestion, _payload: Payload) -> Said:
        person, watch = self._whose(asked)
        rng = person.chance(asked.key)
        slip = person.mistakes(rng, 1)[0]
        watch.verify()
        choice = answer_check(*asked.checked_box(), self._picture(asked.item_id), slip, rng)
        return person, watch, check_result(asked, choice)

    def _whose(self, asked: OpenQuestion) -> tuple[Person, Stopwatch]:
        person = self.people.for_question(asked.desk.queue, asked.key)
        return person, Stopwatch(person.chance(f"{asked.key}|seconds"), self.people.drawing)

    def _picture(self, item_id: str) -> TruePicture:
        return self.world.pictures[item_id]
