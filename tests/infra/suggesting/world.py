"""A collection whose items have vectors, with questions that stand open: no picture and no network is needed."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Question
from blocks.storage.stores import Store
from tasks.detect.refs import TAUGHT
from tasks.review.posting.outbox import Draft, write_questions
from tasks.review.questions.kinds.classify import ClassPayload
from tasks.review.questions.queue import Queue, choose_class_queue
from tasks.suggest.embedders.kept import keep_vectors
from tasks.suggest.learners.registry import DEFAULT
from tasks.suggest.space import Space
from tasks.suggest.taught import Taught, version_of_bytes
from tests.review.builders import item_id

EMBEDDER = "drawn"
LENGTH = 8


@dataclass(frozen=True, slots=True)
class World:
    """What was made.

    Attributes:
        queue: That asks.
        taught: The version of what the batch was looked at with.
        items: Ids, in their order.
        names: Of each the class that its vector belongs to.
        vectors: Shape (n, d).
    """

    queue: Queue
    taught: str
    items: Sequence[str]
    names: Sequence[str]
    vectors: NDArray[np.float16]


def live_queue(classes: Sequence[str]) -> Queue:
    return choose_class_queue(classes).model_copy(update={"live": True})


def make_world(
    engine: Engine,
    store: Store,
    count: int,
    classes: Sequence[str],
    *,
    batch_id: str = "b1",
    collection: str = "hues",
    blind: Collection[int] = (),
    first: int = 0,
    learner: str = DEFAULT,
    length: int = LENGTH,
    spread: float = 0.1,
    text: str | None = None,
) -> World:
    """Write items whose vectors lie around a point for each class, in turn, and a question about each."""
    draw = np.random.default_rng(7)
    centres = draw.standard_normal((len(classes), length))
    places = [number % len(classes) for number in range(first, first + count)]
    vectors = (centres[places] + spread * draw.standard_normal((count, length))).astype(np.float16)
    items = [item_id(number) for number in range(first, first + count)]
    names = [classes[place] for place in places]
    space = Space.of(EMBEDDER, vectors)
    data = Taught(learner, "", space, (), (), np.zeros((0, 0), np.float16)).to_bytes()
    version = version_of_bytes(data)
    store.put(f"{TAUGHT}{version}.npz", data)
    facts: dict[str, Any] = {"media_type": "image/jpeg", "size_bytes": 1, "width": 64, "height": 48, "plain": True}
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": collection, "detector": version}])
        rows = [{"id": one, "key": f"items/{one}", "name": f"{one[:6]}.jpg", "sequence": one, **facts} for one in items]
        upsert(session, Item, rows)
        at = {"batch_id": batch_id, "route": "ask"}
        upsert(session, BatchItem, [{**at, "item_id": one, "position": number} for number, one in enumerate(items)])
    keep_vectors(engine, EMBEDDER, dict(zip(items, vectors, strict=True)))
    queue = live_queue(classes)
    drafts = []
    for number, one in enumerate(items):
        payload = ClassPayload(options=list(classes), blind=number in blind, text=text)
        priority = int(hashlib.sha256(one.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
        drafts.append(Draft(batch_id, one, payload.model_dump(mode="json"), priority=priority))
    write_questions(engine, queue, drafts)
    return World(queue, version, items, names, vectors)


def questions_of(engine: Engine, batch_id: str = "b1") -> dict[str, Question]:
    """Return the questions of a batch by item, the most urgent first."""
    query = select(Question).where(Question.batch_id == batch_id).order_by(col(Question.priority).desc())
    with reading(engine) as session:
        return {row.item_id: row for row in session.exec(query).all()}
