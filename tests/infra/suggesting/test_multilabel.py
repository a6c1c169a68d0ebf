"""Several classes an item at every opening: each is ticked that the answers before make likely."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Engine, delete, update

from blocks.database.engine import writing
from blocks.database.tables import Batch, Question
from blocks.database.vector_tables import ItemVector
from blocks.storage.stores import Store
from tasks.detect.refs import TAUGHT
from tasks.review.posting.outbox import Draft, write_questions
from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL, CLASSES, ClassesPayload, ticked_region
from tasks.review.questions.queues.classes import choose_classes_queue
from tasks.suggest.embedders.kept import keep_vectors
from tasks.suggest.space import Space
from tasks.suggest.taught import Taught, version_of_bytes
from tests.infra.suggesting.test_learning import Desk, until
from tests.infra.suggesting.world import EMBEDDER, World, make_world, questions_of

NAMES = ("red", "green", "blue")
COUNT = 64


class SeveralDesk(Desk):
    """People who tick."""

    def annotation(self, number: int, name: str, annotation_id: int | None = None) -> dict[str, Any]:
        """Return an annotation that ticks the classes whose names are joined by a plus."""
        names = [one for one in name.split("+") if one]
        said = super().annotation(number, name, annotation_id)
        return {**said, "result": [ticked_region(names, CLASSES)] if names else []}

    def ticked(self, number: int) -> list[str]:
        """Return what a question is opened with."""
        return [name for region in self.opened(number) for name in region["value"]["choices"]]


def several_world(engine: Engine, store: Store) -> World:
    """Items of two of three classes, of one, or of none: each vector is the sum of its classes' directions."""
    world = make_world(engine, store, COUNT, NAMES)
    draw = np.random.default_rng(3)
    sets = [tuple(name for place, name in enumerate(NAMES) if number >> place & 1) for number in range(COUNT)]
    centres = 3 * np.eye(len(NAMES), 8)
    vectors = np.array(
        [sum((centres[NAMES.index(one)] for one in names), np.zeros(8)) for names in sets]
        + 0.1 * draw.standard_normal((COUNT, 8)),
        np.float16,
    )
    space = Space.of(EMBEDDER, vectors)
    data = Taught("ridge-lda", "", space, (), (), np.zeros((0, 0), np.float16), several=True).to_bytes()
    version = version_of_bytes(data)
    store.put(f"{TAUGHT}{version}.npz", data)
    queue = choose_classes_queue(NAMES).model_copy(update={"live": True})
    _ask_anew(engine, world.items, version, vectors)
    return replace(world, queue=queue, taught=version, names=["+".join(names) for names in sets], vectors=vectors)


def _ask_anew(engine: Engine, items: Sequence[str], version: str, vectors: Any) -> None:
    with writing(engine) as session:
        session.connection().execute(delete(Question))
        session.connection().execute(delete(ItemVector))
        session.connection().execute(update(Batch).values(detector=version))
    keep_vectors(engine, EMBEDDER, dict(zip(items, vectors, strict=True)))
    payload = ClassesPayload(options=list(NAMES)).model_dump(mode="json")
    queue = choose_classes_queue(NAMES)
    write_questions(engine, queue, [Draft("b1", one, payload, priority=1 - n / 100) for n, one in enumerate(items)])


def test_the_next_question_ticks_each_class_that_the_answers_make_likely(engine: Engine, store: Store) -> None:
    desk = SeveralDesk(engine, store, several_world(engine, store))
    desk.begin()
    desk.answer(range(40))
    both, one = 40 + 3 - 40 % 8 + 8, 40 + 4 - 40 % 8 + 8  # red and green, and blue alone
    until(lambda: set(desk.ticked(both)) == {"red", "green"} and desk.ticked(one) == ["blue"])
    (region,) = desk.opened(both)
    payload = ClassesPayload(options=list(NAMES))
    said = CHOOSE_SEVERAL.parse(payload, [region], desk.world.queue).said
    assert all(each["untouched"] for each in said) and len(said) == 2
    assert len(questions_of(engine)) == COUNT
    desk.live.close()
