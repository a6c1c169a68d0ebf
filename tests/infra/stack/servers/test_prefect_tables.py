"""Every new state folder begins with the same tables, so nothing of anybody's may be in them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from infra.stack.servers.prefect_tables import DATABASE, prepare_tables, prepared_tables, seed_tables


def rows_of(database: Path) -> dict[str, int]:
    """Count the rows of every table that has any."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
    return {name: count for name, count in counts.items() if count}


def test_the_prepared_tables_are_empty_and_hold_no_key(tmp_path: Path) -> None:
    prepare_tables()
    assert seed_tables(tmp_path)
    assert not {"configuration", "block_document", "flow_run"} & rows_of(tmp_path / DATABASE).keys()
    assert set(rows_of(tmp_path / DATABASE)) <= {"alembic_version"}
    assert prepared_tables().stem.startswith("prefect-3")


def test_a_home_that_has_tables_keeps_them(tmp_path: Path) -> None:
    prepare_tables()
    (tmp_path / DATABASE).write_bytes(b"with runs")
    assert not seed_tables(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == b"with runs"
