"""The service's own page in a real browser, on a machine that reaches nothing but the gateway."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page

from blocks.errors import StackError
from infra.browser.screenshots import find_chromium, open_page
from tests.infra.score.conftest import LOGIN, TOKEN, Connect, World

WITHOUT_INTERNET = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@pytest.fixture
def page() -> Iterator[Page]:
    """A page in a browser that knows the login and finds no other machine; skips without Chromium."""
    try:
        find_chromium()
    except StackError as error:
        pytest.skip(str(error))
    with open_page([WITHOUT_INTERNET], login=LOGIN) as opened:
        yield opened


def is_fault(message: ConsoleMessage) -> bool:
    """Say whether the browser complains of the page, and not of the icon that it asks every site for."""
    return message.type == "error" and not message.location["url"].endswith("/favicon.ico")


def test_the_page_shows_without_the_internet_and_leads_to_the_document(
    connect: Connect, world: World, page: Page
) -> None:
    url = str(connect(world).base_url).rstrip("/")
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    page.on(
        "console", lambda message: failed.append(f"{message.text} {message.location}") if is_fault(message) else None
    )

    page.goto(f"{url}/score")
    page.wait_for_load_state("networkidle")
    assert page.url == f"{url}/score/docs"
    assert page.get_by_role("heading", name="POST /score").is_visible()
    assert page.get_by_text(f"curl {url}/score").first.is_visible()
    assert TOKEN not in page.content()
    assert page.evaluate("[...document.styleSheets].map(sheet => sheet.cssRules.length > 0)") == [True]

    page.get_by_role("link", name="openapi.json").click()
    assert "/score" in json.loads(page.inner_text("body"))["paths"]
    assert failed == []
    assert len(asked) > 2 and all(one.startswith(f"{url}/") for one in asked)
