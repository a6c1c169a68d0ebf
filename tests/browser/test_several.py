"""Several classes in a real browser: what is ticked is seen, keys tick and untick, and none is an answer as well."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, Item
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from tasks.intake.texts.text_items import clean_text, keep_text
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.choose_several import ClassesPayload
from tasks.review.questions.kinds.classify import ShownClass
from tasks.review.questions.queues.classes import choose_classes_queue
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import TEXT, LabelStream
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

NAMES = ("delivery", "payment", "praise", "question")
QUEUE = choose_classes_queue(NAMES).showing("texts")
SAYS = (
    "Where is my parcel? I was charged twice for it. 📦",
    "שלום, תודה רבה! <b>The</b> parcel came a day early.",
    "See you on Sunday then.",
)
TICKED = (("delivery", "praise"), ("praise",), ("delivery",))
PRESSED = ("234", "1", "1")  # the key of a class that is ticked takes the tick away
MEANT = ({"delivery", "payment", "question"}, {"delivery", "praise"}, set[str]())


@pytest.mark.timeout(600)
def test_keys_tick_and_untick_and_no_tick_is_an_answer(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    items = [keep_text(store, clean_text(text).text, f"{at}.txt", "s") for at, text in enumerate(SAYS)]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b1", "collection": f"ticks {tmp_path.name}"}])
        upsert(session, Item, [item.model_dump(exclude={"created_at"}) for item in items])
    drafts = []
    for at, (item, text, names) in enumerate(zip(items, SAYS, TICKED, strict=True)):
        shown = [ShownClass(id=f"p{at}{name}", class_name=name, score=0.8) for name in names]
        payload = ClassesPayload(options=list(NAMES), text=text).showing(shown)
        drafts.append(Draft("b1", item.id, payload.model_dump(mode="json"), priority=1 - at / 10))
    write_questions(engine, QUEUE, drafts)
    project = post_questions(engine, replace(label_studio, gateway_url="http://127.0.0.1:1"), QUEUE, "b1").project_id
    assert project is not None
    log_in(page, label_studio.url, EMAIL, PASSWORD)
    stream = LabelStream(page, label_studio.url, project, TEXT)
    for at, (names, keys) in enumerate(zip(TICKED, PRESSED, strict=True)):
        boxes = page.get_by_role("checkbox")
        ticked = [boxes.nth(number).is_checked() for number in range(len(NAMES))]
        assert ticked == [name in names for name in NAMES], at
        stream.picture(str(tmp_path / f"opened-{at}.png"))
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(300)
        stream.picture(str(tmp_path / f"ticked-{at}.png"))
        stream.submit(is_last=at == len(SAYS) - 1)
    assert not stream.refused
    read_all_changes(engine, label_studio)
    with reading(engine) as session:
        answers = session.exec(select(Answer).order_by(col(Answer.answered_at))).all()
    assert [{one["class_name"] for one in answer.raw} for answer in answers] == list(MEANT)
    assert {one["class_name"] for one in answers[0].raw if one["untouched"]} == {"delivery"}
