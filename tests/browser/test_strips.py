"""A strip as a person sees it: all stills on one screen, a key for all of them, and each still's boxes its own."""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, BatchItem, Item, Outcome, Proposal, Question, Route, Verdict
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from infra.demo.scenes.drawing import draw_scenes
from tasks.intake.folders import find_images, take_in
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.kinds.boxes.extreme_points import Drawing
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.questions.queues.strips import on_strips
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import WAIT_MS
from tests.browser.test_drawing import DRAW, LAPTOP
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

WIDE, HIGH, PAN, LEFT, TOP = 640, 360, 40, 300, 330
STILLS = 4
ALL_THERE = """count => [...document.querySelectorAll(".konvajs-content")].filter(one => one.clientWidth > 100).length
  === count"""

WRONG, WITHOUT = 1, 2
"""A still with a box around nothing, and one of which a box is missing."""


def film(engine: Engine, folder: Path, store: FolderStore) -> list[Item]:
    """Take in a camera that pans over a drawn lot, and propose what is there, but for a slip on two of its frames."""
    scenes = draw_scenes(folder / "lot", 1, seed=5)
    lot = cv2.imread(str(scenes.images / "lot-01-01.jpg"))
    assert lot is not None
    frames = folder / "pan"
    frames.mkdir(parents=True)
    for at in range(STILLS):
        left = LEFT + PAN * at
        cv2.imwrite(str(frames / f"pan-{at:03d}.png"), lot[TOP : TOP + HIGH, left : left + WIDE])
    take_in(engine, store, "pan", find_images(frames))
    with reading(engine) as session:
        items = sorted(session.exec(select(Item)).all(), key=lambda item: item.name)
    proposals = []
    for at, item in enumerate(items):
        left = LEFT + PAN * at
        seen = [(box, box.x_min - left, box.y_min - TOP) for box in scenes.truth["lot-01-01.jpg"]]
        inside = [
            (box.class_name, x, y, x + box.x_max - box.x_min, y + box.y_max - box.y_min)
            for box, x, y in seen
            if x > 4 and y > 4 and x + box.x_max - box.x_min < WIDE - 4 and y + box.y_max - box.y_min < HIGH - 4
        ]
        shown = inside[1:] if at == WITHOUT else [*inside, ("car", 4, 4, 60, 40)] if at == WRONG else inside
        proposals += [
            {"id": f"{at}-{n}", "item_id": item.id, "class_name": name, "x_min": x, "y_min": y, "x_max": right}
            | {"y_max": low, "detector": "d", "recipe": "r", "view": "tile", "score": 0.9}
            for n, (name, x, y, right, low) in enumerate(shown)
        ]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "pan"}])
        places = [{"batch_id": "b", "item_id": item.id, "route": Route.ASK.value} for item in items]
        upsert(session, BatchItem, [place | {"position": n} for n, place in enumerate(places)])
        upsert(session, Proposal, proposals)
        verdict = {"batch_id": "b", "outcome": Outcome.ASK.value}
        upsert(session, Verdict, [verdict | {"proposal_id": one["id"]} for one in proposals])
    return items


@pytest.mark.timeout(600)
@pytest.mark.parametrize("drawing", ["corners", "extreme_points"])
def test_four_stills_are_mended_and_submitted_at_once_and_each_has_its_own_boxes(
    page: Page,
    engine: Engine,
    store: FolderStore,
    label_studio: AnnotationServer,
    tmp_path: Path,
    drawing: Drawing,
) -> None:
    items = film(engine, tmp_path, store)
    queue = mark_missed_queue(("car", "truck", "van", "bus")).with_pool(AnnotatorPool(drawing=drawing))
    queue = on_strips(queue.model_copy(update={"name": f"mark-{drawing[:5]}"}), STILLS)
    assert write_once(engine, queue, "b", 0, draft_missed(engine, queue, "b")) == STILLS
    page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]
    with open_gateway(engine, store, label_studio) as (address, _bell):
        post_questions(engine, replace(label_studio, gateway_url=address), queue, "b")
        with reading(engine) as session:
            asked = session.exec(select(Question)).all()
        (project_id,) = {one.project_id for one in asked}
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        page.goto(f"{label_studio.url}/projects/{project_id}/data")
        page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        page.get_by_role("button", name="Close modal").click(timeout=WAIT_MS)
        page.wait_for_function(ALL_THERE, arg=STILLS, timeout=WAIT_MS)
        page.wait_for_timeout(1500)  # the boxes fade in
        stills = [one.bounding_box() for one in page.locator(".konvajs-content").all()]
        assert len(stills) == STILLS
        boxes = [one for one in stills if one is not None]
        assert all(one["width"] > 400 and one["y"] + one["height"] < LAPTOP["height"] - 50 for one in boxes), boxes
        page.screenshot(path=str(tmp_path / f"strip-{drawing}.png"))

        scale = min(boxes[WRONG]["width"] / WIDE, boxes[WRONG]["height"] / HIGH)
        page.mouse.click(boxes[WRONG]["x"] + 32 * scale, boxes[WRONG]["y"] + 4 * scale)
        page.wait_for_timeout(300)
        page.keyboard.press("Backspace")
        page.wait_for_timeout(300)
        page.keyboard.press("2")
        for at in (WITHOUT, STILLS - 1):  # one choice of class serves all stills
            DRAW[drawing](page, boxes[at]["x"] + 20, boxes[at]["y"] + 12)
            page.wait_for_timeout(300)
        page.screenshot(path=str(tmp_path / f"strip-{drawing}-mended.png"))
        with page.expect_response(re.compile(r"/api/tasks/\d+/annotations"), timeout=WAIT_MS) as sent:
            page.keyboard.press("Control+Enter")
        assert sent.value.status == 201, sent.value.text()
    read_all_changes(engine, label_studio)
    told = [said_of(engine, item, f"{number}-") for number, item in enumerate(items)]
    before = [len(one.payload["boxes"]) for item in items for one in asked if one.item_id == item.id]
    assert told == [
        (before[0], 0, []),
        (before[1] - 1, 0, []),
        (before[2], 0, ["truck"]),
        (before[3], 0, ["truck"]),
    ]


def said_of(engine: Engine, item: Item, shown_as: str) -> tuple[int, int, list[str]]:
    """Count the boxes of an item that were left as shown and those that were changed, and name new ones' classes."""
    with reading(engine) as session:
        query = select(Answer).join(Question, Question.id == Answer.question_id)  # type: ignore[arg-type]
        (answer,) = session.exec(query.where(Question.item_id == item.id)).all()
    shown = [box["untouched"] for box in answer.raw if box["id"].startswith(shown_as)]
    new = [box["class_name"] for box in answer.raw if not box["id"].startswith(shown_as)]
    return sum(shown), len(shown) - sum(shown), new
