"""What every trial starts from: a catalogue on disk with a batch of questions in its outbox."""

import random
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine
from sqlmodel import select

from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Batch, Item, Question
from tasks.review.posting.outbox import Draft, write_questions
from tasks.review.questions.queue import Queue, mark_missed_queue

WIDTH, HEIGHT = 1920, 1280
QUEUE: Queue = mark_missed_queue(["car", "truck"])


@dataclass(frozen=True, slots=True)
class Ground:
    """A batch of written questions; its id is also the name of its collection, so it has a project of its own."""

    engine: Engine
    url: str
    batch_id: str

    @property
    def questions(self) -> list[Question]:
        """The questions as they stand, the highest priority first."""
        mine = select(Question).where(Question.batch_id == self.batch_id)
        with reading(self.engine) as session:
            return sorted(session.exec(mine), key=lambda question: (-question.priority, question.id))


def make_catalogue(folder: Path) -> str:
    """Make an empty catalogue in a file, which may be copied; return its address."""
    migrate(url := f"sqlite:///{folder / 'catalog.sqlite'}")
    open_engine(url).dispose()  # the last connection to close writes all of it into the one file
    return url


def lay_ground(catalog_url: str, questions: int, boxes: int = 5) -> Ground:
    """Write a batch of questions about invented items into a catalogue's outbox.

    Args:
        catalog_url: An existing catalogue.
        questions: How many.
        boxes: Prefilled boxes per question.
    """
    engine, batch_id = open_engine(catalog_url), f"chaos-{uuid4().hex[:10]}"
    ids = [f"{batch_id[6:]}{number:054x}" for number in range(questions)]
    facts = {"sequence": "s", "media_type": "image/jpeg", "size_bytes": 1, "plain": True}
    size = {"width": WIDTH, "height": HEIGHT}
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": batch_id}])
        upsert(session, Item, [{"id": id_, "key": f"items/{id_}", "name": "x.jpg", **size, **facts} for id_ in ids])
    dice = random.Random(batch_id)
    drafts = [Draft(batch_id, id_, _payload(dice, id_, boxes), priority=dice.random()) for id_ in ids]
    write_questions(engine, QUEUE, drafts)
    return Ground(engine, catalog_url, batch_id)


def _payload(dice: random.Random, item_id: str, boxes: int) -> dict[str, object]:
    shown = []
    for number in range(boxes):
        x, y = dice.uniform(0, WIDTH - 90), dice.uniform(0, HEIGHT - 60)
        edges = {"x_min": x, "y_min": y, "x_max": x + 80, "y_max": y + 45}
        shown.append({"id": f"{item_id[-9:]}-{number}", "class_name": "car", "score": dice.random(), **edges})
    prefill = [box["id"] for box in shown]
    return {"type": "boxes", "width": WIDTH, "height": HEIGHT, "prefill": prefill, "boxes": shown}
