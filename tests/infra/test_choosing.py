"""The bench of choosing runs, and every way of asking chooses its round from a catalogue that it filled."""

from pathlib import Path

import pytest

from blocks.catalog import migrate
from blocks.database.engine import open_engine
from tests.bench.choosing import WAYS, fill, measure


@pytest.mark.parametrize("way", WAYS)
def test_every_way_chooses_a_round(way: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    migrate(url)
    fill(open_engine(url), items=600)
    row = measure(url, way)
    assert row["chosen"] == 500
