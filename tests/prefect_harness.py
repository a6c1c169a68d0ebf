"""One temporary Prefect server for the whole test session: it takes 10 s to start and cannot be nested."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """A running Prefect server of the session's own; yields its API address, for subprocesses."""
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"  # the server is a subprocess and would call home
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield str(PREFECT_API_URL.value())
