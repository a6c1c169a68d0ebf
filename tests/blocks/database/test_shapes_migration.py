"""A catalogue of before shapes opens with all it holds, also when the program that migrates it is killed on the way.

`catalog_0003.sql` is a catalogue that the code of that version wrote: rows that refer to each other, and edges whose
floats have no short form.
"""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, event, inspect
from sqlmodel import SQLModel, select

from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Item, Label, Proposal, Verdict
from blocks.shapes import Box, Mask, Polygon, Shape, Whole, shape_columns, shape_of

DUMP = Path(__file__).parent / "catalog_0003.sql"
KILLED = """
import os, signal, sys
from sqlalchemy import event
from blocks.catalog import migrate
from blocks.database.engine import open_engine

url, after, seen = sys.argv[1], int(sys.argv[2]), []

def kill(_connection, _cursor, statement, *_):
    if "_or_null" in statement or seen:
        seen.append(statement)
        if len(seen) == after:
            os.kill(os.getpid(), signal.SIGKILL)

event.listen(open_engine(url), "before_cursor_execute", kill)
migrate(url)
"""


@pytest.fixture
def old(tmp_path: Path) -> str:
    """The address of a catalogue of version 0003."""
    path = tmp_path / "catalog.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(DUMP.read_text())
    connection.close()
    return f"sqlite:///{path}"


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of the tables that change, by table."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.row_factory = sqlite3.Row
        tables = ("item", "proposal", "label", "verdict", "answer")
        found = {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY rowid")] for name in tables
        }
    connection.close()
    return found


def is_whole_and_new(engine: Engine) -> bool:
    with engine.connect() as connection:
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        said = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return not broken and said == "ok" and compare_metadata(context, SQLModel.metadata) == []


def holds_all_of(url: str, before: dict[str, list[dict[str, Any]]]) -> bool:
    after = rows_of(url)
    return all(
        len(rows) == len(after[name])
        and all(old.items() <= new.items() for old, new in zip(rows, after[name], strict=True))
        for name, rows in before.items()
    )


def test_an_old_catalogue_keeps_every_row_to_the_last_digit(old: str) -> None:
    before = rows_of(old)
    assert len(before["label"]) == 9 and len(before["verdict"]) == 8
    migrate(old)
    assert is_whole_and_new(open_engine(old))
    assert holds_all_of(old, before)
    with reading(open_engine(old)) as session:
        label = session.get_one(Label, "label-2")
        assert shape_of(label) == Box(x_min=0.1, y_min=0.2, x_max=0.30000000000000004, y_max=4.0)
        assert (label.track, session.get_one(Item, "item-1").length, session.get_one(Item, "item-1").frame) == (
            None,
        ) * 3


def test_indices_and_what_refers_to_a_row_are_still_there(old: str) -> None:
    migrate(old)
    found = inspect(open_engine(old))
    assert {index["name"] for index in found.get_indexes("label")} >= {"ix_label_item_id", "ix_label_batch_id"}
    assert [index["name"] for index in found.get_indexes("proposal")] == ["ix_proposal_scan"]
    assert found.get_unique_constraints("label")[0]["column_names"] == ["item_id", "region", "revision"]
    with reading(open_engine(old)) as session:
        joined = select(Verdict, Proposal).join(Proposal)
        assert len(session.exec(joined).all()) == 8


def test_a_migration_that_ends_anywhere_is_taken_up_again(old: str) -> None:
    before, seen, last = rows_of(old), 0, 1

    def end(_connection: Connection, _cursor: object, text: str, *_: object) -> None:
        nonlocal seen
        seen += "_or_null" in text or seen > 0
        if seen == last:
            raise RuntimeError("ended")

    engine = open_engine(old)
    event.listen(engine, "before_cursor_execute", end)
    while last <= 30:
        seen = 0
        with pytest.raises(RuntimeError, match="ended"):
            migrate(old)
        assert holds_all_of(old, before)
        last += 1
    event.remove(engine, "before_cursor_execute", end)
    migrate(old)
    assert is_whole_and_new(engine)
    assert holds_all_of(old, before)


@pytest.mark.parametrize("statement", [1, 6, 20])
def test_a_program_killed_while_it_migrates_leaves_a_catalogue_that_opens(old: str, statement: int) -> None:
    before = rows_of(old)
    killed = subprocess.run([sys.executable, "-c", KILLED, old, str(statement)], check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    migrate(old)
    assert is_whole_and_new(open_engine(old))
    assert holds_all_of(old, before)


@pytest.mark.parametrize(
    "shape",
    [
        Whole(),
        Box(x_min=1, y_min=2, x_max=3, y_max=4),
        Polygon(points=((0, 0), (5, 0), (0, 5))),
        Mask(left=1, top=2, width=2, height=1, runs=(0, 2)),
    ],
    ids=lambda shape: shape.type,
)
def test_a_row_of_any_shape_is_kept_on_any_database(engine: Engine, shape: Shape) -> None:
    keep_and_read(engine, shape)


def test_a_row_without_bounds_is_kept_on_postgresql(postgres_engine: Engine) -> None:
    keep_and_read(postgres_engine, Whole())


def keep_and_read(engine: Engine, shape: Shape) -> None:
    item = {
        "id": "i",
        "key": "k",
        "name": "n",
        "sequence": "s",
        "media_type": "text/plain",
        "size_bytes": 1,
        "plain": True,
    }
    size: dict[str, Any] = {"width": None, "height": None, "length": 12}
    seen = {"detector": "d", "recipe": "r", "class_name": "car", "score": 0.5, "view": "whole"}
    with writing(engine) as session:
        upsert(session, Item, [{**item, **size}])
        upsert(session, Proposal, [{"id": "p", "item_id": "i", **seen, **shape_columns(shape)}])
    with reading(engine) as session:
        proposal, kept = session.get_one(Proposal, "p"), session.get_one(Item, "i")
        assert shape_of(proposal) == shape
        assert (kept.width, kept.length) == (None, 12)
