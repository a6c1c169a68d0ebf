"""Weights that several tests here open."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.detect.prompted.networks import save_blank, save_taught


@pytest.fixture(scope="session")
def blank_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MobileSAM of random numbers."""
    return _once(tmp_path_factory.getbasetemp() / "blank" / "mobile_sam.pt", save_blank)


@pytest.fixture(scope="session")
def taught_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MobileSAM that has learnt one cell."""
    return _once(tmp_path_factory.getbasetemp() / "taught" / "mobile_sam.pt", save_taught)


def _once(path: Path, save: Callable[[Path], Path]) -> Path:
    """Save a file where it is not there yet: other modules use these fixtures as their own."""
    path.parent.mkdir(exist_ok=True)
    return path if path.exists() else save(path)
