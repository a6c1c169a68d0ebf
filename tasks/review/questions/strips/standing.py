"""Which questions stand in one task of Label Studio: the stills of a strip do, every other question stands alone.

The first still of a strip names its task (`question_id` in the task's data), as a question alone does. A strip that was
posted may lose stills: what is answered stays with the task in which it was answered, and only the others are asked
again, as a shorter strip. So this says what goes into a task that is yet to be made. What stands in one that is made
is in its own data, and nowhere else: stills of the same strip may have been written since.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Item, Question
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue
from tasks.review.questions.task import AskedItem

CHUNK_SIZE = 1000
"""Questions looked up at once: a database takes only so many values."""

Together = Mapping[str, tuple[str, ...]]
"""By the question that names a task, all that stand in it, in order; itself among them."""


def posted_at_once(queue: Queue, batch_id: str, round_: int) -> tuple[Any, ...]:
    """Say, in SQL, which questions are posted with those of a batch's round.

    Where some of several batches stand in one task, these are those of the round in all batches of the collection.
    """
    way = kind_named(queue.kind).together
    batch = col(Question.batch_id) == batch_id
    if way is not None and way.spans_batches:
        collection = select(Batch.collection).where(Batch.id == batch_id).scalar_subquery()
        batch = col(Question.batch_id).in_(select(Batch.id).where(Batch.collection == collection))
    return Question.queue == queue.name, batch, Question.round == round_


def stand_together(session: Session, queue: Queue, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return which of some questions of a queue's round go into one task, in the order of the first of each.

    Args:
        session: Of the catalogue.
        queue: As they are asked.
        ids: All questions that are to be posted.
    """
    if queue.stills == 1:
        return {id_: (id_,) for id_ in ids}
    strips: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in _rows(session, ids):
        strip, number = _strip_of(row)
        strips[f"{row.round} {strip}" if strip else row.id].append((number, row.id))
    at = {id_: place for place, id_ in enumerate(ids)}
    stills = [tuple(id_ for _, id_ in sorted(some)) for some in strips.values()]
    return {some[0]: some for some in sorted(stills, key=lambda some: min(at[id_] for id_ in some))}


def asked_items(engine: Engine, together: Together) -> dict[str, tuple[AskedItem, ...]]:
    """Return what each task shows, by the question that names it; without tasks of which a question is not known."""
    ids = [id_ for some in together.values() for id_ in some]
    about = select(Question, Item.name).join(Item, col(Item.id) == col(Question.item_id))
    found: dict[str, AskedItem] = {}
    with reading(engine) as session:
        for start in range(0, len(ids), CHUNK_SIZE):
            for one, name in session.exec(about.where(col(Question.id).in_(ids[start : start + CHUNK_SIZE]))):
                found[one.id] = AskedItem(one.id, one.item_id, one.payload, one.priority, name)
    return {first: tuple(found[id_] for id_ in some) for first, some in together.items() if found.keys() >= set(some)}


def _rows(session: Session, ids: Sequence[str]) -> Iterable[Question]:
    for start in range(0, len(ids), CHUNK_SIZE):
        yield from session.exec(select(Question).where(col(Question.id).in_(ids[start : start + CHUNK_SIZE])))


def _strip_of(row: Question) -> tuple[str, int]:
    """Return the strip on which a question is asked ('': it stands alone), and its place in the sequence."""
    still = row.payload.get("still")
    if not isinstance(still, dict) or row.gold_id is not None:
        return "", 0
    return str(still["strip"]), int(still["number"])
