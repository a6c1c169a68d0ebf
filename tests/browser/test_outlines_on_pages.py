"""A page of outlines as a person sees it: each crop has its object's own line over it, and no frame."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Outcome, Proposal, Question, Route, Verdict
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import shape_columns
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from infra.demo.outlines.dishes import draw_dishes
from tasks.intake.folders import find_images, take_in
from tasks.kinds.outlines.raster import Raster
from tasks.kinds.outlines.trace import mask_of, traced
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

CROPS = 12


def propose(engine: Engine, folder: Path, store: FolderStore) -> list[str]:
    """Take a drawn dish in and propose its cells, every other one as a mask, the first one's outline badly placed."""
    dishes = draw_dishes(folder, 1, seed=3)
    take_in(engine, store, "dishes", find_images(dishes.images))
    with reading(engine) as session:
        item = session.exec(select(Item)).one()
    ((_, drawn),) = dishes.truth.items()
    cells = [one.raster for one in drawn if one.class_name == "cell"][:CROPS]
    cells[0] = Raster(cells[0].left + 14, cells[0].top + 10, cells[0].pixels)
    rows = [
        {"id": f"p{at:02d}", "item_id": item.id, "detector": "d", "recipe": "r", "class_name": "cell", "view": "tile"}
        | {"score": 0.99, **shape_columns(mask_of(one) if at % 2 else traced(one))}
        for at, one in enumerate(cells)
    ]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "outlines on a page"}])
        upsert(session, BatchItem, [{"batch_id": "b", "item_id": item.id, "position": 0, "route": Route.SURE.value}])
        upsert(session, Proposal, rows)
        verdicts = [{"batch_id": "b", "proposal_id": row["id"], "outcome": Outcome.ACCEPT.value} for row in rows]
        upsert(session, Verdict, verdicts)
    return [str(row["id"]) for row in rows]


@pytest.mark.timeout(600)
def test_each_crop_has_the_line_of_its_outline_over_it_and_a_click_takes_a_wrong_one_out(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    shown = propose(engine, tmp_path / "dishes", store)
    queue = confirm_page_queue(("cell", "rod"), shown="outline")
    write_once(engine, queue, "b", 0, draft_confirm_pages(engine, queue, "b", PageOptions()))
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
        places = page.evaluate(
            """() => [...document.querySelectorAll(".page-of-crops .crop")].map(crop => {
                const [whole, line] = ["img", "path"].map(one => crop.querySelector(one).getBoundingClientRect());
                return [line.left - whole.left, line.top - whole.top, whole.right - line.right,
                        whole.bottom - line.bottom, line.width, line.height];
            })"""
        )
        assert len(places) == len(shown) and page.locator(".page-of-crops .crop i").count() == 0
        assert all(wide > 20 and high > 20 and min(beside) > 0 for *beside, wide, high in places), places
        page.locator(".page-of-crops img").nth(0).click()
        page.screenshot(path=str(tmp_path / "page.png"))
        with page.expect_response("**/api/tasks/*/annotations**", timeout=WAIT_MS):
            page.get_by_role("button", name="Submit current annotation").click()
        read_all_changes(engine, replace(label_studio, gateway_url=address))
    said = {id_: one.word for id_, one in page_words(engine, "b").items()}
    assert said == dict.fromkeys(shown, "confirmed") | {shown[0]: "removed"}
