"""A person is asked whether a mask is right that no line follows: its pixels are seen, and one key answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
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
from tasks.kinds.outlines.raster import Raster
from tasks.kinds.outlines.trace import mask_of
from tasks.review.drafts.box_checks import confirm_box_queue
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.outlines.outline import ShownOutline
from tasks.review.questions.kinds.outlines.verify_outline import VerifyOutlinePayload, as_line
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import WAIT_MS, canvas_of
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

CLASSES = ("car", "truck")
CROP = (40, 40, 240, 240)
PAINTED = """() => [...document.querySelectorAll('.konvajs-content canvas')].map(canvas => {
    const seen = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
    return seen.filter((value, at) => at % 4 == 3 && value > 0).length / (seen.length / 4)
})"""
"""Which share of each layer of the picture is not clear."""


@pytest.mark.timeout(600)
def test_the_pixels_are_seen_and_a_key_answers(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    take_in(engine, store, "lots", find_images(draw_scenes(tmp_path / "scenes", 1, seed=5).images))
    with reading(engine) as session:
        (item,) = session.exec(select(Item)).all()
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "judged pixels"}])
    queue = confirm_box_queue(CLASSES, shapes={"mask"})
    shape = mask_of(Raster(90, 90, np.random.default_rng(0).random((100, 100)) < 0.5))
    assert as_line(shape) is None
    one = ShownOutline(id="p", class_name="car", score=0, shape=shape)
    about = {"width": item.width, "height": item.height, "crop": CROP, "class_name": "car", "boxes": []}
    payload = VerifyOutlinePayload.model_validate({**about, "outlines": [one]})
    write_questions(engine, queue, [Draft("b", item.id, payload.model_dump(mode="json"), "p")])

    page.set_viewport_size({"width": 1440, "height": 900})
    with open_gateway(engine, store, label_studio) as (address, _bell):
        project = post_questions(engine, replace(label_studio, gateway_url=address), queue, "b").project_id
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        page.goto(f"{label_studio.url}/projects/{project}/data")
        page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        page.get_by_role("button", name="Close modal").click(timeout=WAIT_MS)
        page.wait_for_load_state("networkidle")
        canvas_of(page)
        page.wait_for_timeout(1500)
        page.screenshot(path=str(tmp_path / "judged.png"))
        background, *layers = page.evaluate(PAINTED)
        assert max(layers) == pytest.approx(background / 4 / 2, rel=0.8), "half of the pixels of a quarter of the crop"
        page.keyboard.press("1")
        with page.expect_response("**/annotations*", timeout=WAIT_MS) as sent:
            page.get_by_role("button", name="Submit current annotation").click()
        assert sent.value.status == 201, sent.value.text()
    read_all_changes(engine, label_studio)
    with reading(engine) as session:
        (answer,) = session.exec(select(Answer)).all()
    assert answer.raw == [{"said": "right"}]
