"""Fixtures that every test may use: an empty catalogue and store, the servers of the session, where real data lie."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database import open_engine
from blocks.stores import FolderStore, Store
from tests.label_studio import label_studio, personal_token
from tests.prefect_harness import prefect_api
from tests.s3_server import s3_server
from tests.unprivileged import closed_folder

# Servers that run once per session: their fixtures are imported here and nowhere else.
__all__ = ["closed_folder", "label_studio", "personal_token", "prefect_api", "s3_server"]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A migrated, empty catalogue in a file of its own."""
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    migrate(url)
    return open_engine(url)


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
