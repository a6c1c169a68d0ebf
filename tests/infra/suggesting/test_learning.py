"""What is known at each opening: just what people have said and not taken back, whoever heard it first."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.linalg import LinAlgError
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import upsert, writing
from blocks.database.suggestion_tables import QuietClass
from blocks.database.tables import Answer, Label, Question
from blocks.database.vector_tables import ItemVector
from blocks.errors import CatalogUnavailable
from blocks.storage.stores import Store
from infra.gateway.ml import collection as collection_room
from infra.gateway.ml.live import LiveSuggestions
from tasks.review.posting.outbox import note_posted
from tasks.review.questions.bookmarks import queue_of_project, write_bookmarks
from tasks.review.questions.kinds.classes.many import KEY, LIKELY, MANY, entries_of
from tasks.review.questions.kinds.classes.said import CLASS, chosen_region, read_class
from tasks.review.questions.kinds.protocol import LIVE
from tasks.review.questions.task import MODEL_VERSION
from tasks.review.receiving.annotations import HeardTask
from tasks.review.receiving.record import record_annotations, record_deletions
from tasks.suggest.shown import is_retried
from tests.infra.suggesting.world import World, make_world, questions_of
from tests.review.builders import NOON

CLASSES = ("red", "green", "blue")
PROJECT = 7


class Desk:
    """People who answer the questions of one world, and what the next question is opened with."""

    def __init__(self, engine: Engine, store: Store, world: World, batch_id: str = "b1") -> None:
        self.engine, self.world = engine, world
        self.questions = questions_of(engine, batch_id)
        self.tasks = {one: number + 1 for number, one in enumerate(world.items)}
        note_posted(engine, PROJECT, {self.questions[one].id: task for one, task in self.tasks.items()})
        with writing(engine) as session:
            write_bookmarks(session, {queue_of_project(PROJECT): world.queue.model_dump_json()})
        self.live = LiveSuggestions(engine, store)
        self._minutes = 0

    def begin(self) -> str:
        self.live.start()
        deadline = time.monotonic() + 60
        while (version := self.live.version_of(PROJECT)) == MODEL_VERSION:
            assert time.monotonic() < deadline, "it was never ready"
            time.sleep(0.02)
        return version

    def annotation(self, number: int, name: str, annotation_id: int | None = None) -> dict[str, Any]:
        self._minutes += 1
        at = (NOON + timedelta(minutes=self._minutes)).isoformat()
        result = [chosen_region(name, "own")]
        said = {"id": annotation_id or 100 + number, "updated_at": at, "created_at": at, "lead_time": 2.0}
        return {**said, "result": result, "completed_by": 1}

    def ring(self, number: int, annotation: dict[str, Any], action: str = "ANNOTATION_CREATED") -> None:
        named = {**annotation, "task": self.tasks[self.world.items[number]], "project": PROJECT}
        self.live.overhear(json.dumps({"action": action, "annotation": named}).encode())

    def note(self, number: int, annotation: dict[str, Any]) -> None:
        """Write it into the catalogue, as the back room does."""
        item = self.world.items[number]
        data = {"question_id": self.questions[item].id}
        task = {"id": self.tasks[item], "project_id": PROJECT, "data": data, "annotations": [annotation]}
        record_annotations(self.engine, [HeardTask.model_validate(task)], "doorbell")

    def answer(self, numbers: Sequence[int], name: str | None = None) -> None:
        for number in numbers:
            self.ring(number, self.annotation(number, name or self.world.names[number]))

    def version(self) -> str:
        return self.live.version_of(PROJECT)

    def opened(self, number: int) -> list[dict[str, Any]]:
        """Return the regions that a question is opened with."""
        (found,) = self.live.predict([self.questions[self.world.items[number]].id])
        return found[0]["result"] if found else []

    def shown(self, number: int) -> str | None:
        """Return the class that is chosen then, as an answer that leaves it would be read."""
        result = self.opened(number)
        is_chosen = any(one["from_name"] in (CLASS, KEY) for one in result)
        return read_class(result, self.world.queue.classes).kind if is_chosen else None

    def settled(self) -> str:
        """Return the version once the catalogue alone says what is known."""
        (collection,) = self.live._collections.values()
        collection.refresh()
        return collection.version


@pytest.fixture
def desk(engine: Engine, store: Store) -> Iterator[Desk]:
    made = Desk(engine, store, make_world(engine, store, 60, CLASSES, blind={58}))
    yield made
    made.live.close()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_shown(desk: Desk, number: int, name: str | None) -> None:
    """Wait until the trust is measured apart; what is known is known at once."""
    deadline = time.monotonic() + 30
    while desk.shown(number) != name:
        assert time.monotonic() < deadline, desk.shown(number)
        time.sleep(0.05)


def test_an_answer_is_known_before_it_stands_in_the_catalogue_and_blind_questions_show_nothing(desk: Desk) -> None:
    empty = desk.begin()
    assert empty == f"{LIVE}0-{0:016x}"
    assert desk.shown(59) is None, "nothing was said, so nothing is likely"
    desk.answer(range(30))
    assert desk.version().startswith(f"{LIVE}30-")
    until_shown(desk, 59, desk.world.names[59])
    assert desk.shown(58) is None, "blind"


def test_what_is_known_has_one_name_whoever_heard_it_and_in_whatever_order(desk: Desk) -> None:
    desk.begin()
    said = {number: desk.annotation(number, desk.world.names[number]) for number in range(12)}
    for number, annotation in said.items():
        desk.ring(number, annotation)
    heard = desk.version()
    for number in reversed(said):
        desk.note(number, said[number])
    assert desk.settled() == heard
    again = Desk.__new__(Desk)
    again.live = LiveSuggestions(desk.engine, desk.live._store)
    assert again.begin() == heard, "a gateway that was started again knows the same"
    again.live.close()


def test_a_changed_and_a_deleted_answer_leave_no_trace(desk: Desk) -> None:
    desk.begin()
    desk.answer(range(12))
    before = desk.version()
    wrong = desk.annotation(20, "red")
    desk.ring(20, wrong)
    assert desk.version() != before
    mended = desk.annotation(20, "blue")
    desk.ring(20, mended, "ANNOTATION_UPDATED")
    as_blue = desk.version()
    desk.ring(20, wrong, "ANNOTATION_UPDATED")
    assert desk.version() == as_blue, "the later version counts, whenever it is heard"
    desk.live.overhear(json.dumps({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 120}]}).encode())
    assert desk.version() == before


def test_what_the_catalogue_knows_is_changed_and_deleted_as_well(desk: Desk) -> None:
    desk.begin()
    for number in range(12):
        desk.note(number, desk.annotation(number, desk.world.names[number]))
    before = desk.settled()
    desk.note(3, desk.annotation(3, "blue"))
    assert desk.settled() != before
    record_deletions(desk.engine, [103])
    less = desk.settled()
    assert less.startswith(f"{LIVE}11-")
    desk.live.overhear(json.dumps({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 104}]}).encode())
    assert desk.version().startswith(f"{LIVE}10-"), "heard before it is written down"


def test_what_nobody_wrote_down_is_forgotten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = desk.begin()
    desk.answer(range(5))
    assert desk.version() != empty
    monkeypatch.setattr(collection_room, "BELIEVED_S", -1.0)
    assert desk.settled() == empty, "forged, or taken back while nobody listened"


def test_what_rings_and_is_no_answer_of_ours_teaches_nothing(desk: Desk) -> None:
    empty = desk.begin()
    strange = desk.annotation(0, "purple")
    desk.ring(0, strange)
    desk.ring(0, desk.annotation(0, "red") | {"was_cancelled": True})
    desk.ring(0, desk.annotation(0, "red") | {"lead_time": 0, "parent_prediction": 4})
    desk.ring(0, desk.annotation(0, "cannot tell"))
    for body in (b"", b"\x00", b"[]", b'{"action": "ANNOTATION_CREATED"}', b'{"action": "ANNOTATIONS_DELETED"}'):
        desk.live.overhear(body)
    foreign = {**desk.annotation(0, "red"), "task": 99_999, "project": 4_242}
    desk.live.overhear(json.dumps({"action": "ANNOTATION_CREATED", "annotation": foreign}).encode())
    assert desk.version() == empty


def test_a_vector_that_is_none_and_one_of_another_model_teach_nothing_and_get_nothing(desk: Desk) -> None:
    bad, other = desk.world.items[3], desk.world.items[4]
    with writing(desk.engine) as session:
        for row in session.exec(select(ItemVector)).all():
            if row.item_id == bad:
                row.vector = np.full(8, np.nan, np.float16).tobytes()
            elif row.item_id == other:
                row.vector = np.ones(5, np.float16).tobytes()
    desk.begin()
    desk.answer([3, 4, *range(6, 30)])
    until_shown(desk, 59, desk.world.names[59])
    assert desk.shown(3) is None
    assert desk.shown(4) is None
    assert desk.live.predict(["unknown", ""]) == [[], []]


def test_a_quiet_class_is_suggested_to_a_small_share_alone(desk: Desk) -> None:
    quiet = desk.world.names[59]
    with writing(desk.engine) as session:
        session.add(QuietClass(collection="hues", class_name=quiet, reason="no lift"))
    desk.begin()
    desk.answer(range(30))
    until_shown(desk, 57, desk.world.names[57])
    late = [number for number in range(30, 60) if desk.world.names[number] == quiet and number != 58]
    assert {number: desk.shown(number) for number in late} == {
        number: quiet if is_retried(desk.world.items[number]) else None for number in late
    }


def test_a_catalogue_that_is_away_is_waited_for_and_a_defect_ends_the_learning_and_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[object] = []
    monkeypatch.setattr(threading, "excepthook", ended.append)
    desk.begin()
    (collection,) = desk.live._collections.values()
    tries = iter([CatalogUnavailable("away"), LinAlgError("no inverse"), ZeroDivisionError("a defect")])

    def fail() -> None:
        raise next(tries)

    monkeypatch.setattr(collection, "keep_up", fail)
    for told in ("stand still: away", "cannot be measured: no inverse"):
        assert desk.live.is_well
        desk.live._work_to_do.set()
        until(lambda told=told: told in caplog.text)
    desk.live._work_to_do.set()
    desk.live._worker.join(30)
    assert not desk.live.is_well
    assert len(ended) == 1
    assert desk.version() != MODEL_VERSION, "what is known is told all the same"


def test_one_class_alone_suggests_nothing(desk: Desk) -> None:
    desk.begin()
    desk.answer(range(0, 30, 3))
    assert desk.version().startswith(f"{LIVE}10-")
    assert desk.shown(59) is None


@pytest.mark.parametrize(
    ("classes", "count"),
    [(("Red", "red", "RED"), 60), (tuple(f"class {number}" for number in range(1_203)), 2_406)],
    ids=["differ by case", "1,203 classes"],
)
def test_classes_that_differ_by_case_and_very_many_are_kept_apart(
    engine: Engine, store: Store, classes: tuple[str, ...], count: int
) -> None:
    desk = Desk(engine, store, make_world(engine, store, count, classes, length=32, spread=0.05))
    known = range(count - 30)
    rows = [
        {
            "id": f"a{number}", "question_id": desk.questions[desk.world.items[number]].id, "annotation_id": number + 1,
            "person": "ann@example.org", "seconds": 2.0, "state": "counted", "answered_at": NOON, "heard_by": "poll",
            "raw": [{"kind": desk.world.names[number], "verdict": "kind"}],
        }
        for number in known
    ]  # fmt: skip
    with writing(engine) as session:
        upsert(session, Answer, rows)
    desk.begin()
    late = range(count - 30, count)
    found = [desk.shown(number) == desk.world.names[number] for number in late]
    listed = [entries_of(desk.opened(number), LIKELY) for number in late]
    desk.live.close()
    assert sum(found) >= 28
    if len(classes) > MANY:  # on a key, whether or not it is chosen
        names = [
            desk.world.names[number] in some[0]["value"]["text"] for number, some in zip(late, listed, strict=True)
        ]
        assert sum(names) >= 29


def test_a_label_that_was_settled_teaches_and_one_that_was_taken_back_does_not(desk: Desk) -> None:
    item = desk.world.items[0]
    whole = {"item_id": item, "region": "whole", "shape": {"type": "whole"}, "batch_id": "b1"}
    with writing(desk.engine) as session:
        session.add(Label(id="l0", class_name="red", origin="import", **whole))
    assert desk.begin().startswith(f"{LIVE}1-")
    with writing(desk.engine) as session:
        session.add(Label(id="l1", class_name="red", origin="import", revision=1, retracted=True, **whole))
    assert desk.settled().startswith(f"{LIVE}0-")


def test_whoever_is_at_the_learner_holds_up_no_question(desk: Desk) -> None:
    desk.begin()
    desk.answer(range(30))
    until_shown(desk, 59, desk.world.names[59])
    (collection,) = desk.live._collections.values()
    with collection._lock:  # given back only after the question: one that waited for it would wait for ever
        assert desk.shown(59) is None, "as it was posted"
    assert desk.shown(59) == desk.world.names[59]


def test_many_answer_at_once(desk: Desk) -> None:
    desk.begin()
    threads = [threading.Thread(target=lambda n=number: (desk.answer([n]), desk.version())) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.version().startswith(f"{LIVE}40-")


def test_collections_know_nothing_of_each_other(engine: Engine, store: Store, desk: Desk) -> None:
    make_world(engine, store, 6, CLASSES, batch_id="b2", collection="other", first=100)
    desk.begin()
    desk.answer(range(30))
    until_shown(desk, 59, desk.world.names[59])
    foreign = next(iter(questions_of(engine, "b2").values()))
    with writing(engine) as session:
        row = session.get(Question, foreign.id)
        assert row is not None
        row.project_id = 8
    assert desk.live.predict([foreign.id]) == [[]]
