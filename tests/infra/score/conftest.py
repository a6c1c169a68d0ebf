"""A collection with a real champion: a small classifier of colours, registered in an MLflow without a server."""

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from blocks.database.engine import open_engine, upsert, writing
from blocks.database.tables import Batch
from blocks.servers.experiments import Experiments
from blocks.servers.web_files import WebDoor
from blocks.storage.stores import FolderStore, Store
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.bell import Hearing
from infra.gateway.gallery.app import Gallery, gallery_app
from infra.gateway.patience import configure
from infra.gateway.pictures import ItemPictures
from infra.gateway.score.app import Scoring, score_app
from infra.gateway.score.limits import ScoreLimits
from infra.gateway.score.room import AskedOf, Scored, ask_champion
from infra.stack.doors.guard import OriginDoor, PasswordDoor, guard
from tasks.detect.scoring.protocol import OpenScorer
from tasks.detect.scoring.registry import scorer_of
from tasks.intake.label_kinds import note_label_kind
from tasks.train.champions import OpenChampions
from tasks.train.registry import resolve_detector
from tests.detect.proposers.conftest import save_colour_classifier

TOKEN = "token-of-the-tests"
LOGIN = "owner:password"


def picture(colour: str, side_px: int = 64) -> bytes:
    """The bytes of a picture of one colour."""
    bgr = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}[colour]
    return cv2.imencode(".png", np.full((side_px, side_px, 3), bgr, np.uint8))[1].tobytes()


class World:
    """What champions are found in.

    Attributes:
        engine: The catalogue.
        store: Where weights are.
        experiments: Who is champion.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog_url = f"sqlite:///{folder}/catalog.sqlite"
        self.engine = open_engine(self.catalog_url)
        self.store: Store = FolderStore(folder / "objects")
        self.experiments = Experiments(f"sqlite:///{folder}/mlflow.sqlite", str(folder / "mlartifacts"))

    def begin(self, collection: str, kind: str = "classes") -> None:
        """Make a collection that has no champion."""
        with writing(self.engine) as session:
            upsert(session, Batch, [{"id": f"batch of {collection}", "collection": collection}])
        note_label_kind(self.engine, collection, kind)

    def crown(self, collection: str, weights: Path, kind: str = "classes") -> str:
        """Make a collection with a champion; return its version."""
        self.begin(collection, kind)
        return resolve_detector(self.experiments, self.store, collection, str(weights), kind).version

    def champions(self, most_pixels: int = 50_000_000) -> OpenChampions[OpenScorer]:
        """Open champions as the score room does."""
        return OpenChampions(
            self.engine,
            self.store,
            self.experiments,
            lambda kind, store, registered: scorer_of(kind, registered.ref.weights_key).open(
                store, registered.ref, most_pixels
            ),
            fresh_s=0.0,
            old_s=0.0,
        )


@pytest.fixture(scope="session")
def empty_world(tmp_path_factory: pytest.TempPathFactory, empty_catalog: Path, empty_mlflow: Path) -> Path:
    """An empty catalogue and MLflow's tables."""
    folder = tmp_path_factory.mktemp("world")
    shutil.copyfile(empty_catalog, folder / "catalog.sqlite")
    shutil.copyfile(empty_mlflow, folder / "mlflow.sqlite")
    return folder


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that know red, green and blue."""
    return save_colour_classifier(tmp_path_factory.mktemp("weights") / "colours.pt")


@pytest.fixture
def bare(tmp_path: Path, empty_world: Path) -> Iterator[World]:
    """A world without collections."""
    shutil.copytree(empty_world, tmp_path / "world")
    world = World(tmp_path / "world")
    yield world
    world.engine.dispose()


@pytest.fixture(scope="session")
def crowned_world(empty_world: Path, colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one champion."""
    folder = tmp_path_factory.mktemp("crowned") / "world"
    shutil.copytree(empty_world, folder)
    world = World(folder)
    world.crown("lot", colours)
    world.engine.dispose()
    return folder


@pytest.fixture
def world(tmp_path: Path, crowned_world: Path) -> Iterator[World]:
    """A world with one champion."""
    shutil.copytree(crowned_world, tmp_path / "crowned")
    world = World(tmp_path / "crowned")
    yield world
    world.engine.dispose()


class Served:
    """One real server for all tests; each puts its own gateway behind it."""

    app: FastAPI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the gateway of the test."""
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Served, str]]:
    app = Served()
    config = configure(app, "127.0.0.1", 0)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield app, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


Connect = Callable[..., httpx.Client]


@pytest.fixture
def connect(served: tuple[Served, str]) -> Iterator[Connect]:
    """Put a gateway before a world; its champions are asked in a thread, where a real one has a process."""
    app, url = served
    with ExitStack() as ends:

        def to(world: World, web: WebDoor | None = None, **limits: Any) -> httpx.Client:
            app.app = gateway_of(world, ScoreLimits(**limits), web, ends)
            shown = {"Authorization": f"Bearer {TOKEN}"}
            return ends.enter_context(httpx.Client(base_url=url, headers=shown, timeout=60))

        yield to


def gateway_of(world: World, limits: ScoreLimits, web: WebDoor | None, ends: ExitStack) -> FastAPI:
    """A whole gateway whose scores come from a world."""
    thread = ends.enter_context(ThreadPoolExecutor(max_workers=1))
    champions = world.champions(limits.item_pixels)
    ends.callback(champions.close)

    async def score(asked: AskedOf, inputs: Sequence[Any]) -> Scored:
        return await asyncio.get_running_loop().run_in_executor(thread, ask_champion, champions, asked, inputs)

    scoring = Scoring(score, limits, web)
    ends.callback(scoring.close)
    service = OriginDoor(score_app(scoring, TOKEN, lambda pages: PasswordDoor(pages, LOGIN, ())), ())

    def open_gallery(pictures: ItemPictures) -> ASGIApp:
        gallery = Gallery(world.engine, pictures, "link", "http://studio:1")
        ends.callback(gallery.close)
        return guard(gallery_app(gallery), (), login=LOGIN, open_paths=())

    parts = GatewayParts(
        world.engine,
        world.store,
        "link",
        "bell",
        lambda _bodies: Hearing(),
        lambda: False,
        gallery=open_gallery,
        score=service,
    )
    app = create_app(parts)
    ends.callback(app.state.bell.stop)
    return app
