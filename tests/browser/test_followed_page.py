"""A contact sheet of followed boxes as a person sees it: what is taken out sends its frame to people as a whole."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Proposal, Question
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from infra.demo.scenes.vehicles import CLASSES
from infra.demo.video import film as drawing
from infra.demo.video.film import SeenVehicle
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import propose
from tasks.detect.proposers.propagated import frames_of
from tasks.detect.refs import PROPAGATED, DetectorRef
from tasks.intake.batches import items_of
from tasks.intake.folders import take_in
from tasks.intake.video.options import VideoOptions
from tasks.review.drafts.crop_pages import draft_confirm_pages
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import LineQueue, draft_questions
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.kinds.page import PageOptions
from tasks.review.questions.queue import CONFIRM_PAGE, confirm_page_queue, mark_missed_queue
from tasks.review.receiving.poll import read_all_changes
from tasks.track.known import KnownBox, KnownFrames, version_of_known
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.browser.person import WAIT_MS
from tests.browser.test_drawing import LAPTOP
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

FRAMES, SEED = 25, 3
COLLECTION = "followed in a browser"
SURE = TriageOptions(
    accept=0.5, drop=0, place_outliers=False, count_outliers=False, image_outliers=False, outlier_z=100
).of_round(0.5, audited=False)


def known_of(items: list[Item], truth: tuple[tuple[SeenVehicle, ...], ...]) -> KnownFrames:
    """What people drew on the first and the last frame."""
    frames = {}
    for at in (0, FRAMES - 1):
        boxes = [(str(seen.track), seen.box) for seen in truth[at]]
        frames[items[at].id] = tuple(
            KnownBox(
                region=f"{at}-{track}",
                class_name=box.class_name,
                box_xyxy_px=(box.x_min, box.y_min, box.x_max, box.y_max),
                track=track,
            )
            for track, box in boxes
        )
    return KnownFrames(collection=COLLECTION, classes=CLASSES, frames=frames)


def follow(engine: Engine, store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """Follow what is on two key frames of a film of little traffic through the frames between, and triage those."""
    monkeypatch.setattr(drawing, "PARKED", 8)
    monkeypatch.setattr(drawing, "GAP_PX", (700.0, 900.0))
    film = drawing.draw_film(folder / "films" / "quiet", FRAMES, SEED)
    take_in(engine, store, COLLECTION, [film.path], videos=VideoOptions(frames="all"))
    items = frames_of(engine, COLLECTION, film.path.name)
    data = known_of(items, film.truth).to_bytes()
    version = version_of_known(data)
    ref = DetectorRef(version=version, weights_key=f"{PROPAGATED}{version}.json", name="propagate")
    store.put(ref.weights_key, data)
    between = items[1:-1]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": COLLECTION, "detector": version}])
        upsert(
            session, BatchItem, [{"batch_id": "b", "item_id": one.id, "position": n} for n, one in enumerate(between)]
        )
    tiling = TilingOptions()
    propose(engine, store, items_of(engine, "b"), ref, CLASSES, tiling, "tracks")
    decide(engine, "b", SURE, version, tiling.recipe(CLASSES), classes=CLASSES, store=store)
    return items


@pytest.mark.timeout(600)
def test_a_wrong_followed_box_is_clicked_and_its_frame_is_asked_as_a_whole(
    page: Page,
    engine: Engine,
    store: FolderStore,
    label_studio: AnnotationServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    follow(engine, store, tmp_path, monkeypatch)
    queue = confirm_page_queue(CLASSES)
    pages = draft_confirm_pages(engine, queue, "b", PageOptions(least_score=0.5, crops=24))
    assert write_once(engine, queue, "b", 0, pages) > 0
    page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]
    with open_gateway(engine, store, label_studio) as (address, _bell):
        post_questions(engine, replace(label_studio, gateway_url=address), queue, "b")
        with reading(engine) as session:
            asked = session.exec(select(Question).where(Question.queue == CONFIRM_PAGE)).all()
        shown = max(len(one.payload["crops"]) for one in asked)
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        page.goto(f"{label_studio.url}/projects/{asked[0].project_id}/data")
        page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        page.wait_for_selector(".page-of-crops img", timeout=WAIT_MS)
        page.get_by_role("button", name="Close modal").click()
        page.wait_for_load_state("networkidle")
        pictures = page.locator(".page-of-crops img")
        assert 1 < pictures.count() <= shown
        assert all(
            pictures.nth(n).evaluate("image => image.complete && image.naturalWidth > 0")
            for n in range(pictures.count())
        )
        pictures.nth(1).click()
        page.wait_for_timeout(300)
        page.screenshot(path=str(tmp_path / "followed.png"))
        with page.expect_response(re.compile(r"/api/tasks/\d+/annotations"), timeout=WAIT_MS) as sent:
            page.keyboard.press("Control+Enter")
        assert sent.value.status == 201, sent.value.text()
        (removed,) = sent.value.json()["result"][0]["value"]["choices"]
    read_all_changes(engine, label_studio)
    with reading(engine) as session:
        frame = session.get_one(Proposal, removed).item_id
    whole = LineQueue(queue=mark_missed_queue(CLASSES))
    assert frame in {draft.item_id for some in draft_questions(engine, "b", whole) for draft in some}
