"""State folders of stacks that do not run, but for the session's Prefect: commands find their blocks through it."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists
from pydantic import SecretStr
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.object_store import ObjectStore
from blocks.servers.experiments import Experiments
from blocks.tracking import Tracking
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.servers.services import PLUGS, WORK_POOL, WORKER_NAME
from infra.stack.state import ProcessRecord, ServiceName, StackState


def home_with_prefect(home: Path, prefect_api: str) -> Path:
    """Write the state of a stack whose Prefect is the session's; at its other ports nobody listens."""
    home.mkdir(parents=True, exist_ok=True)
    ensure_credentials(home)
    me = ProcessRecord(pid=os.getpid(), created=psutil.Process().create_time())
    port = urlsplit(prefect_api).port
    assert port is not None
    ports = dict.fromkeys(ServiceName, 9) | {ServiceName.PREFECT: port}
    StackState(home=home, ports=ports, processes={ServiceName.PREFECT: me}).save()
    return home


@pytest.fixture
def home(
    tmp_path: Path, client: SyncPrefectClient, prefect_api: str, engine: Engine, experiments: Experiments
) -> Iterator[Path]:
    """A stack that can take runs: its Prefect is the session's, with a pool and a worker that was just heard of."""
    home = tmp_path / ".home"
    home.mkdir()
    ensure_credentials(home)
    blocks = (
        ObjectStore(folder=str(tmp_path / "objects")),
        Catalog(url=SecretStr(engine.url.render_as_string(hide_password=False))),
        Tracking(uri=SecretStr(experiments.uri), artifact_root=str(tmp_path / "mlartifacts")),
    )
    for block in blocks:
        block.save(PLUGS, overwrite=True)
    try:
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
    except ObjectAlreadyExists:
        client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=False))
    client._client.post(f"/work_pools/{WORK_POOL}/workers/heartbeat", json={"name": WORKER_NAME}).raise_for_status()
    me = ProcessRecord(pid=os.getpid(), created=psutil.Process().create_time())
    ports = dict.fromkeys(ServiceName, 9) | {ServiceName.PREFECT: urlsplit(prefect_api).port or 0}
    StackState(home=home, ports=ports, processes=dict.fromkeys(ServiceName, me)).save()
    yield home
    for block in blocks:
        type(block).delete(PLUGS)
