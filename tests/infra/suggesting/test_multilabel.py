"""Several classes an item at every opening: each is ticked that the answers before make likely."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine, delete, update
from sqlmodel import col

from blocks.database.engine import writing
from blocks.database.tables import Answer, Batch, BatchItem, Label, Question
from blocks.database.vector_tables import ItemVector
from blocks.shapes import SEVERAL
from blocks.storage.stores import Store
from tasks.detect.refs import TAUGHT
from tasks.review.posting.outbox import Draft, write_questions
from tasks.review.questions.kinds.choose import CANNOT_TELL
from tasks.review.questions.kinds.choose_several import CHOOSE_SEVERAL, CLASSES, ClassesPayload, ticked_region
from tasks.review.questions.kinds.protocol import LIVE
from tasks.review.questions.queues.classes import choose_classes_queue
from tasks.suggest.class_sets import joined
from tasks.suggest.embedders.kept import keep_vectors
from tasks.suggest.space import Space
from tasks.suggest.taught import Taught, version_of_bytes
from tasks.train.teaching import labels_that_teach
from tests.infra.suggesting.test_learning import Desk, until
from tests.infra.suggesting.world import EMBEDDER, World, make_world, questions_of
from tests.review.builders import NOON

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


def test_none_of_the_classes_teaches_on_once_it_is_settled(engine: Engine, store: Store) -> None:
    world = several_world(engine, store)
    desk = SeveralDesk(engine, store, world)
    desk.begin()
    nothing, several, unsure = 8, 3, 16
    desk.note(nothing, desk.annotation(nothing, ""))
    desk.note(several, desk.annotation(several, "red+green"))
    cannot_tell = {**desk.annotation(unsure, ""), "result": [ticked_region([CANNOT_TELL], CLASSES)]}
    desk.note(unsure, cannot_tell)
    heard = desk.settled()
    assert heard.startswith(f"{LIVE}2-")
    assert labels_that_teach(engine, "hues") == {}, "nothing is settled yet"

    _settle(engine, {world.items[nothing]: "", world.items[several]: "red+green", world.items[unsure]: ""})
    both = {world.items[nothing]: "", world.items[several]: joined(("red", "green"))}
    assert labels_that_teach(engine, "hues") == both
    assert labels_that_teach(engine, "roads") == {}
    assert desk.settled() == heard, "settling changes nothing of what is known"

    with writing(engine) as session:
        session.add(_whole(world.items[nothing], "blue", origin="machine"))
    assert labels_that_teach(engine, "hues").keys() == {world.items[several]}, "it has a class by now"
    desk.live.close()


def _settle(engine: Engine, classes: dict[str, str]) -> None:
    with writing(engine) as session:
        session.connection().execute(update(Answer).values(received_at=NOON))
        at = update(BatchItem).where(col(BatchItem.item_id).in_(list(classes)))
        session.connection().execute(at.values(settled_at=NOON + timedelta(hours=1)))
        for item_id, names in classes.items():
            session.add_all([_whole(item_id, name) for name in names.split("+") if name])


def _whole(item_id: str, name: str, origin: str = "person") -> Label:
    whole: dict[str, Any] = {
        "item_id": item_id,
        "region": f"whole:{name}",
        "shape": {"type": SEVERAL},
        "batch_id": "b1",
    }
    return Label(id=f"{item_id} {name}", class_name=name, origin=origin, **whole)
