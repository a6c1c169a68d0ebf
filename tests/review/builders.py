"""Small, exact catalogues for the tests of this station."""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import (
    Answer,
    AnswerState,
    Batch,
    BatchItem,
    Item,
    Outcome,
    Proposal,
    Question,
    QuestionState,
    Route,
    Verdict,
    utc_now,
)
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.posting.outbox import note_posted
from tasks.review.questions.bookmarks import learn_people, queue_of_project, write_bookmarks
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.receiving.annotations import HeardTask
from tasks.review.receiving.record import RecordReport, record_annotations, record_deletions

WIDTH, HEIGHT = 1920, 1280
CLASSES = ("car", "truck")
QUEUE = mark_missed_queue(CLASSES)
NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)

Edges = tuple[float, float, float, float]
ProposedBox = tuple[str, float, Outcome, Edges]
"""Class, score, verdict and edges in pixels."""


def item_id(number: int) -> str:
    """Return the id of the n-th item."""
    return hashlib.sha256(f"item {number}".encode()).hexdigest()


def make_batch(
    engine: Engine,
    items: int,
    boxes: Sequence[ProposedBox] = (),
    batch_id: str = "b1",
    routes: Mapping[int, Route] | None = None,
    collection: str = "lot",
    first: int = 0,
) -> str:
    """Write a batch of items that all have the same proposals and go to people unless `routes` says otherwise."""
    ids = [item_id(number) for number in range(first, first + items)]
    facts = {
        "sequence": "s",
        "media_type": "image/jpeg",
        "size_bytes": 1,
        "width": WIDTH,
        "height": HEIGHT,
        "plain": True,
    }
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": collection}])
        upsert(session, Item, [{"id": id_, "key": f"items/{id_}", "name": f"{id_[:6]}.jpg", **facts} for id_ in ids])
        members = [
            {"batch_id": batch_id, "item_id": id_, "position": n, "route": (routes or {}).get(n, Route.ASK).value}
            for n, id_ in enumerate(ids)
        ]
        upsert(session, BatchItem, members)
        proposals = [_proposal(id_, rank, box) for id_ in ids for rank, box in enumerate(boxes)]
        upsert(session, Proposal, proposals)
        verdicts = [
            {"batch_id": batch_id, "proposal_id": proposal_id(id_, rank), "outcome": box[2].value}
            for id_ in ids
            for rank, box in enumerate(boxes)
        ]
        upsert(session, Verdict, verdicts)
    return batch_id


def proposal_id(item: str, rank: int) -> str:
    """Return the id of an item's n-th proposal."""
    return hashlib.sha256(f"{item}|{rank}".encode()).hexdigest()[:32]


def _proposal(
    item: str, rank: int, box: tuple[str, float, Outcome, tuple[float, float, float, float]]
) -> dict[str, Any]:
    class_name, score, _, (x_min, y_min, x_max, y_max) = box
    return {
        "id": proposal_id(item, rank),
        "item_id": item,
        "detector": "d1",
        "recipe": "r1",
        "class_name": class_name,
        "score": score,
        "x_min": x_min,
        "y_min": y_min,
        "x_max": x_max,
        "y_max": y_max,
        "view": "tile",
    }


def write_missed(engine: Engine, batch_id: str = "b1", queue: Queue = QUEUE) -> int:
    """Write a batch's mark-missed questions into the outbox."""
    return write_once(engine, queue, batch_id, 0, draft_missed(engine, queue, batch_id))


def pretend_posted(engine: Engine, project_id: int = 7, queue: Queue = QUEUE) -> dict[str, int]:
    """Note all questions as posted without a Label Studio; returns task ids by question id."""
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(project_id): queue.model_dump_json()})
    tasks = {row.id: 100 + n for n, row in enumerate(questions(engine))}
    note_posted(engine, project_id, tasks)
    return tasks


def questions(engine: Engine) -> list[Question]:
    """Return all questions, in the order of their ids."""
    with reading(engine) as session:
        return list(session.exec(select(Question).order_by(Question.id)))


def answers(engine: Engine) -> list[Answer]:
    """Return all answers, the earliest version first."""
    with reading(engine) as session:
        return list(session.exec(select(Answer).order_by(Answer.answered_at, Answer.annotation_id)))


def region(
    id_: str = "r1",
    class_name: str = "car",
    edges: tuple[float, float, float, float] = (96, 64, 192, 128),
    **changes: Any,
) -> dict[str, Any]:
    """Return a region as Label Studio sends it, for a box in pixels."""
    x_min, y_min, x_max, y_max = edges
    value = {
        "x": 100 * x_min / WIDTH,
        "y": 100 * y_min / HEIGHT,
        "width": 100 * (x_max - x_min) / WIDTH,
        "height": 100 * (y_max - y_min) / HEIGHT,
        "rotation": 0,
        "rectanglelabels": [class_name],
    }
    shape = {"type": "rectanglelabels", "from_name": "box", "to_name": "image", "value": value}
    return {"id": id_, **shape, "original_width": WIDTH, "original_height": HEIGHT, **changes}


