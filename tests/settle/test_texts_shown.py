"""An artifact shows texts as they are, and nothing in them is markup."""

from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Route
from blocks.storage.stores import Store
from tasks.detect.refs import Scope
from tasks.intake.texts.text_items import keep_text
from tasks.settle.pictures import pictures_markdown


def test_a_text_is_quoted_as_code_whatever_it_spells(engine: Engine, store: Store) -> None:
    item = keep_text(store, "# <b>big</b>\n```\n![x](http://elsewhere)", "letter", "letter")
    with writing(engine) as session:
        upsert(session, Item, [item.model_dump()])
        upsert(session, Batch, [{"id": "b1", "collection": "mail"}])
        place = {"batch_id": "b1", "item_id": item.id, "position": 0, "route": Route.ASK.value}
        upsert(session, BatchItem, [place])
    told = pictures_markdown(engine, store, Scope("b1", "d", "r"))
    assert "    # <b>big</b>\n    ```\n    ![x](http://elsewhere)\n\n**Labels**: none" in told
