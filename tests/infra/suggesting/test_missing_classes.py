"""A missing class that the line's owner accepts: questions that stand open suggest it, and learn from who wrote it."""

from typing import Any

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import upsert, writing
from blocks.database.suggestion_tables import ClassDecision
from blocks.database.tables import Question, utc_now
from blocks.storage.stores import Store
from tasks.review.questions.bookmarks import queue_of_project, write_bookmarks
from tasks.review.questions.kinds.classes.missing import MISSING, missing_region
from tasks.review.questions.kinds.classes.said import chosen_region
from tests.infra.suggesting.test_learning import PROJECT, Desk, until
from tests.infra.suggesting.world import World, make_world

COUNT, SAID = 60, 45


class MissingDesk(Desk):
    """People who see red, green and blue, and are offered red and green."""

    def annotation(self, number: int, name: str, annotation_id: int | None = None) -> dict[str, Any]:
        """Return an annotation; of blue, one that writes it down as missing."""
        said = super().annotation(number, name, annotation_id)
        if name != "blue":
            return said
        return {**said, "result": [chosen_region(MISSING, "own"), missing_region("Blue", "written", "image")]}


def world_without_blue(engine: Engine, store: Store) -> World:
    world = make_world(engine, store, COUNT, ("red", "green", "blue"))
    queue = world.queue.model_copy(update={"classes": ("red", "green"), "missing_classes": True})
    return World(queue, world.taught, world.items, world.names, world.vectors)


def decide(engine: Engine, class_name: str | None) -> None:
    row = {"collection": "hues", "key": "blue", "written": "Blue", "class_name": class_name, "is_new": True}
    with writing(engine) as session:
        upsert(session, ClassDecision, [{**row, "decided_at": utc_now()}], update=["class_name"])


def offer(engine: Engine, desk: Desk) -> None:
    wider = desk.world.queue.model_copy(update={"classes": ("red", "green", "blue")})
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(PROJECT): wider.model_dump_json()})


def test_an_accepted_class_is_chosen_in_questions_that_stood_open_before(engine: Engine, store: Store) -> None:
    world = world_without_blue(engine, store)
    _without_blue(engine)
    desk = MissingDesk(engine, store, world)
    desk.begin()
    for number in range(SAID):
        annotation = desk.annotation(number, world.names[number])
        desk.ring(number, annotation)
        desk.note(number, annotation)
    desk.settled()
    blue, red = SAID + 2, SAID  # in turn: red, green, blue
    assert (world.names[blue], world.names[red]) == ("blue", "red")
    until(lambda: _chosen(desk, red) == ["red"])
    assert "blue" not in str(desk.opened(blue))

    decide(engine, "blue")
    desk.settled()
    assert "blue" not in str(desk.opened(blue)), "nobody can choose what the form does not offer"
    offer(engine, desk)
    until(lambda: _chosen(desk, blue) == ["blue"])
    decide(engine, None)
    desk.settled()
    until(lambda: "blue" not in str(desk.opened(blue)))
    desk.live.close()


def _chosen(desk: Desk, number: int) -> list[str]:
    return [name for region in desk.opened(number) for name in region["value"].get("choices", ())]


def _without_blue(engine: Engine) -> None:
    """Take blue out of what the posted questions offer."""
    with writing(engine) as session:
        for question in session.exec(select(Question)).all():
            question.payload = {**question.payload, "options": ["red", "green"]}
            session.add(question)
