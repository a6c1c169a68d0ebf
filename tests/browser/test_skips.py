"""A skip with a reason, in a real browser: the list takes no key from the question, and what is chosen arrives."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, AnswerState, Batch, Item, Question
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from infra.demo.scenes.drawing import draw_scenes
from tasks.intake.folders import find_images, take_in
from tasks.review.drafts.box_checks import confirm_box_queue
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.page import PageCrop
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.queue import Queue, confirm_page_queue, mark_missed_queue, name_kind_queue
from tasks.review.questions.skip_reasons import REASONS, SKIPPED
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import WAIT_MS
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

SKIP, SUBMIT = "Skip", "Submit current annotation"
KEYS = "1234567890qwertyiopasdfg"
CROP, FRAME = (100, 100, 260, 220), (130, 130, 230, 190)
BOX = ShownBox(id="p0", class_name="car", score=0.9, sure=True, x_min=130, y_min=130, x_max=230, y_max=190)
CLASSES = ("car", "truck")

KINDS: Mapping[str, tuple[Queue, dict[str, Any]]] = {
    "boxes": (mark_missed_queue(CLASSES), {"boxes": [BOX], "prefill": [BOX.id]}),
    "kind": (name_kind_queue({"car": ("van", "taxi")}), {"crop": CROP, "class_name": "car", "kinds": ["van", "taxi"]}),
    "page": (
        confirm_page_queue(CLASSES),
        {
            "class_name": "car",
            "crops": [PageCrop(proposal_id=f"p{n}", item_id="", crop=CROP, box=FRAME) for n in range(24)],
        },
    ),
    "confirm": (confirm_box_queue(CLASSES), {"crop": CROP, "class_name": "car", "boxes": [BOX]}),
}
"""A queue of each kind, and what its question shows."""


def write(engine: Engine, folder: Path, store: FolderStore, kind: str) -> Queue:
    """Write two questions of a kind, about two drawn lots."""
    take_in(engine, store, "lots", find_images(draw_scenes(folder, 2, seed=5).images))
    queue, shown = KINDS[kind]
    with reading(engine) as session:
        items = session.exec(select(Item).order_by(col(Item.name))).all()
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": f"skips in a browser, {kind}"}])
    drafts = []
    for item in items:
        mine = {"width": item.width, "height": item.height, **shown} if "crops" not in shown else dict(shown)
        if "crops" in mine:
            mine["crops"] = [crop.model_copy(update={"item_id": item.id}) for crop in mine["crops"]]
        payload = read_payload({"type": queue.kind, **mine})
        drafts.append(Draft("b", item.id, payload.model_dump(mode="json")))
    write_questions(engine, queue, drafts)
    return queue


def press(page: Page, name: str) -> None:
    """Press a button, and wait until Label Studio has taken what it sends."""
    with page.expect_response(re.compile(r"/api/tasks/\d+/annotations"), timeout=WAIT_MS) as sent:
        page.get_by_role("button", name=name).click()
    assert sent.value.status == 201, sent.value.text()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_reason_arrives_with_the_skip_and_never_with_the_answer(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path, kind: str
) -> None:
    queue = write(engine, tmp_path / "scenes", store, kind)
    with open_gateway(engine, store, label_studio) as (address, _bell):
        project = post_questions(engine, replace(label_studio, gateway_url=address), queue, "b").project_id
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        page.goto(f"{label_studio.url}/projects/{project}/data")
        page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        page.get_by_text("If you skip: why?").wait_for(timeout=WAIT_MS)
        page.get_by_role("button", name="Close modal").click()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1000)
        page.screenshot(path=str(tmp_path / f"{kind}.png"))
        reasons = page.locator(".lsf-choices").last
        before = reasons.inner_text()
        for key in KEYS * 2:  # twice: what they mark on a page is unmarked again
            page.keyboard.press(key)
        assert reasons.inner_text() == before, "a key of the question has chosen a reason"
        for reason, button in ((REASONS[1], SKIP), (REASONS[0], SUBMIT)):
            reasons.click()
            page.get_by_text(reason, exact=True).last.click()
            page.wait_for_timeout(300)
            if button == SUBMIT and kind != "boxes":
                page.keyboard.press("1")
            page.screenshot(path=str(tmp_path / f"{kind} {button}.png"))
            press(page, button)
            page.wait_for_timeout(3000)
    read_all_changes(engine, label_studio)
    with reading(engine) as session:
        answers = {row.state: row for row in session.exec(select(Answer).join(Question))}
    assert set(answers) == {AnswerState.SKIPPED, AnswerState.COUNTED}
    assert answers[AnswerState.SKIPPED.value].reason == f"{SKIPPED}: {REASONS[1]}"
    assert answers[AnswerState.COUNTED.value].reason is None
