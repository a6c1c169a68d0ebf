"""Texts: their class follows the answers as that of pictures does, and what was marked is marked already further on."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.suggestion_tables import QuietClass
from blocks.database.tables import Answer, Batch, BatchItem, Item
from blocks.storage.stores import Store
from infra.gateway.ml.live import LiveSuggestions
from tasks.review.posting.outbox import Draft, note_posted, write_questions
from tasks.review.questions.bookmarks import queue_of_project, write_bookmarks
from tasks.review.questions.kinds.protocol import LIVE
from tasks.review.questions.kinds.texts.tag import TAG, TagPayload
from tasks.review.questions.kinds.texts.text_regions import ShownSpan, to_text_regions
from tasks.review.questions.queue import mark_spans_queue
from tasks.review.questions.task import MODEL_VERSION
from tasks.suggest.shown import is_retried
from tests.infra.suggesting.test_learning import Desk, until, until_shown
from tests.infra.suggesting.world import make_world, questions_of
from tests.review.builders import NOON, item_id

PROJECT = 9
QUEUE = mark_spans_queue(("place", "person")).model_copy(update={"live": True, "shows": "texts"})
CITY = "🌍 שלום: New York is large."
SHOWN = [ShownSpan(id="p1", class_name="person", score=0.9, start=0, end=1)]


def test_the_class_of_a_text_follows_the_answers(engine: Engine, store: Store) -> None:
    desk = Desk(engine, store, make_world(engine, store, 60, ("red", "green", "blue"), text="a text 👍🏽"))
    desk.begin()
    desk.answer(range(30))
    until_shown(desk, 59, desk.world.names[59])
    assert {one["to_name"] for one in desk.opened(59)} == {"text"}
    desk.live.close()


class Reader:
    """Who marks the same city in one text after the other."""

    def __init__(self, engine: Engine, store: Store, texts: list[TagPayload], *, posted: bool = True) -> None:
        self.engine, self.payloads = engine, texts
        self.items = [item_id(number) for number in range(len(texts))]
        facts: dict[str, Any] = {"media_type": "text/plain", "size_bytes": 1, "length": 9, "plain": True}
        with writing(engine) as session:
            upsert(session, Batch, [{"id": "b1", "collection": "news", "detector": "0123456789ab"}])
            rows = [{"id": one, "key": f"items/{one}", "name": f"{one[:6]}.txt", "sequence": one} for one in self.items]
            upsert(session, Item, [row | facts for row in rows])
            at = {"batch_id": "b1", "route": "ask"}
            upsert(session, BatchItem, [{**at, "item_id": one, "position": n} for n, one in enumerate(self.items)])
        drafts = [
            Draft("b1", one, payload.model_dump(mode="json")) for one, payload in zip(self.items, texts, strict=True)
        ]
        write_questions(engine, QUEUE, drafts)
        questions = questions_of(engine)
        self.ids = [questions[one].id for one in self.items]
        if posted:
            note_posted(engine, PROJECT, {id_: number + 1 for number, id_ in enumerate(self.ids)})
            with writing(engine) as session:
                write_bookmarks(session, {queue_of_project(PROJECT): QUEUE.model_dump_json()})
        self.live = LiveSuggestions(engine, store)

    def begin(self) -> None:
        self.live.start()
        until(lambda: self.live.version_of(PROJECT) != MODEL_VERSION)

    def mark(self, number: int, words: str | None, name: str = "place") -> None:
        text = self.payloads[number].text
        at = text.index(words) if words else 0
        spans = [ShownSpan(id="own", class_name=name, score=1, start=at, end=at + len(words))] if words else []
        moment = (NOON + timedelta(seconds=time.monotonic())).isoformat()
        said = {"id": 100 + number, "updated_at": moment, "created_at": moment, "lead_time": 2.0, "completed_by": 1}
        said |= {"result": to_text_regions(spans, text), "task": number + 1, "project": PROJECT}
        self.live.overhear(json.dumps({"action": "ANNOTATION_CREATED", "annotation": said}).encode())

    def delete(self, number: int) -> None:
        body = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 100 + number}]}
        self.live.overhear(json.dumps(body).encode())

    def opened(self, number: int) -> list[tuple[str, str]]:
        """Return words and class of what is marked already."""
        (found,) = self.live.predict([self.ids[number]])
        return [(one["value"]["text"], one["value"]["labels"][0]) for one in (found[0]["result"] if found else [])]


Make = Callable[[list[TagPayload]], Reader]


@pytest.fixture
def make(engine: Engine, store: Store) -> Iterator[Make]:
    made: list[Reader] = []

    def reader(texts: list[TagPayload]) -> Reader:
        made.append(Reader(engine, store, texts))
        made[-1].begin()
        return made[-1]

    yield reader
    for one in made:
        one.live.close()


def texts(count: int, **last: Any) -> list[TagPayload]:
    some = [TagPayload(text=f"{number}: {CITY}") for number in range(count)]
    return [*some[:-1], some[-1].model_copy(update=last)]


def test_what_was_marked_is_marked_when_the_next_text_is_opened(make: Make) -> None:
    reader = make(texts(8))
    for number in range(4):
        assert reader.opened(7) == [], "too few said so yet"
        reader.mark(number, "New York")
    assert reader.opened(7) == [("New York", "place")]
    (found,) = reader.live.predict([reader.ids[7]])
    assert found[0]["model_version"] == reader.live.version_of(PROJECT)
    assert found[0]["result"][0]["id"].startswith(LIVE)
    said = TAG.parse(reader.payloads[7], found[0]["result"], QUEUE)
    assert [(one["class_name"], one["untouched"]) for one in said.said] == [("place", False)]


def test_an_answer_that_is_changed_or_deleted_leaves_no_trace(make: Make) -> None:
    reader = make(texts(8))
    for number in range(4):
        reader.mark(number, "New York")
    known = reader.live.version_of(PROJECT)
    reader.mark(4, None)
    reader.mark(5, None)
    assert reader.opened(7) == [], "mostly left out is not suggested"
    reader.delete(4)
    reader.delete(5)
    assert (reader.opened(7), reader.live.version_of(PROJECT)) == ([("New York", "place")], known)
    reader.mark(0, "large")
    assert reader.opened(7) == []


def test_what_was_posted_stays_and_what_shares_its_characters_is_left_out(make: Make) -> None:
    at = texts(1)[0].text.index("York")
    taken = [SHOWN[0].model_copy(update={"start": at, "end": at + 4})]
    reader = make([*texts(6), *texts(1, spans=SHOWN), *texts(1, spans=taken)])
    for number in range(5):
        reader.mark(number, "New York")
    assert reader.opened(6) == [("0", "person"), ("New York", "place")]
    assert reader.opened(7) == [("York", "person")]


def test_a_blind_text_and_a_quiet_class_show_nothing(engine: Engine, make: Make) -> None:
    with writing(engine) as session:
        session.add(QuietClass(collection="news", class_name="place", reason="no lift"))
    reader = make(texts(12, blind=True))
    for number in range(5):
        reader.mark(number, "New York")
    shown = {number: bool(reader.opened(number)) for number in range(6, 12)}
    assert shown == {number: is_retried(item_id(number)) and number != 11 for number in range(6, 12)}


def test_what_was_answered_before_the_gateway_began_is_known_also_of_settled_items(
    engine: Engine, store: Store
) -> None:
    reader = Reader(engine, store, texts(8))
    with writing(engine) as session:
        span = {"id": "own", "class_name": "place", "untouched": False}
        for number in range(4):
            at = reader.payloads[number].text.index("New York")
            facts = {"person": "a@example.org", "seconds": 2.0, "state": "counted", "heard_by": "poll"}
            raw = [span | {"start": at, "end": at + 8}]
            row = {"id": f"a{number}", "question_id": reader.ids[number], "annotation_id": number + 1, "raw": raw}
            upsert(session, Answer, [row | facts | {"answered_at": NOON, "received_at": NOON}])
            place = session.get_one(BatchItem, ("b1", reader.items[number]))
            place.settled_at = NOON + timedelta(hours=1)
            session.add(place)
    reader.begin()
    assert reader.opened(7) == [("New York", "place")]
    reader.live.close()


def test_a_long_text_is_opened_as_it_was_posted(make: Make) -> None:
    reader = make([*texts(5), TagPayload(text="x" * 1_000_000)])
    for number in range(5):
        reader.mark(number, "New York")
    reader.mark(5, None)
    assert reader.opened(5) == []
