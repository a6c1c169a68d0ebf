"""One running stack for these tests: a labelling run has asked people about three drawn scenes, and sleeps."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.annotation_server import AnnotationServer
from blocks.database import open_engine, reading
from blocks.errors import StackError
from blocks.tables import Question
from infra.browser.screenshots import find_chromium, open_page
from infra.demo.run import STARTER
from infra.demo.runs import wait_for_run
from infra.demo.scenes import draw_scenes
from infra.demo.vehicles import CLASSES
from infra.stack.connection import connected
from infra.stack.label_studio import find_label_studio
from infra.stack.runs import start_run
from infra.stack.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import StackState
from infra.stack.stop import stop_stack

LIMIT_S = 300.0


@dataclass(frozen=True)
class AskedLine:
    """A stack in which a run sleeps until people have answered."""

    state: StackState
    run_id: UUID
    logs: Path

    @property
    def engine(self) -> Engine:
        """The stack's catalogue."""
        return open_engine(catalog_url(self.state.home))

    @property
    def server(self) -> AnnotationServer:
        """The stack's Label Studio, as its administrator."""
        state = self.state
        return AnnotationServer(
            state.urls.label_studio,
            state.label_studio_token,
            state.urls.gateway,
            link_secret=state.link_secret,
            doorbell_secret=state.doorbell_secret,
        )

    def questions(self) -> list[Question]:
        """The questions as they stand, the highest priority first."""
        with reading(self.engine) as session:
            return list(session.exec(select(Question).order_by(col(Question.priority).desc())))

    def wait_until_asleep(self) -> None:
        """Wait until the run sleeps."""
        deadline = time.monotonic() + LIMIT_S
        with connected(self.state) as client:
            while time.monotonic() < deadline:
                state = client.read_flow_run(self.run_id).state
                assert state is not None and not state.is_final(), state
                if state.is_paused():
                    return
                time.sleep(0.5)
        pytest.fail("the run did not fall asleep")


@pytest.fixture
def page() -> Iterator[Page]:
    """A page in a headless browser; skips without Chromium."""
    try:
        find_chromium()
    except StackError as error:
        pytest.skip(str(error))
    with open_page() as opened:
        yield opened


@pytest.fixture(scope="package")
def asked_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedLine]:
    """Start everything, take three scenes in, and let a line ask about them; skips without Chromium or Label Studio."""
    try:
        find_chromium()
        find_label_studio()
    except StackError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("asked-line")
    home = folder / "home"
    scenes = draw_scenes(folder / "scenes", 3, seed=5)
    line = {"collection": "lots", "classes": list(CLASSES), "detector": str(STARTER), "retrain_after": 100_000}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LABELLINE_HOME", str(home))
        try:
            state = start_stack(home)
            with connected(state) as client:
                taken = start_run(client, "intake/local", folder=str(scenes.images), collection="lots").id
                wait_for_run(client, taken, LIMIT_S)
                run_id = start_run(client, "label/local", line=line).id
            asked = AskedLine(state, run_id, home / "logs")
            asked.wait_until_asleep()
            yield asked
        finally:
            stop_stack(home)
