"""A browser for these tests, which look at pages of the session's Label Studio."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from blocks.errors import StackError
from infra.browser.screenshots import find_chromium, open_page


@pytest.fixture
def page() -> Iterator[Page]:
    """A page in a headless browser; skips without Chromium."""
    try:
        find_chromium()
    except StackError as error:
        pytest.skip(str(error))
    with open_page() as opened:
        yield opened
