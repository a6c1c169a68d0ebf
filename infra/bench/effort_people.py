"""Simulated people who answer in process: the same questions, mistakes, times and records, without Label Studio.

Questions are written and noted as posted as the outbox does, answers take the one way in that all answers take
(`record_annotations`). What is left out is the server between: no lost webhook, and no waiting.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading, writing
from blocks.tables import Proposal, Question, utc_now
from infra.annotators.boxes import KEEP_IOU, Work, answer_boxes
from infra.annotators.desk import Desk, OpenQuestion, boxes_result
from infra.annotators.matching import match
from infra.annotators.people import People, Person
from infra.annotators.times import Stopwatch
from infra.annotators.truth import KnownWorld, TruePicture
from tasks.monitor.spent import read_spent
from tasks.review.answers import record_annotations
from tasks.review.bookmarks import queue_of_project, write_bookmarks
from tasks.review.drafts import draft_missed, write_once
from tasks.review.heard import HeardAnnotation, HeardTask
from tasks.review.outbox import note_posted
from tasks.review.queues import mark_missed_queue
from tasks.review.regions import to_regions
from tasks.review.task_data import Payload

PROJECT = 1
CONFIRM, CONFIRM_AGAIN = "confirm-box", "confirm-again"


@dataclass(slots=True)
class Crew:
    """The people of one collection, at work in this process."""

    engine: Engine
    world: KnownWorld
    collection: str
    classes: tuple[str, ...]
    people: People
    checking_s: float = 0.0
    """Seconds spent on single boxes, which are no answers in the catalogue."""
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def human_seconds(self) -> float:
        """Everything that people have spent so far, as the ledger counts it."""
        return self.checking_s + sum(one.seconds or 0.0 for one in read_spent(self.engine, self.collection))

    def answer_batch(self, batch_id: str) -> int:
        """Write, send and answer the questions about a batch; returns how many."""
        queue = mark_missed_queue(self.classes)
        write_once(self.engine, queue, batch_id, 0, draft_missed(self.engine, queue, batch_id))
        with writing(self.engine) as session:
            write_bookmarks(session, {queue_of_project(PROJECT): queue.model_dump_json()})
        query = select(Question).where(Question.batch_id == batch_id, Question.queue == queue.name)
        with reading(self.engine) as session:
            asked = list(session.exec(query.order_by(col(Question.id))).all())
        tasks = {question.id: next(self.numbers) for question in asked}
        note_posted(self.engine, PROJECT, tasks)
        record_annotations(self.engine, [self._answer(one, tasks[one.id], queue.name) for one in asked], "poll")
        return len(asked)

    def check_boxes(self, proposals: Iterable[Proposal]) -> list[bool]:
        """Let people say of single boxes whether they are wrong, one at a time; their time is added.

        What one person does not call right, another one looks at: a slip is as frequent as the errors looked for.
        """
        return [self._check(one, CONFIRM) and self._check(one, CONFIRM_AGAIN) for one in proposals]

    def is_wrong(self, proposal: Proposal) -> bool:
        """Say what is true of a proposal: no object of its class overlaps it enough."""
        true = [box.xyxy for box in self._picture(proposal.item_id).boxes if box.class_name == proposal.class_name]
        corners = (proposal.x_min, proposal.y_min, proposal.x_max, proposal.y_max)
        pair = match([corners], true).get(0)
        return pair is None or pair[1] < KEEP_IOU

    def _check(self, proposal: Proposal, queue: str) -> bool:
        person = self.people.for_question(queue, proposal.id)
        watch = Stopwatch(person.chance(f"{proposal.id}|seconds"), self.people.drawing)
        watch.verify()
        self.checking_s += watch.seconds
        slipped = person.mistakes(person.chance(proposal.id), 1)[0] is not None
        return self.is_wrong(proposal) != slipped

    def _answer(self, question: Question, task_id: int, queue: str) -> HeardTask:
        payload = Payload.model_validate(question.payload)
        size_wh = (payload.width, payload.height)
        desk = Desk(PROJECT, queue, self.classes)
        regions = tuple(to_regions(payload.boxes, *size_wh))
        asked = OpenQuestion(task_id, question.id, desk, question.item_id, None, (), regions)
        person = self.people.for_question(queue, asked.key)
        watch = Stopwatch(person.chance(f"{asked.key}|seconds"), self.people.drawing)
        rng = person.chance(asked.key)
        work = Work(size_wh, self.classes, rng, watch)
        answer_boxes(work, asked.prefilled(size_wh), self._picture(question.item_id).boxes, person.mistakes)
        note = self._annotation(person, boxes_result(asked, work.said, size_wh, rng), watch.seconds)
        return HeardTask(
            id=task_id, project_id=PROJECT, data={"question_id": question.id}, annotations=(note,), whole=True
        )

    def _annotation(self, person: Person, result: Sequence[object], seconds: float) -> HeardAnnotation:
        return HeardAnnotation(
            id=next(self.numbers),
            updated_at=utc_now(),
            result=list(result),
            lead_time=round(seconds, 2),
            created_username=f"{person.name} {person.email}, 1",
        )

    def _picture(self, item_id: str) -> TruePicture:
        return self.world.pictures[item_id]
