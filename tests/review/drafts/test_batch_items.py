"""The items of a batch come page by page, texts with what they say."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Route, Source
from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.intake.texts.media import medium_of, medium_of_collection
from tasks.intake.texts.text_items import keep_text
from tasks.review.drafts.items_and_kinds import draft_missed
from tasks.review.questions.queue import choose_class_queue
from tests.review.builders import make_batch

QUEUE = choose_class_queue(("good", "bad"))


def take_texts(engine: Engine, store: Store, texts: dict[str, str]) -> None:
    """Make batch `b1` of some texts, by name, all sent to people."""
    items = [keep_text(store, text, name, name) for name, text in texts.items()]
    with writing(engine) as session:
        upsert(session, Item, [item.model_dump() for item in items])
        upsert(
            session, Source, [{"collection": "notes", "uri": i.name, "item_id": i.id, "state": "taken"} for i in items]
        )
        upsert(session, Batch, [{"id": "b1", "collection": "notes"}])
        places = [
            {"batch_id": "b1", "item_id": item.id, "position": n, "route": Route.ASK.value}
            for n, item in enumerate(items)
        ]
        upsert(session, BatchItem, places)


def test_a_question_about_a_text_holds_what_it_says(engine: Engine, store: Store) -> None:
    texts = {"one": "fine", "two": "nicht gut\n<script>alert(1)</script>"}
    take_texts(engine, store, texts)
    (drafts,) = draft_missed(engine, QUEUE, "b1", store=store)
    assert {draft.payload["text"] for draft in drafts} == set(texts.values())


def test_without_a_store_texts_are_not_asked_about_and_pictures_are(engine: Engine, store: Store) -> None:
    take_texts(engine, store, {"one": "fine"})
    with pytest.raises(BadOption, match="1 items are texts"):
        list(draft_missed(engine, QUEUE, "b1"))
    make_batch(engine, 1, batch_id="b2", routes={0: Route.ASK})
    ((draft,),) = draft_missed(engine, QUEUE, "b2")
    assert draft.payload["text"] is None


def test_a_batch_and_a_collection_are_of_texts_or_of_pictures(engine: Engine, store: Store) -> None:
    assert (medium_of(engine, "b1"), medium_of_collection(engine, "notes")) == ("pictures", None)
    take_texts(engine, store, {"one": "fine"})
    assert (medium_of(engine, "b1"), medium_of_collection(engine, "notes")) == ("texts", "texts")
    make_batch(engine, 1, batch_id="b2", routes={0: Route.ASK})
    assert medium_of(engine, "b2") == "pictures"
