"""Blind questions in a real browser: nothing is shown, not even a score; what is drawn arrives, and so does nothing.

Each task carries a prediction whose score is its place among the others, blind ones an empty one. A person must see
nothing of that, but for the order: the most urgent question comes first, although it was posted last.
"""

import re
from dataclasses import replace
from pathlib import Path

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
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.correct import CorrectPayload
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import LabelStream, canvas_of
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

QUEUE = mark_missed_queue(("car", "truck"))
SHOWN = ShownBox(id="p0", class_name="car", score=0.37, x_min=100, y_min=100, x_max=220, y_max=180)
POSTED_IN_TURN = ("early", "late")
CORNERS_SHARE = ((0.2, 0.3), (0.4, 0.6))
"""Where a box is drawn, as shares of the picture."""


def write(engine: Engine, folder: Path, store: FolderStore) -> list[Draft]:
    """Write three questions: a blind one, one with a box, a blind one. The first is the most urgent, and comes late."""
    take_in(engine, store, "lots", find_images(draw_scenes(folder, 3, seed=5).images))
    with reading(engine) as session:
        items = session.exec(select(Item).order_by(col(Item.name))).all()
    with writing(engine) as session:
        upsert(session, Batch, [{"id": id_, "collection": "blind in a browser"} for id_ in POSTED_IN_TURN])
    drafts = []
    for number, item in enumerate(items):
        boxes = [SHOWN] if number == 1 else []
        payload = CorrectPayload(width=item.width, height=item.height, blind=not boxes, boxes=boxes)
        batch_id = POSTED_IN_TURN[0 if number else 1]
        drafts.append(Draft(batch_id, item.id, payload.model_dump(mode="json"), priority=1 - number / 10))
    write_questions(engine, QUEUE, drafts)
    return drafts


def draw(page: Page, size_wh: tuple[int, int]) -> None:
    """Press the key of the first class, and drag a box."""
    canvas = canvas_of(page)
    scale = min(canvas["width"] / size_wh[0], canvas["height"] / size_wh[1])  # the whole picture, at the top left
    wide, high = size_wh[0] * scale, size_wh[1] * scale
    (left, top), (right, bottom) = CORNERS_SHARE
    page.keyboard.press("1")
    page.mouse.move(canvas["x"] + left * wide, canvas["y"] + top * high)
    page.mouse.down()
    page.mouse.move(canvas["x"] + right * wide, canvas["y"] + bottom * high, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)


def text_of(page: Page) -> str:
    return page.locator("body").inner_text()


@pytest.mark.timeout(600)
def test_a_blind_question_shows_nothing_and_takes_what_is_drawn_and_what_is_not(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    drafts = write(engine, tmp_path / "scenes", store)
    with open_gateway(engine, store, label_studio) as (address, _bell):
        server = replace(label_studio, gateway_url=address)
        (project,) = {post_questions(engine, server, QUEUE, id_).project_id for id_ in POSTED_IN_TURN}
        assert project is not None
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        stream = LabelStream(page, label_studio.url, project)
        page.screenshot(path=str(tmp_path / "blind.png"))
        blind = text_of(page)
        draw(page, (drafts[0].payload["width"], drafts[0].payload["height"]))
        page.screenshot(path=str(tmp_path / "drawn.png"))
        stream.submit()
        page.screenshot(path=str(tmp_path / "shown.png"))
        shown = text_of(page)
        stream.submit()
        stream.submit(is_last=True)  # nothing is there, says the person
    for text in (blind, shown):  # neither our name for the machine's boxes, nor any share
        assert not re.search(r"labelline|\d\s?%|e-\d", text), text
    read_all_changes(engine, label_studio)
    with reading(engine) as session:
        said = session.exec(select(Answer).order_by(col(Answer.annotation_id))).all()
        asked = session.exec(select(Question).order_by(col(Question.priority).desc())).all()
    assert stream.served[:3] == [question.task_id for question in asked]
    assert stream.served[0] == max(stream.served[:3]), "it was posted last"
    assert [row.state for row in said] == [AnswerState.COUNTED] * 3
    drawn, kept, nothing = (row.raw for row in said)
    (box,), payload = drawn, read_payload(drafts[0].payload)
    assert box["class_name"] == "car"
    assert box["x_min"] == pytest.approx(CORNERS_SHARE[0][0] * payload.width, abs=0.02 * payload.width)
    assert box["y_max"] == pytest.approx(CORNERS_SHARE[1][1] * payload.height, abs=0.02 * payload.height)
    assert [(one["id"], one["untouched"]) for one in kept] == [("p0", True)]
    assert nothing == []
