"""Which tool is in a person's hand as an outline's question opens: that of four clicks where it is drawn by these."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, Item
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Polygon
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from tasks.intake.folders import find_images, take_in
from tasks.kinds.outlines.simplify import corners_of
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.outlines.mark import MARK_POLYGONS
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline
from tasks.review.questions.queue import Queue
from tasks.review.questions.queues.outlines import mark_outlines_queue
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import LabelStream
from tests.browser.test_four_clicks import LEAF, click_on, draw_picture
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

KEY = "selected-tool:image"
CORNERS = mark_outlines_queue(("leaf", "ring"))
CLICKS = CORNERS.with_pool(AnnotatorPool(drawing="extreme_points"))


def tool_of_clicks(page: Page) -> list[bool]:
    """Return, for the tool of four clicks, whether it is in hand; empty: there is none."""
    found: list[bool] = page.evaluate(
        "() => [...document.querySelectorAll('.lsf-tool_smart')].map(one => one.matches('.lsf-tool_active'))"
    )
    return found


@pytest.mark.timeout(900)
def test_the_tool_of_four_clicks_is_in_hand_where_they_draw_and_nobody_took_another(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    draw_picture(tmp_path / "pictures")
    take_in(engine, store, "leaves", find_images(tmp_path / "pictures"))
    with reading(engine) as session:
        (item,) = session.exec(select(Item)).all()
    payload = MARK_POLYGONS.payload(width=item.width, height=item.height).model_dump(mode="json")
    page.set_viewport_size({"width": 1440, "height": 900})
    with open_gateway(engine, store, label_studio) as (address, _bell):
        server = replace(label_studio, gateway_url=address)

        def post(name: str, queue: Queue) -> int:
            with writing(engine) as session:
                upsert(session, Batch, [{"id": name, "collection": f"in hand {name}"}])
            write_questions(engine, queue, [Draft(name, item.id, payload)])
            return post_questions(engine, server, queue, name).project_id or 0

        clicks = post("clicks", CLICKS)
        corners = post("corners", CORNERS.merged_with(CLICKS))
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        seen = {}
        for project, stored in (
            *((clicks, one) for one in (None, "RectangleTool", "PolygonTool")),
            *((corners, one) for one in (None, "KeyPointTool-dynamic")),
        ):
            write = f"localStorage.setItem('{KEY}', '{stored}')" if stored else f"localStorage.removeItem('{KEY}')"
            page.evaluate(write)
            stream = LabelStream(page, label_studio.url, project)
            seen["clicks" if project == clicks else "corners", stored] = tool_of_clicks(page)
        assert seen == {
            ("clicks", None): [True],
            ("clicks", "RectangleTool"): [True],  # of boxes: it says nothing of outlines
            ("clicks", "PolygonTool"): [False],  # what somebody took here stays
            ("corners", None): [],
            ("corners", "KeyPointTool-dynamic"): [],
        }
        page.keyboard.press("1")
        click_on(page, (*LEAF, LEAF[0]))
        stream.submit(is_last=True)
        read_all_changes(engine, server)
    with reading(engine) as session:
        (answer,) = session.exec(select(Answer)).all()
    (drawn,) = (AnsweredOutline.model_validate(one) for one in answer.raw)
    assert (drawn.class_name, drawn.clicks) == ("leaf", None), "corners are drawn, and no hidden points"
    assert isinstance(drawn.shape, Polygon) and corners_of(drawn.shape) == len(LEAF)
