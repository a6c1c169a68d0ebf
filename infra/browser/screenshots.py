"""Takes the pictures of docs/: what annotators, operators and owners see, in a headless browser, from a running stack.

Run `make demo KEEP=1` first, then `make screenshots`.
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import StackError
from infra.browser.gallery_pictures import take_gallery_pictures
from infra.stack.state import StackState, open_stack

if TYPE_CHECKING:
    from playwright.sync_api import Page

VIEW = {"width": 1440, "height": 900}
"""A laptop's screen."""

SHOWN_BOXES = 8
"""In the question that is photographed."""

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Headless, as root, and silent towards the outside."""


def find_chromium() -> Path:
    """Return Debian's Chromium.

    Raises:
        StackError: It is not installed.
    """
    found = shutil.which("chromium")
    if found is None:
        raise StackError("no `chromium` on the PATH: install the Debian package `chromium`")
    return Path(found)


@contextlib.contextmanager
def open_page(flags: Sequence[str] = (), *, login: str = "") -> Iterator["Page"]:
    """Open a page in a headless browser of its own.

    Args:
        flags: Further ones of Chromium's.
        login: `user:password` for doors that ask the browser itself; empty: it knows none.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=[*CHROMIUM_FLAGS, *flags])
        try:
            user, _, password = login.partition(":")
            known = {"http_credentials": {"username": user, "password": password}} if login else {}
            yield browser.new_page(viewport=VIEW, **known)  # type: ignore[arg-type]
        finally:
            browser.close()


def log_in(page: "Page", label_studio_url: str, email: str, password: str) -> None:
    """Log a person in to Label Studio, by its own form."""
    page.goto(f"{label_studio_url}/user/login/")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/user/login" not in url)


def log_in_to_prefect(page: "Page", prefect_ui: str, login: str) -> None:
    """Log a person in to Prefect, by its own form: one field for name and password."""
    page.goto(f"{prefect_ui}/login")
    page.fill("input[type=password]", login)
    page.press("input[type=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def show_question(page: "Page", label_studio_url: str, project_id: int, task_id: int) -> None:
    """Open one question as an annotator sees it, and wait until its picture is drawn."""
    page.goto(f"{label_studio_url}/projects/{project_id}/data?task={task_id}")
    page.wait_for_selector("canvas", timeout=60_000)
    page.wait_for_load_state("networkidle")


def take_pictures(state: StackState, folder: Path) -> list[Path]:
    """Photograph a question in Label Studio, the last labelling run in Prefect, and the gallery.

    Args:
        state: A running stack in which a labelling run has asked people.
        folder: Where `label-studio.jpg`, `prefect.jpg` and those of the gallery go.

    Raises:
        StackError: Nothing was asked yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    question, run_id = _last_asked(state)
    with open_page() as page:
        log_in(page, state.urls.label_studio, state.credentials.email, state.credentials.password.get_secret_value())
        show_question(page, state.urls.label_studio, *question)
        page.wait_for_timeout(1500)  # the boxes fade in
        page.screenshot(path=folder / "label-studio.jpg", type="jpeg", quality=82)
        log_in_to_prefect(page, state.urls.prefect_ui, state.credentials.prefect_login)
        page.goto(f"{state.urls.prefect_ui}/runs/flow-run/{run_id}")
        page.wait_for_load_state("networkidle")
        page.get_by_role("tab", name="Artifacts").or_(page.get_by_text("Artifacts", exact=True)).first.click()
        page.wait_for_timeout(2500)  # the chart of task runs draws itself
        page.screenshot(path=folder / "prefect.jpg", type="jpeg", quality=82)
    with open_page(login=state.credentials.prefect_login) as page:
        gallery = take_gallery_pictures(page, state, folder)
    return [folder / "label-studio.jpg", folder / "prefect.jpg", *gallery]


def _last_asked(state: StackState) -> tuple[tuple[int, int], str]:
    """Return project and task of a question about a whole item, and the run that asked."""
    from sqlmodel import col, select

    from blocks.database.engine import open_engine, reading
    from blocks.database.tables import Batch, Question
    from infra.stack.servers.services import catalog_url

    asked = (
        select(Question, Batch.flow_run_id)
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Question.queue == "mark-missed", col(Question.task_id).is_not(None))
        .order_by(col(Batch.created_at).desc())
    )
    with reading(open_engine(catalog_url(state.home))) as session:
        rows = session.exec(asked).all()
    # Of the newest batch one with some boxes, and not many: a reader sees at a glance what people do.
    newest = [row for row in rows if row[0].batch_id == rows[0][0].batch_id]
    found = min(newest, key=lambda row: abs(len(row[0].payload["boxes"]) - SHOWN_BOXES), default=None)
    if found is None:
        raise StackError(f"no question was asked in {state.home} yet: run `make demo KEEP=1` first")
    question, run_id = found
    return (question.project_id or 0, question.task_id or 0), run_id or ""


if __name__ == "__main__":
    for picture in take_pictures(open_stack(Path(sys.argv[1]).resolve()), Path(sys.argv[2])):
        print(picture)
