"""A film as a person sees it: it plays, its tracks lie on their objects, and a dragged box is a mended label."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Question, Route, utc_now
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from infra.demo.video.film import DrawnFilm, draw_film
from tasks.audit.watching.film_round import ask_to_watch, settle_watched
from tasks.audit.watching.options import WatchOptions
from tasks.detect.proposers.propagated import frames_of
from tasks.intake.folders import take_in
from tasks.intake.label_kinds import change_label_kind
from tasks.intake.video.options import VideoOptions
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.poll import read_all_changes
from tasks.settle.revisions import label_id
from tests.browser.person import WAIT_MS
from tests.browser.test_drawing import LAPTOP
from tests.chaos.post_office import open_gateway
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

FRAMES = 24
COLLECTION = "film in a browser"
PLAYS = """() => {
  const film = document.querySelector("video");
  const plays = film && film.readyState >= 2 && film.videoWidth > 0;
  return plays ? [film.videoWidth, film.videoHeight, film.duration] : null;
}"""


def labelled(engine: Engine, folder: Path, store: FolderStore) -> DrawnFilm:
    """Take a drawn film in, with its true boxes as labels that came from elsewhere, in two batches."""
    film = draw_film(folder / "films" / "traffic", FRAMES, seed=7)
    take_in(engine, store, COLLECTION, [film.path], videos=VideoOptions(frames="all"))
    items = frames_of(engine, COLLECTION, film.path.name)
    assert len(items) == FRAMES
    batches = [{"id": f"film-{n}", "collection": COLLECTION, "settled_at": utc_now()} for n in range(2)]
    places, labels = [], []
    for at, (item, seen) in enumerate(zip(items, film.truth, strict=True)):
        batch = {"batch_id": f"film-{at % 2}", "item_id": item.id}
        places.append({**batch, "position": at, "route": Route.IMPORT.value, "settled_at": utc_now()})
        labels += [_label(item, one.track, one.box) | batch for one in seen]
    with writing(engine) as session:
        upsert(session, Batch, batches)
        upsert(session, BatchItem, places)
        upsert(session, Label, labels)
    change_label_kind(engine, COLLECTION, "tracks")
    return film


def _label(item: Item, track: int, box: Any) -> dict[str, Any]:
    edges = {name: getattr(box, name) for name in ("x_min", "y_min", "x_max", "y_max")}
    region = f"vehicle-{track}"
    named = {"id": label_id(item.id, region, 0), "region": region, "track": str(track), "class_name": box.class_name}
    return {**named, **edges, "origin": "import"}


@pytest.mark.timeout(600)
def test_a_film_plays_and_a_dragged_box_becomes_a_revision(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    film = labelled(engine, tmp_path, store)
    watched = ask_to_watch(engine, store, WatchOptions(collection=COLLECTION), "run")
    page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]
    with open_gateway(engine, store, label_studio) as (address, _bell):
        server = replace(label_studio, gateway_url=address)
        for one in watched.asked:
            post_questions(engine, server, watched.queue, one.batch_id, watched.round)
        with reading(engine) as session:
            (project_id,) = {one.project_id for one in session.exec(select(Question))}
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        page.goto(f"{label_studio.url}/projects/{project_id}/data")
        page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        page.get_by_role("button", name="Close modal").click(timeout=WAIT_MS)
        page.wait_for_function(PLAYS, timeout=WAIT_MS)
        assert page.evaluate(PLAYS) == [960, 640, pytest.approx(FRAMES / 10, abs=0.01)]
        page.wait_for_timeout(2500)  # the boxes fade in
        page.screenshot(path=str(tmp_path / "watch.png"))
        canvas = page.locator(".konvajs-content").first.bounding_box()
        assert canvas is not None
        target = max(film.truth[0], key=lambda one: one.box.x_max - one.box.x_min)
        scale = min(canvas["width"] / 960, canvas["height"] / 640)
        left = canvas["x"] + (canvas["width"] - 960 * scale) / 2
        top = canvas["y"] + (canvas["height"] - 640 * scale) / 2
        x = left + (target.box.x_min + target.box.x_max) / 2 * scale
        y = top + (target.box.y_min + target.box.y_max) / 2 * scale
        page.mouse.click(x, y)
        page.wait_for_timeout(500)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 10, y + 10, steps=4)
        page.mouse.move(x + 40 * scale, y + 30 * scale, steps=4)
        page.mouse.up()
        page.wait_for_timeout(500)
        page.screenshot(path=str(tmp_path / "mended.png"))
        with page.expect_response(re.compile(r"/api/tasks/\d+/annotations"), timeout=WAIT_MS) as sent:
            page.keyboard.press("Control+Enter")
        assert sent.value.status == 201, sent.value.text()
    read_all_changes(engine, label_studio)
    report = settle_watched(engine, store, watched)
    assert report.answered == FRAMES
    with reading(engine) as session:
        rows = session.exec(select(Label).where(Label.revision > 0)).all()
        kept = session.exec(select(Label).where(Label.revision == 0, Label.track == str(target.track))).all()
    assert {(row.track, row.origin) for row in rows} == {(str(target.track), "person")}
    first = frames_of(engine, COLLECTION, film.path.name)[0].id
    (mended,) = [row for row in rows if row.item_id == first]
    assert mended.x_min - target.box.x_min == pytest.approx(40, abs=4)
    assert mended.y_min - target.box.y_min == pytest.approx(30, abs=4)
    assert len(kept) >= len(rows) == report.revisions
