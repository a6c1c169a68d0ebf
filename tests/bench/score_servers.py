"""The two servers that `score.py` measures, each a process of its own: our gateway, and `mlflow models serve`.

`python -m tests.bench.score_servers FOLDER PORT` is the gateway of a folder: what the stack starts, but for the blocks,
which would want a Prefect server beside it.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import mlflow.pyfunc
import psutil
import uvicorn
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from pydantic import SecretStr

from blocks.catalog import Catalog
from blocks.errors import StackError
from blocks.object_store import ObjectStore
from blocks.tracking import Tracking
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.bell import Hearing
from infra.gateway.patience import configure
from infra.gateway.score.app import Scoring, score_app
from infra.gateway.score.limits import ScoreLimits
from infra.gateway.score.room import ScoreRoom
from infra.stack.state import HOST
from tasks.detect.proposers.class_network import open_class_network
from tasks.detect.proposers.classifier import fit_square
from tasks.intake.images import decode_upright

TOKEN = "token-of-the-bench"
START_S = 240


class PicturesToScores(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow is not typed
    """The same network as a model of MLflow's: bytes of pictures in, a row of scores for each out."""

    def load_context(self, context: Any) -> None:
        """Open the weights."""
        self.network = open_class_network(Path(context.artifacts["weights"]))

    def predict(self, context: Any, model_input: Any, params: Any = None) -> list[list[float]]:
        """Decode as the line does, and look at all pictures of a request at once."""
        side_px = self.network.side_px
        squares = [fit_square(decode_upright(bytes(data)), side_px) for data in model_input["picture"]]
        rows: list[list[float]] = self.network.say(squares)[0].tolist()
        return rows


def save_for_mlflow(weights: Path, folder: Path) -> None:
    """Write a model folder that `mlflow models serve` opens."""
    picture = ModelSignature(inputs=Schema([ColSpec("binary", "picture")]))
    mlflow.pyfunc.save_model(
        str(folder), python_model=PicturesToScores(), artifacts={"weights": str(weights)}, signature=picture
    )


@contextmanager
def mlflow_server(folder: Path, port: int, log: Path) -> Iterator[None]:
    """Serve a model folder as MLflow does by default, without an environment of its own."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder), "-p", str(port), "-h", HOST]
    with _process([*command, "--env-manager", "local"], f"http://{HOST}:{port}/health", log):
        yield


@contextmanager
def gateway(folder: Path, port: int, log: Path) -> Iterator[None]:
    """Serve a folder's champion."""
    command = [sys.executable, "-m", "tests.bench.score_servers", str(folder), str(port)]
    with _process(command, f"http://{HOST}:{port}/health", log):
        yield


@contextmanager
def _process(command: Sequence[str], health_url: str, log: Path) -> Iterator[None]:
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, "TOKEN": TOKEN})
    try:
        deadline = time.monotonic() + START_S
        while not _is_well(health_url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StackError(f"{command[:5]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.5)
        yield
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        process.wait(30)
        for child in psutil.wait_procs(children, 10)[1]:
            child.kill()


def _is_well(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def serve(folder: Path, port: int) -> None:
    """Be the gateway of a folder."""
    catalog = Catalog(url=SecretStr(f"sqlite:///{folder}/catalog.sqlite"))
    store = ObjectStore(folder=str(folder / "objects"))
    limits = ScoreLimits()
    room = ScoreRoom(catalog, store, Tracking(uri=SecretStr(f"sqlite:///{folder}/mlflow.sqlite")), limits)
    scoring = Scoring(room.score, limits)

    def end() -> None:
        scoring.close()
        room.close()

    service = score_app(scoring, os.environ.pop("TOKEN"), lambda pages: pages)
    engine, hear = catalog.open(), lambda _bodies: Hearing()
    parts = GatewayParts(engine, store.open(), "link", "bell", hear, lambda: False, end, score=service)
    asyncio.run(uvicorn.Server(configure(create_app(parts), HOST, port)).serve())


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
