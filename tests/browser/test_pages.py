"""A page of crops as a person sees it: pictures load, a click or a key marks a wrong one, and all else is confirmed."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Outcome, Proposal, Question, Route, Verdict
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from infra.demo.scenes.drawing import draw_scenes
from tasks.intake.folders import find_images, take_in
from tasks.review.drafts.crop_pages import draft_confirm_pages
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.page_words import page_words
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.kinds.page import PageOptions
from tasks.review.questions.queue import confirm_page_queue
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import WAIT_MS
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

CROPS = 24
OFF_PX = 45


def propose(engine: Engine, folder: Path, store: FolderStore) -> list[str]:
    """Take a drawn lot in and propose its cars, the first two of them badly placed; return those two."""
    scenes = draw_scenes(folder, 1, seed=5)
    take_in(engine, store, "lots", find_images(scenes.images))
    with reading(engine) as session:
        item = session.exec(select(Item)).one()
    cars = [box for box in scenes.truth["lot-01-01.jpg"] if box.class_name == "car"][:CROPS]
    assert len(cars) == CROPS
    rows = []
    for rank, car in enumerate(cars):
        off = OFF_PX if rank < 2 else 0
        edges = {name: getattr(car, name) + off for name in ("x_min", "y_min", "x_max", "y_max")}
        shared = {"item_id": item.id, "detector": "d", "recipe": "r", "class_name": "car", "view": "tile"}
        rows.append({"id": f"p{rank:02d}", "score": 0.98, **shared, **edges})
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "page in a browser"}])
        upsert(session, BatchItem, [{"batch_id": "b", "item_id": item.id, "position": 0, "route": Route.SURE.value}])
        upsert(session, Proposal, rows)
        verdicts = [{"batch_id": "b", "proposal_id": row["id"], "outcome": Outcome.ACCEPT.value} for row in rows]
        upsert(session, Verdict, verdicts)
    return ["p00", "p01"]


@pytest.mark.timeout(600)
def test_a_person_removes_wrong_crops_by_mouse_and_key_and_confirms_the_rest(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    propose(engine, tmp_path / "scenes", store)
    queue = confirm_page_queue(("car", "truck"))
    write_once(engine, queue, "b", 0, draft_confirm_pages(engine, queue, "b", PageOptions(crops=CROPS)))
    with open_gateway(engine, store, label_studio) as (address, _bell):
        post_questions(engine, replace(label_studio, gateway_url=address), queue, "b")
        with reading(engine) as session:
            question = session.exec(select(Question)).one()
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        page.goto(f"{label_studio.url}/projects/{question.project_id}/data")
        page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        page.wait_for_selector(".page-of-crops img", timeout=WAIT_MS)
        page.get_by_role("button", name="Close modal").click()
        page.wait_for_load_state("networkidle")
        pictures = page.locator(".page-of-crops img")
        assert pictures.count() == CROPS
        assert all(pictures.nth(n).evaluate("image => image.complete && image.naturalWidth > 0") for n in range(CROPS))

        pictures.nth(0).click()
        page.keyboard.press("2")
        pictures.nth(5).click()
        page.keyboard.press("6")  # the same crop: a slip, taken back by its key
        page.keyboard.press("p")
        page.keyboard.press("p")
        page.screenshot(path=str(tmp_path / "page.png"))
        with page.expect_response(re.compile(r"/api/tasks/\d+/annotations"), timeout=WAIT_MS) as sent:
            page.keyboard.press("Control+Enter")
        assert sent.value.status == 201, sent.value.text()
    read_all_changes(engine, label_studio)
    words = {id_: said.word for id_, said in page_words(engine, "b").items()}
    assert {id_ for id_, word in words.items() if word == "removed"} == {"p00", "p01"}
    assert len(words) == CROPS
