"""Somebody draws box after box in a real browser, as quickly as they can: no class has to be chosen again."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, Item
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from infra.demo.scenes.drawing import draw_scenes
from tasks.intake.folders import find_images, take_in
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.boxes.extreme_points import Drawing
from tasks.review.questions.kinds.boxes.part import PicturePart
from tasks.review.questions.kinds.correct import CorrectPayload
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import WAIT_MS, canvas_of
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

LAPTOP = {"width": 1440, "height": 900}
PART = PicturePart(frame=(700, 400, 1100, 700), crop=(660, 360, 1140, 740), number=2, of=9)
CORNERS = ((60, 60), (200, 80), (340, 200))
SIDES = (70, 50)


DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Waits until the page has drawn what came before: on a busy machine a press and a release may else come as one."""


def drag(page: Page, x: float, y: float) -> None:
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + SIDES[0], y + SIDES[1], steps=5)
    page.mouse.up()
    page.wait_for_timeout(300)


def click_extreme_points(page: Page, x: float, y: float) -> None:
    """Click as a hand does, four times and nothing more: the button is down while the page draws what it shows."""
    (wide, high), middle = SIDES, (SIDES[0] / 2, SIDES[1] / 2)
    for across, down in ((middle[0], 0), (0, middle[1]), (middle[0], high), (wide, middle[1])):
        page.mouse.move(x + across, y + down, steps=4)
        page.evaluate(DRAWN)
        page.mouse.down()
        page.wait_for_timeout(60)
        page.evaluate(DRAWN)
        page.mouse.up()
        page.evaluate(DRAWN)


DRAW: dict[Drawing, Callable[[Page, float, float], None]] = {"corners": drag, "extreme_points": click_extreme_points}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("classes", "keys", "drawn", "part", "drawing"),
    [
        (("car",), "", "car", None, "corners"),
        (("car", "truck"), "2", "truck", PART, "corners"),
        (("car", "van"), "2", "van", None, "extreme_points"),
    ],
)
def test_three_boxes_are_drawn_with_one_choice_of_class_or_none(
    page: Page,
    engine: Engine,
    store: FolderStore,
    label_studio: AnnotationServer,
    tmp_path: Path,
    classes: tuple[str, ...],
    keys: str,
    drawn: str,
    part: PicturePart | None,
    drawing: Drawing,
) -> None:
    take_in(engine, store, "lots", find_images(draw_scenes(tmp_path / "scenes", 1, seed=5).images))
    with reading(engine) as session:
        (item,) = session.exec(select(Item)).all()
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": f"drawing {' '.join(classes)}"}])
    queue = mark_missed_queue(classes).with_pool(AnnotatorPool(drawing=drawing))
    payload = CorrectPayload(width=item.width, height=item.height, part=part)
    write_questions(engine, queue, [Draft("b", item.id, payload.model_dump(mode="json"))])

    page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]
    with open_gateway(engine, store, label_studio) as (address, _bell):
        project = post_questions(engine, replace(label_studio, gateway_url=address), queue, "b").project_id
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        page.goto(f"{label_studio.url}/projects/{project}/data")
        page.get_by_text(item.name).first.wait_for(timeout=WAIT_MS)
        assert page.get_by_text("question_id").count() == 0, "the list shows a number of ours"
        page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        page.get_by_role("button", name="Close modal").click(timeout=WAIT_MS)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1500)
        for text in ("If you skip: why?", "Skip", "Submit"):  # all in sight, and nobody scrolls
            place = page.get_by_text(text, exact=True).last.bounding_box()
            assert place is not None
            assert place["y"] + place["height"] <= LAPTOP["height"]
        if part is not None:
            page.get_by_text(f"Part {part.number} of {part.of}", exact=False).wait_for(timeout=WAIT_MS)
        page.keyboard.press(keys) if keys else None
        canvas = canvas_of(page)
        for x, y in CORNERS:
            DRAW[drawing](page, canvas["x"] + x, canvas["y"] + y)
        page.screenshot(path=str(tmp_path / "drawn.png"))
        with page.expect_response(re.compile(r"/api/tasks/\d+/annotations"), timeout=WAIT_MS) as sent:
            page.get_by_role("button", name="Submit current annotation").click()
        assert sent.value.status == 201, sent.value.text()
    read_all_changes(engine, label_studio)
    with reading(engine) as session:
        (answer,) = session.exec(select(Answer)).all()
    assert [box["class_name"] for box in answer.raw] == [drawn] * len(CORNERS)
    left, top = part.crop[:2] if part else (0, 0)
    found = [(box["x_min"], box["y_min"]) for box in answer.raw]
    scale = (found[-1][0] - found[0][0]) / (CORNERS[-1][0] - CORNERS[0][0])  # pixels of the item to one of the screen
    for (x, y), corner in zip(CORNERS, found, strict=True):
        assert corner == pytest.approx((left + x * scale, top + y * scale), abs=3 * scale)
