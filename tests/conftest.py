"""Fixtures that every test may use: an empty catalogue and store, the servers of the session, where real data lie."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database import open_engine
from blocks.stores import FolderStore, Store
from tests.label_studio import colleague, label_studio, personal_token
from tests.postgres_server import PostgresServer, postgres_server
from tests.prefect_harness import client, prefect_api
from tests.s3_server import s3_server
from tests.unprivileged import closed_folder

# Servers that run once per session: their fixtures are imported here and nowhere else.
__all__ = [
    "client",
    "closed_folder",
    "colleague",
    "label_studio",
    "personal_token",
    "postgres_server",
    "prefect_api",
    "s3_server",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have most slow tests: started last, one of them would run on one core alone."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A migrated, empty catalogue of its own: an SQLite file, or a PostgreSQL database where that is asked for."""
    if os.environ.get("LABELLINE_TEST_CATALOG") == "postgresql":
        return request.getfixturevalue("postgres_engine")
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    migrate(url)
    return open_engine(url)


@pytest.fixture
def postgres_engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    """A migrated, empty catalogue in a PostgreSQL database of its own."""
    with postgres_server.database() as url:
        migrate(url)
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty object store in a folder of its own."""
    return FolderStore(tmp_path / "objects")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures and weights; skips where it is absent."""
    folder = Path(os.environ.get("LABELLINE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data are not on this machine (looked in {folder}; set LABELLINE_DATA)")
    return folder
