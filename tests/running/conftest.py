"""One running stack for all of these tests: a start costs a minute of a processor.

Whoever kills a server starts it again, and every test works on a collection of its own, so that their order is free.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import open_engine, reading
from blocks.database.tables import Batch, Question
from blocks.errors import StackError
from blocks.servers.annotation_server import AnnotationServer
from infra.browser.screenshots import find_chromium
from infra.demo.run import STARTER
from infra.demo.runs import wait_for_run
from infra.demo.scenes.drawing import draw_scenes
from infra.demo.scenes.vehicles import CLASSES
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.label_studio import find_label_studio
from infra.stack.servers.services import catalog_url
from infra.stack.start import start_stack
from infra.stack.state import StackState
from infra.stack.stop import stop_stack

LIMIT_S = 300.0
COLLECTION = "lots"


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
        mine = select(Question).join(Batch, col(Batch.id) == Question.batch_id).where(Batch.collection == COLLECTION)
        with reading(self.engine) as session:
            return list(session.exec(mine.order_by(col(Question.priority).desc())))

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


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackState]:
    """A running stack that deploys `prefect.yaml`; skips without Label Studio."""
    try:
        find_label_studio()
    except StackError as error:
        pytest.skip(str(error))
    home = tmp_path_factory.mktemp("running") / "home"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LABELLINE_HOME", str(home))
        patched.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # where a test deploys a flow of its own
        try:
            yield start_stack(home)
        finally:
            stop_stack(home)


@pytest.fixture
def chromium() -> Path:
    """A browser's program; skips where there is none."""
    try:
        return find_chromium()
    except StackError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="package")
def asked_line(stack: StackState, tmp_path_factory: pytest.TempPathFactory) -> AskedLine:
    """Take three scenes in, and let a line ask about them."""
    scenes = draw_scenes(tmp_path_factory.mktemp("asked-line") / "scenes", 3, seed=5)
    line = {"collection": COLLECTION, "classes": list(CLASSES), "detector": str(STARTER), "retrain_after": 100_000}
    line["parts"] = {"boxes": 60, "seconds": 80_000}  # two or three for each scene: somebody answers them one by one
    with connected(stack) as client:
        taken = start_run(client, deployed_as("intake"), folder=str(scenes.images), collection=COLLECTION).id
        wait_for_run(client, taken, LIMIT_S)
        run_id = start_run(client, deployed_as("label"), line=line).id
    asked = AskedLine(stack, run_id, stack.home / "logs")
    asked.wait_until_asleep()
    return asked