def wrong(*ids: object) -> dict[str, object]:
    """Return what Label Studio sends where somebody takes crops off a page."""
    return {"id": "x", "type": "choices", "from_name": "wrong", "to_name": "page", "value": {"choices": list(ids)}}


def webhook(
    question: Question, annotation_id: int = 1, minute: int = 0, action: str = "ANNOTATION_CREATED", **changes: Any
) -> dict[str, Any]:
    """Return a webhook's body about one annotation of one question."""
    annotation = {
        "id": annotation_id,
        "result": [region()],
        "was_cancelled": False,
        "updated_at": (NOON + timedelta(minutes=minute)).isoformat(),
        "lead_time": 4.5,
        "completed_by": 3,
        "task": question.task_id,
        "project": question.project_id,
        **changes,
    }
    task = {"id": question.task_id, "data": {"question_id": question.id, "image": "x"}}
    return {"action": action, "annotation": annotation, "task": task, "project": {"id": question.project_id}}


def deletion(*annotation_ids: int) -> dict[str, Any]:
    """Return a webhook's body about deleted annotations."""
    return {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": id_} for id_ in annotation_ids]}


def hear(engine: Engine, body: Mapping[str, Any]) -> RecordReport:
    """Write down what a webhook's body says as if Label Studio had said so when it was asked."""
    if body["action"] == "ANNOTATIONS_DELETED":
        return record_deletions(engine, [entry["id"] for entry in body["annotations"]])
    said = body["annotation"]
    task = HeardTask(id=said["task"], project_id=said["project"], data=body["task"]["data"], annotations=(said,))
    return record_annotations(engine, [task], "doorbell")


def post_slots(engine: Engine, queue: Queue) -> None:
    """Note what waits in the outbox as posted, a project for each slot, without a Label Studio."""
    waiting = [one for one in questions(engine) if one.state == QuestionState.WRITTEN]
    for name in sorted({one.queue for one in waiting}):
        project_id = 1 + zlib.crc32(name.encode()) % 10_000
        with writing(engine) as session:
            slot = queue.model_copy(update={"name": name})
            write_bookmarks(session, {queue_of_project(project_id): slot.model_dump_json()})
        mine = [one for one in waiting if one.queue == name]
        note_posted(engine, project_id, {one.id: 1 + zlib.crc32(one.id.encode()) % 2**30 for one in mine})


def put_answer(engine: Engine, question: Question, version: str, seconds: float, person: str, annotation: int) -> None:
    """Write one version of an annotation as it would have been read."""
    row = {"id": f"{annotation}-{version}", "question_id": question.id, "annotation_id": annotation, "person": person}
    row |= {"seconds": seconds, "state": AnswerState.COUNTED.value, "raw": [], "answered_at": utc_now()}
    with writing(engine) as session:
        upsert(session, Answer, [row | {"heard_by": "poll"}])


class Speaker:
    """Lets people answer questions through the doorbell, one minute after the other."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._minute = engine, 0

    def say(self, person: str, question: Question, result: Sequence[dict[str, Any]], **changes: Any) -> int:
        """Answer a question in somebody's name; returns the annotation's id."""
        self._minute += 1
        user = 1 + zlib.crc32(person.encode()) % 1000
        learn_people(self._engine, {user: person})
        number = int(changes.pop("annotation_id", 10_000 + self._minute))
        body = webhook(question, number, self._minute, result=list(result), completed_by=user, **changes)
        hear(self._engine, body)
        return number

    def skip(self, person: str, question: Question) -> int:
        """Skip a question in somebody's name."""
        return self.say(person, question, [], was_cancelled=True)


def slots_of(engine: Engine, item: str, queue: Queue) -> dict[str, Question]:
    """Return the questions about an item by what follows their queue's name: "" for the question itself."""
    mine = [one for one in questions(engine) if one.item_id == item and one.gold_id is None]
    return {one.queue.removeprefix(queue.name): one for one in mine}


def answer_alike(engine: Engine, items: int, person: str, edges: Edges) -> Speaker:
    """Ask about the items of a batch `b0`, and let one person answer all alike; each annotation has its own number."""
    make_batch(engine, items=items, batch_id="b0")
    write_missed(engine, "b0")
    post_slots(engine, QUEUE)
    speaker = Speaker(engine)
    for question in questions(engine):
        speaker.say(person, question, [region("e", edges=edges)], annotation_id=int(question.id[:6], 16))
    return speaker
