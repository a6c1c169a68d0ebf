"""1,203 classes in a real browser: the likely ones are on keys, the rest is searched, and one may be missing.

Pictures of three colours. The first ones are searched; from then on their classes are on the list, the likeliest is
chosen, and a key corrects it. All of it is read as one answer each.
"""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Answer
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.browser.screenshots import log_in
from tasks.audit.missing_classes import decide_class, missing_classes
from tasks.review.posting.offered import offer_class, offered_classes
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.poll import read_all_changes
from tests.browser.person import WAIT_MS, LabelStream
from tests.browser.test_suggestions import COLOURS, wait_until_ready, write
from tests.chaos.post_office import open_gateway
from tests.infra.suggesting.world import live_queue, questions_of
from tests.label_studio import EMAIL, PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

CLASSES = (*(f"shade {number}" for number in range(1_200)), *COLOURS)
QUEUE = live_queue(CLASSES).model_copy(update={"missing_classes": True})
SEARCHED = 4
TURNS = 9


def listed(page: Page) -> list[str]:
    """Return the classes that are on the keys, in their order."""
    return [one.strip() for one in page.locator(".names [data-testid=htx-textbox-content]").all_inner_texts()]


def chosen(page: Page) -> str | None:
    """Return the class whose key is pressed."""
    keys = page.locator(".keys input:checked")
    return listed(page)[int(keys.first.get_attribute("name") or 0) - 1] if keys.count() else None


def search(page: Page, name: str) -> None:
    """Type a class into the search, and take it."""
    page.locator(".taxonomy .ant-select-selector").click(timeout=WAIT_MS)
    page.wait_for_timeout(500)  # the field of the search gets the keyboard
    page.keyboard.type(name)
    page.locator(".ant-select-tree-title", has_text=name).first.click(timeout=WAIT_MS)
    page.keyboard.press("Escape")
    page.wait_for_timeout(200)


@pytest.mark.timeout(900)
def test_likely_classes_are_on_keys_the_rest_is_searched_and_a_missing_one_is_written_down(
    page: Page, engine: Engine, store: FolderStore, label_studio: AnnotationServer, tmp_path: Path
) -> None:
    names = write(engine, store, tmp_path / "pictures", QUEUE, "shades")
    with open_gateway(engine, store, label_studio) as (address, _bell):
        server = replace(label_studio, gateway_url=address)
        project = post_questions(engine, server, QUEUE, "b1").project_id or 0
        item_of = {row.task_id: row.item_id for row in questions_of(engine).values()}
        wait_until_ready(server, project)
        log_in(page, label_studio.url, EMAIL, PASSWORD)
        stream = LabelStream(page, label_studio.url, project)
        truths, seen = [], []
        for turn in range(TURNS):
            truth = names[item_of[stream.served[-1]]]
            truths.append(truth)
            on_keys = listed(page)
            seen.append((truth in on_keys, chosen(page) == truth))
            if turn < SEARCHED:
                search(page, truth)
                page.screenshot(path=str(tmp_path / f"searched-{turn}.png"))
                assert chosen(page) is None, "the search has taken the keys away"
            elif chosen(page) != truth:
                page.keyboard.press(str(1 + on_keys.index(truth)))
            page.screenshot(path=str(tmp_path / f"{turn}.jpg"), type="jpeg", quality=80)
            stream.submit()
        page.keyboard.press("m")
        page.locator(".missing input").fill("Mauve", timeout=WAIT_MS)
        page.screenshot(path=str(tmp_path / "missing.jpg"), type="jpeg", quality=80)
        stream.submit()
        assert len(listed(page)) == 9, "until somebody has answered, the first of the line are on the keys"
        read_all_changes(engine, server)
        with reading(engine) as session:
            said = [row.raw[0] for row in session.exec(select(Answer).order_by(Answer.annotation_id)).all()]
        (missing,) = missing_classes(engine, "shades")
        assert decide_class(engine, "shades", "mauve", "Mauve", is_new=True) == 0, "its batch has not settled yet"
        assert offer_class(engine, server, "shades", "Mauve") == 1
        assert offered_classes(engine, "shades") == (*CLASSES, "Mauve")
        project_now = httpx.get(
            f"{label_studio.url}/api/projects/{project}/", headers={"Authorization": f"Token {label_studio.api_token}"}
        ).json()
    assert 'value="Mauve"' in project_now["label_config"]
    assert [one["kind"] for one in said] == [*truths, None]
    assert (said[-1]["verdict"], missing.written, missing.items) == ("missing_class", "Mauve", 1)
    assert all(on_key for on_key, _ in seen[SEARCHED:]), seen
    assert any(is_chosen for _, is_chosen in seen[SEARCHED:]), seen
