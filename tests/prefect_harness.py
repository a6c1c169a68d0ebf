"""One temporary Prefect server for the whole test session: it takes 10 s to start and cannot be nested."""

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest

from infra.stack.servers.prefect_tables import prepare_tables

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """A running Prefect server of the session's own; yields its API address, for subprocesses."""
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"  # the server is a subprocess and would call home
    from prefect.settings import PREFECT_API_URL
    from prefect.testing import utilities

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(utilities, "mkdtemp", folder_with_tables)
        with utilities.prefect_test_harness(server_startup_timeout=120):
            yield str(PREFECT_API_URL.value())


def folder_with_tables() -> str:
    """Make the folder of the harness's database; the tables are made once for all, as that takes longer than a start.

    Returns:
        Its path.
    """
    folder = Path(mkdtemp(prefix="labelline-prefect-"))
    copyfile(prepare_tables(), folder / "prefect-test.db")
    return str(folder)


@pytest.fixture
def client(prefect_api: str) -> "Iterator[SyncPrefectClient]":
    """A client of the session's Prefect server."""
    from prefect import get_client

    with get_client(sync_client=True) as opened:
        yield opened


def state_of(client: "SyncPrefectClient", run_id: "UUID") -> str:
    """Return the name of a flow run's state, such as `AwaitingRetry`."""
    state = client.read_flow_run(run_id).state
    assert state is not None
    return state.name
