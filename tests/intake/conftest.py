"""Fixtures of the tests of intake."""

from pathlib import Path

import pytest

from tests.s3_server import s3_server

__all__ = ["s3_server"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to offer."""
    path = tmp_path / "offered"
    path.mkdir()
    return path
