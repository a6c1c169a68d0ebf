"""A suggested class in a real browser: the pre-filled choice is seen, and it is what the answers before have taught.

Pictures of three colours; the person names the first ones, and from then on finds the right one chosen.
"""

import time
from dataclasses import replace
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Answer, Item
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import propose
from tasks.intake.batches import items_of, note_detector, open_batch
from tasks.intake.folders import take_in
from tasks.review.posting.outbox import Draft, post_questions, write_questions
from tasks.review.questions.kinds.classify import ClassPayload
from tasks.review.questions.queue import Queue
from tasks.review.questions.task import MODEL_VERSION
from tasks.review.receiving.poll import read_all_changes
from tasks.train.teaching import find_taught
from tests.browser.person import LabelStream
from tests.chaos.post_office import open_gateway
from tests.infra.suggesting.world import live_queue, questions_of
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

COLOURS = {"red": (40, 40, 220), "green": (60, 200, 60), "blue": (220, 60, 40)}
PICTURES = 13
TAUGHT = 9
"""Answers after which every suggestion must be right."""


def draw(folder: Path) -> list[Path]:
    folder.mkdir()
    paths = []
    for number in range(PICTURES):
        name = list(COLOURS)[number % len(COLOURS)]
        noise = np.random.default_rng(number).integers(-30, 31, (240, 320, 3))
        paths.append(folder / f"{number:02d}-{name}.png")
        cv2.imwrite(str(paths[-1]), np.asarray(np.clip(np.array(COLOURS[name]) + noise, 0, 255), dtype=np.uint8))
    return paths


def write(engine: Engine, store: FolderStore, folder: Path, queue: Queue, collection: str = "seen") -> dict[str, str]:
    """Write a question about each picture, without a suggestion; return the colour of each item."""
    take_in(engine, store, collection, draw(folder))
    batch = open_batch(engine, "b1", collection, PICTURES)
    experiments = Experiments(f"sqlite:///{folder.parent / 'mlflow.sqlite'}", str(folder.parent / "artifacts"))
    ref = find_taught(engine, store, experiments, collection, "suggest", "classes", batch.id)
    assert ref is not None
    note_detector(engine, batch.id, ref.version)
    propose(engine, store, items_of(engine, batch.id), ref, queue.classes, TilingOptions(), "classes")
    with reading(engine) as session:
        names = {item.id: Path(item.name).stem.split("-")[1] for item in session.exec(select(Item)).all()}
    payload = ClassPayload(options=list(queue.classes)).model_dump(mode="json")
    drafts = [Draft("b1", item_id, payload, priority=number / 100) for number, item_id in enumerate(names)]
    write_questions(engine, queue, drafts)
    return names


def wait_until_ready(server: AnnotationServer, project: int) -> None:
    """Wait until the gateway has read the collection."""
    asked = {"project": f"{project}.1"}
    while True:
        said = httpx.post(f"{server.suggestions_url}/setup", json=asked, auth=server.suggestions_login)
        if said.json()["model_version"] != MODEL_VERSION:
            return
        time.sleep(0.2)


def chosen(page: Page) -> str | None:
    """Return the class that is chosen on the page."""
    marked = page.locator(".lsf-choices label", has=page.locator("input:checked"))
    return marked.first.inner_text().split("[")[0].strip() if marked.count() else None


@pytest.mark.timeout(600)
def test_the_chosen_class_is_seen_and_follows_the_answers(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    queue = live_queue(tuple(COLOURS))
    names = write(engine, store, tmp_path / "pictures", queue)
    with open_gateway(engine, store, label_studio) as (address, _bell):
        server = replace(label_studio, gateway_url=address)
        project = post_questions(engine, server, queue, "b1").project_id
        item_of = {row.task_id: row.item_id for row in questions_of(engine).values()}
        wait_until_ready(server, project or 0)
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        stream = LabelStream(page, label_studio.url, project or 0)
        seen = []
        for turn in range(PICTURES - 1):
            page.screenshot(path=str(tmp_path / f"{turn:02d}.jpg"), type="jpeg", quality=80)
            truth = names[item_of[stream.served[-1]]]
            seen.append((chosen(page), truth))
            if seen[-1][0] != truth:
                page.keyboard.press(str(1 + list(COLOURS).index(truth)))
                page.wait_for_timeout(200)
            stream.submit()
    assert seen[0][0] is None, "nobody has said anything yet"
    assert all(shown == truth for shown, truth in seen[TAUGHT:]), seen
    read_all_changes(engine, label_studio)
    with reading(engine) as session:
        said = [row.raw[0] for row in session.exec(select(Answer).order_by(Answer.annotation_id)).all()]
    assert [one["kind"] for one in said] == [truth for _, truth in seen]
    assert [one.get("as_suggested") for one in said] == [
        None if shown is None else shown == truth for shown, truth in seen
    ]
