"""What the tests of whole flows stand on: saved plugs, and simulated people at work beside the flow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.object_store import ObjectStore
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from blocks.tracking import Tracking
from infra.annotators.simulate import Simulation
from tests.label_studio import save_label_studio

PATIENCE_S = 60.0


def save_plugs(
    name: str, engine: Engine, server: AnnotationServer, folder: Path, experiments: Experiments | None = None
) -> None:
    """Save blocks of a test's own, under one name: objects below a folder, and servers that run already."""
    ObjectStore(folder=str(folder / "objects")).save(name)
    Catalog(url=SecretStr(str(engine.url))).save(name)
    save_label_studio(server, name)
    if experiments is not None:
        Tracking(uri=SecretStr(experiments.uri), artifact_root=str(folder / "mlartifacts")).save(name)


@contextmanager
def at_work(people: Simulation) -> Iterator[Simulation]:
    """Let simulated people answer in a thread while a flow runs."""
    over = threading.Event()
    thread = threading.Thread(target=people.run, kwargs={"stop": over.is_set})
    thread.start()
    try:
        yield people
    finally:
        over.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
