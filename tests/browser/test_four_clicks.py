"""Four clicks in a real browser become an outline of few corners, or painted pixels; what they came of is kept."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, Item
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Polygon, PolygonPart, Shape
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from tasks.intake.folders import find_images, take_in
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import corners_of
from tasks.kinds.outlines.trace import mask_of
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS, MarkOutlines
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.queues.outlines import mark_outlines_queue, mark_pixels_queue
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.receiving.poll import read_all_changes
from tasks.suggest.outlining.grab import MOST_CORNERS
from tests.browser.person import LabelStream, canvas_of
from tests.browser.test_drawing import DRAWN
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

SIZE = (480, 300)
LEAF = ((300, 40), (330, 150), (250, 260), (170, 160))
"""Top, right, bottom and left of what is clicked, in pixels."""
RING = Polygon(
    points=((20, 20), (120, 20), (120, 120), (20, 120)),
    holes=(((50, 50), (90, 50), (90, 90), (50, 90)),),
    parts=(PolygonPart(points=((20, 140), (60, 140), (60, 180), (20, 180))),),
)
QUEUES = {MARK_POLYGONS: mark_outlines_queue(("leaf", "ring")), MARK_MASKS: mark_pixels_queue(("leaf", "ring"))}


def leaf() -> Raster:
    drawn = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.fillPoly(
        drawn,
        [np.array([(300, 40), (322, 90), (330, 150), (300, 215), (250, 260), (205, 220), (170, 160), (215, 85)])],
        1,
    )
    return Raster(0, 0, drawn.astype(np.bool_))


def draw_picture(folder: Path) -> None:
    """Draw a leaf, and the ring that the machine has found."""
    rng = np.random.default_rng(4)
    picture = np.full((SIZE[1], SIZE[0], 3), (205, 214, 220), np.float64)
    picture[leaf().pixels] = (60, 140, 70)
    ring = rasterised(RING)
    picture[ring.top : ring.bottom, ring.left : ring.right][ring.pixels] = (70, 90, 190)
    noisy = cv2.GaussianBlur(picture, (0, 0), 1) + rng.normal(0, 5, picture.shape)
    folder.mkdir()
    cv2.imwrite(str(folder / "leaf.png"), np.clip(noisy, 0, 255).astype(np.uint8))


def click_on(page: Page, points_xy: tuple[tuple[int, int], ...]) -> None:
    """Click on places of the picture as a hand does."""
    canvas = canvas_of(page)
    scale = min(canvas["width"] / SIZE[0], canvas["height"] / SIZE[1])
    for x, y in points_xy:
        page.mouse.move(canvas["x"] + x * scale, canvas["y"] + y * scale, steps=4)
        page.evaluate(DRAWN)
        page.mouse.down()
        page.wait_for_timeout(60)
        page.mouse.up()
        page.wait_for_timeout(400)  # between two clicks of a hand


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", QUEUES, ids=lambda kind: kind.name)
def test_four_clicks_become_an_outline_beside_what_was_shown(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path, kind: MarkOutlines
) -> None:
    draw_picture(tmp_path / "pictures")
    take_in(engine, store, "leaves", find_images(tmp_path / "pictures"))
    with reading(engine) as session:
        (item,) = session.exec(select(Item)).all()
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": f"four clicks {kind.name}"}])
    queue = QUEUES[kind].with_pool(AnnotatorPool(drawing="extreme_points"))
    shown: Shape = RING if kind is MARK_POLYGONS else mask_of(rasterised(RING))
    known = ShownOutline(id="ring", class_name="ring", score=0.9, shape=shown)
    payload = kind.payload(width=item.width, height=item.height).showing([known])
    write_questions(engine, queue, [Draft("b", item.id, payload.model_dump(mode="json"))])
    page.set_viewport_size({"width": 1440, "height": 900})
    with open_gateway(engine, store, label_studio) as (address, _bell):
        project = post_questions(engine, replace(label_studio, gateway_url=address), queue, "b").project_id
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        stream = LabelStream(page, label_studio.url, project or 0)
        page.keyboard.press("m")
        page.keyboard.press("1")
        click_on(page, LEAF[:3])
        page.screenshot(path=str(tmp_path / "three.png"))
        with page.expect_response("**/interactive-annotating*") as answered:
            click_on(page, LEAF[3:])
        assert answered.value.json()["data"]["result"], "the fourth click has its outline"
        page.wait_for_timeout(1000)
        page.screenshot(path=str(tmp_path / "four.png"))
        stream.submit(is_last=True)
        read_all_changes(engine, replace(label_studio, gateway_url=address))
    with reading(engine) as session:
        (answer,) = session.exec(select(Answer)).all()
    ring, found = (AnsweredOutline.model_validate(one) for one in answer.raw)
    assert (ring.id, ring.shape, ring.untouched, ring.clicks) == ("ring", shown, True, None)
    assert (found.class_name, found.untouched) == ("leaf", False)
    assert mask_iou(rasterised(found.shape), leaf()) > 0.9
    if isinstance(found.shape, Polygon):
        assert corners_of(found.shape) <= MOST_CORNERS
    assert found.clicks is not None and found.clicks.by == "grabcut"
    assert np.allclose(found.clicks.points, LEAF, atol=2)
