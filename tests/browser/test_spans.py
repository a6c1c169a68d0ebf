"""Spans in a real browser: letters are shown as letters, and what is marked arrives to the character.

The text has all that shifts places or could be run: an emoji, letters from right to left, a line break, HTML.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, Item
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from tasks.intake.texts.text_items import clean_text, keep_text
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.texts.tag import TagPayload
from tasks.review.questions.kinds.texts.text_regions import ShownSpan
from tasks.review.questions.queue import mark_spans_queue
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import TEXT, LabelStream
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

QUEUE = mark_spans_queue(("PER", "ORG", "LOC"))
SAYS = (
    "🦜 Ada Lovelace met عمر in London <b>now</b>\n"
    "<img src=x onerror='document.title=\"run\"'><script>document.title='run'</script> &lt;\n"
    "  zwei  🎉🎉 Zoe\u0308 kam mit 👩‍👩‍👧 aus Köln."
)
SHOWN = ShownSpan(id="p1", class_name="PER", score=0.7, start=2, end=14)

PLACE_OF = """(word) => {
    const shown = document.querySelector('.shown-text');
    const walker = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const at = walker.currentNode.data.indexOf(word);
        if (at >= 0) {
            const range = document.createRange();
            range.setStart(walker.currentNode, at);
            range.setEnd(walker.currentNode, at + word.length);
            const box = range.getBoundingClientRect();
            return [box.x, box.y, box.width, box.height];
        }
    }
}"""


def mark(page: Page, word: str, key: str) -> None:
    """Press the key of a class, and drag over a word."""
    x, y, wide, high = page.evaluate(PLACE_OF, word)
    page.keyboard.press(key)
    page.mouse.move(x + 0.5, y + high / 2)
    page.mouse.down()
    page.mouse.move(x + wide / 2, y + high / 2, steps=4)
    page.mouse.move(x + wide - 0.5, y + high / 2, steps=4)
    page.mouse.up()
    page.wait_for_timeout(400)


@pytest.mark.timeout(600)
def test_letters_are_letters_and_what_is_marked_arrives_to_the_character(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    item = keep_text(store, clean_text(SAYS).text, "letter.txt", "s")
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b1", "collection": "spans in a browser"}])
        upsert(session, Item, [item.model_dump(exclude={"created_at"})])
    payload = TagPayload(text=SAYS, spans=[SHOWN], prefill=["p1"])
    write_questions(engine, QUEUE, [Draft("b1", item.id, payload.model_dump(mode="json"))])
    server = replace(label_studio, gateway_url="http://127.0.0.1:1")
    project = post_questions(engine, server, QUEUE, "b1").project_id
    assert project is not None
    asked: list[Any] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    log_in(page, label_studio.url, EMAIL, PASSWORD)
    stream = LabelStream(page, label_studio.url, project, TEXT)
    stream.picture(str(tmp_path / "spans.png"))
    for word, key in (("London", "3"), ("عمر", "1"), ("Köln", "3"), ("Zoe\u0308", "1"), ("👩‍👩‍👧", "2")):
        mark(page, word, key)
    stream.picture(str(tmp_path / "marked.png"))
    stream.submit(is_last=True)
    assert not asked and page.title() != "run" and not stream.refused

    read_all_changes(engine, server)
    with reading(engine) as session:
        (answer,) = session.exec(select(Answer)).all()
    said = {(SAYS[one["start"] : one["end"]], one["class_name"], one["untouched"]) for one in answer.raw}
    assert said == {
        ("Ada Lovelace", "PER", True),
        ("London", "LOC", False),
        ("عمر", "PER", False),
        ("Zoe\u0308", "PER", False),
        ("👩‍👩‍👧", "ORG", False),
        ("Köln", "LOC", False),
    }
