"""Pages of whole pictures and of texts as cards, in a browser: all is seen, a click marks, and no text is ever run."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, Item, Question
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from infra.demo.scenes.portraits import draw_portraits
from tasks.intake.folders import find_images, take_in
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.page_words import page_words
from tasks.review.posting.outbox import Draft, post_questions
from tasks.review.questions.kinds.page import CARD_CHARACTERS, PageCrop, PagePayload
from tasks.review.questions.queue import confirm_page_queue
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import WAIT_MS
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

RUN = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'><b>bold</b> &amp; &lt;i&gt;"
TEXTS = (
    RUN,
    "שלום, החבילה לא הגיעה. מספר ההזמנה 12345 (דחוף!)",
    "مرحبا، لم تصل الطرود بعد. رقم الطلب ١٢٣",
    "👩‍👩‍👧‍👦 the parcel 📦 came 🎉🎉 thank you 🙏🏽",
    "overlapping" * 40,
    "two lines\nof one letter",
    "{{ $task }} ${window.ran = 1} <%= 1 %> ]]> \" ' `",
    "Where is my parcel? I ordered it two weeks ago. " * 8,
)


def ask_page(engine: Engine, crops: Sequence[PageCrop]) -> None:
    """Write one page into the outbox."""
    queue = confirm_page_queue(("parcel", "other"), shown="item")
    payload = PagePayload(class_name="parcel", crops=list(crops)).model_dump(mode="json")
    draft = Draft("b", crops[0].item_id, payload, f"page from {crops[0].proposal_id}", 0)
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": f"cards {crops[0].item_id[:8]}"}])
    write_once(engine, queue, "b", 0, iter([[draft]]))


def open_the_page(page: Page, server: AnnotationServer, engine: Engine) -> None:
    """Post what waits, and show it."""
    post_questions(engine, server, confirm_page_queue(("parcel", "other"), shown="item"), "b")
    with reading(engine) as session:
        question = session.exec(select(Question)).one()
    log_in(page, server.url, EMAIL, PASSWORD)
    page.goto(f"{server.url}/projects/{question.project_id}/data")
    page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
    page.wait_for_selector(".page-of-crops .lsf-choice", timeout=WAIT_MS)
    page.get_by_role("button", name="Close modal").click()
    page.wait_for_load_state("networkidle")


def submit(page: Page) -> None:
    """Send the answer."""
    with page.expect_response(re.compile(r"/api/tasks/\d+/annotations"), timeout=WAIT_MS) as sent:
        page.keyboard.press("Control+Enter")
    assert sent.value.status == 201, sent.value.text()


@pytest.mark.timeout(600)
def test_texts_on_cards_are_shown_as_they_are_and_never_run(
    page: Page, engine: Engine, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    ids = [hashlib.sha256(text.encode()).hexdigest() for text in TEXTS]
    facts = {"media_type": "text/plain", "size_bytes": 1, "width": None, "height": None, "plain": False}
    with writing(engine) as session:
        upsert(
            session,
            Item,
            [{"id": id_, "name": f"{at}", "key": id_, "sequence": id_, **facts} for at, id_ in enumerate(ids)],
        )
    ask_page(
        engine,
        [
            PageCrop(proposal_id=f"p{at}", item_id=id_, text=text[:CARD_CHARACTERS])
            for at, (id_, text) in enumerate(zip(ids, TEXTS, strict=True))
        ],
    )
    open_the_page(page, label_studio, engine)
    cards = page.locator(".page-of-crops .card")
    assert cards.all_text_contents() == [text[:CARD_CHARACTERS] for text in TEXTS]
    assert page.evaluate("window.ran") is None
    assert page.locator(".page-of-crops .card *").count() == 0, "what looks like markup is text"
    ways = [cards.nth(at).evaluate("card => getComputedStyle(card).direction") for at in range(4)]
    assert ways == ["ltr", "rtl", "rtl", "ltr"]
    places = [cards.nth(at).bounding_box() for at in range(len(TEXTS))]
    for at, one in enumerate(places):
        assert one
        assert cards.nth(at).evaluate("card => card.scrollWidth <= card.clientWidth"), "nothing runs out of its card"
        for other in places[:at]:
            assert other
            beside = one["x"] >= other["x"] + other["width"] or other["x"] >= one["x"] + one["width"]
            assert beside or one["y"] >= other["y"] + other["height"] or other["y"] >= one["y"] + one["height"]
    cards.nth(1).click()
    page.keyboard.press("3")
    page.screenshot(path=str(tmp_path / "cards.png"))
    submit(page)
    read_all_changes(engine, label_studio)
    words = {id_: said.word for id_, said in page_words(engine, "b").items()}
    assert {id_ for id_, word in words.items() if word == "removed"} == {"p1", "p2"} and len(words) == len(TEXTS)


@pytest.mark.timeout(600)
def test_whole_pictures_are_shown_whole_and_a_click_marks_one(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    draw_portraits(tmp_path / "pictures", range(24))
    take_in(engine, store, "vehicles", find_images(tmp_path / "pictures"))
    with reading(engine) as session:
        items = session.exec(select(Item).order_by(col(Item.name))).all()
    ask_page(
        engine,
        [
            PageCrop(proposal_id=f"p{at:02d}", item_id=item.id, crop=(0, 0, item.width, item.height))
            for at, item in enumerate(items)
        ],
    )
    with open_gateway(engine, store, label_studio) as (address, _bell):
        open_the_page(page, replace(label_studio, gateway_url=address), engine)
        pictures = page.locator(".page-of-crops img")
        assert pictures.count() == 24
        loaded = "image => image.complete && image.naturalWidth == image.naturalHeight && image.naturalWidth > 0"
        assert all(pictures.nth(at).evaluate(loaded) for at in range(24))
        assert page.locator(".page-of-crops .crop i").count() == 0, "nothing is framed: the whole picture is meant"
        pictures.nth(7).click()
        page.screenshot(path=str(tmp_path / "wholes.png"))
        submit(page)
    read_all_changes(engine, label_studio)
    words = {id_: said.word for id_, said in page_words(engine, "b").items()}
    assert {id_ for id_, word in words.items() if word == "removed"} == {"p07"} and len(words) == 24
