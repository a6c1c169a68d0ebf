"""Simulated people who answer in process: the same questions, mistakes, times and records, without Label Studio.

Questions are written and noted as posted as the outbox does, answers take the one way in that all answers take
(`record_annotations`). What is left out is the server between: no lost webhook, and no waiting.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, writing
from blocks.database.tables import Question
from blocks.published_times import DRAW_BOX, DRAW_BOX_FAST
from infra.annotators.answers import answer_as
from infra.annotators.desk import Desk, OpenQuestion
from infra.annotators.pages import SeenCrop
from infra.annotators.people import People
from infra.annotators.times import Stopwatch
from infra.annotators.truth import KnownWorld
from tasks.monitor.cost.spent import read_spent
from tasks.review.drafts.box_checks import confirm_again_queue, confirm_box_queue, draft_confirms, draft_confirms_again
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.drafts.line_queue import LineQueue, draft_questions
from tasks.review.posting.outbox import Draft, note_posted
from tasks.review.questions.bookmarks import queue_of_project, write_bookmarks
from tasks.review.questions.kinds.crops import CropPayload
from tasks.review.questions.kinds.page import PagePayload
from tasks.review.questions.kinds.registry import kind_named, read_payload
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.receiving.annotations import HeardAnnotation, HeardTask
from tasks.review.receiving.record import record_annotations

FAST_SHARE = DRAW_BOX_FAST.seconds / DRAW_BOX.seconds
"""What drawing and mending takes people who click extreme points, as a share of what it takes others."""

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""When all people begin: with a clock of their own the same answers make the same snapshot, trained on only once."""


@dataclass(slots=True)
class TrialAnnotators:
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
        return self._answer_queue(1, queue, batch_id, 0, draft_missed(self.engine, queue, batch_id))

    def check_boxes(self, batch_id: str, round_: int) -> int:
        """Say of a batch's boxes drawn at random whether they are right; others look again at the rest."""
        first, second = confirm_box_queue(self.classes), confirm_again_queue(self.classes)
        drawn = draft_confirms(self.engine, batch_id, round_)
        asked = self._answer_queue(2, first, batch_id, round_, drawn)
        doubted = draft_confirms_again(self.engine, batch_id, round_)
        return asked + self._answer_queue(3, second, batch_id, round_, doubted)

    def answer_stop(self, project: int, stop: LineQueue, batch_id: str, round_: int = 0) -> int:
        """Answer what a batch has to ask at one stop of its line; returns how many questions that were."""
        drafts = draft_questions(self.engine, batch_id, stop, round_)
        return self._answer_queue(project, stop.queue, batch_id, round_, drafts)

    def _answer_queue(
        self,
        project: int,
        queue: Queue,
        batch_id: str,
        round_: int,
        pages: Iterable[list[Draft]],
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
        desk = Desk(project, queue.name, self.classes, queue.kind)
        heard = [self._heard(one, tasks[one.id], desk) for one in asked]
        record_annotations(self.engine, heard, "poll")
        return len(asked)

    def _heard(self, question: Question, task_id: int, desk: Desk) -> HeardTask:
        payload = read_payload(question.payload)
        regions = kind_named(payload.type).shown(payload)
        crop = (*(float(edge) for edge in payload.crop),) if isinstance(payload, CropPayload) and payload.crop else None
        asked = OpenQuestion(task_id, question.id, desk, question.item_id, crop, (), tuple(regions))  # type: ignore[arg-type]
        if isinstance(payload, PagePayload):
            page = tuple(SeenCrop(one.proposal_id, one.item_id, one.crop, one.box) for one in payload.crops)
            asked = replace(asked, page=page, headline=f"({payload.class_name})")
        person = self.people.for_question(desk.queue, asked.key)
        watch = Stopwatch(person.chance(f"{asked.key}|seconds"), self.people.drawing)
        result, _acts = answer_as(person, asked, self.world.pictures, watch)
        self.seconds_by_act.update(watch.by_act)  # a Counter adds up seconds as well
        number = next(self.numbers)
        note = HeardAnnotation(
            id=number,
            updated_at=FIRST_DAY + timedelta(seconds=number),
            result=result,
            lead_time=round(watch.seconds, 2),
            created_username=f"{person.name} {person.email}, 1",
        )
        return HeardTask(
            id=task_id, project_id=desk.project_id, data={"question_id": question.id}, annotations=(note,), whole=True
        )
