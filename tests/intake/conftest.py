"""Fixtures of the tests of intake."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to offer."""
    path = tmp_path / "offered"
    path.mkdir()
    return path
