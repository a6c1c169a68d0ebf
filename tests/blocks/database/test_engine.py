"""SQLite as the line uses it: a write-ahead log, one writer at a time that others wait for, and the one upsert."""

import os
import re
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

import blocks.database.engine
from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Bookmark, Source, utc_now
from blocks.errors import CatalogUnavailable

only_sqlite = pytest.mark.skipif(
    os.environ.get("LABELLINE_TEST_CATALOG") == "postgresql", reason="about SQLite's own ways, and this is PostgreSQL"
)


def bookmarks(engine: Engine) -> dict[str, str]:
    with reading(engine) as session:
        return {row.name: row.value for row in session.exec(select(Bookmark))}


@only_sqlite
def test_the_journal_is_a_write_ahead_log_and_foreign_keys_hold(engine: Engine) -> None:
    with reading(engine) as session:
        assert session.connection().execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.connection().execute(text("PRAGMA foreign_keys")).scalar() == 1
    with pytest.raises(IntegrityError), writing(engine) as session:
        upsert(session, BatchItem, [{"batch_id": "no such batch", "item_id": "no such item", "position": 0}])


def test_one_process_has_one_engine_for_an_address(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    assert open_engine(url) is open_engine(url)


def test_the_folder_of_a_new_catalogue_is_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'down' / 'catalog.sqlite'}"
    migrate(url)
    assert bookmarks(open_engine(url)) == {}


@pytest.mark.parametrize("url", ["", "catalog.sqlite", "/tmp/x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(CatalogUnavailable, match="expected sqlite:///FILE or postgresql"):
        open_engine(url)


def test_a_folder_that_cannot_be_made_is_named() -> None:
    with pytest.raises(CatalogUnavailable, match="cannot make the catalogue's folder /proc/labelline"):
        open_engine("sqlite:////proc/labelline/catalog.sqlite")


def test_a_password_in_a_malformed_address_is_not_shown() -> None:
    with pytest.raises(CatalogUnavailable) as caught:
        open_engine("postgresql:labelline:hunter2@db")
    assert "hunter2" not in str(caught.value)


def test_what_raises_is_rolled_back(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="on purpose"), writing(engine) as session:
        upsert(session, Bookmark, [{"name": "a", "value": "1"}])
        raise RuntimeError("on purpose")
    assert bookmarks(engine) == {}


def test_a_second_writer_waits_for_the_first(engine: Engine) -> None:
    order = []
    first_is_in = threading.Event()

    def write_first() -> None:
        with writing(engine) as session:
            upsert(session, Bookmark, [{"name": "a", "value": "first"}])
            first_is_in.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=write_first)
    thread.start()
    first_is_in.wait()
    with writing(engine) as session:
        upsert(session, Bookmark, [{"name": "a", "value": "second"}], update=["value"])
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert bookmarks(engine) == {"a": "second"}


@only_sqlite
def test_a_writer_that_read_first_still_waits(engine: Engine) -> None:
    """A transaction that begins as a reader cannot become a writer while another writes; ours begin as writers."""
    with writing(engine) as session:
        upsert(session, Bookmark, [{"name": "count", "value": "0"}])

    def count_up() -> None:
        for _ in range(20):
            with writing(engine) as session:
                row = session.get_one(Bookmark, "count")
                row.value = str(int(row.value) + 1)
                session.add(row)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bookmarks(engine) == {"count": "80"}


def test_readers_are_not_held_up_by_a_writer(engine: Engine) -> None:
    with writing(engine) as session:
        upsert(session, Bookmark, [{"name": "a", "value": "1"}])
        assert bookmarks(engine) == {}
    assert bookmarks(engine) == {"a": "1"}


def test_a_catalogue_locked_for_good_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.sqlite"
    migrate(f"sqlite:///{path}")
    monkeypatch.setattr(blocks.database.engine, "LOCK_TIMEOUT_S", 0.2)
    impatient = open_engine(f"sqlite:///{tmp_path}/./catalog.sqlite")  # another address: another engine is made
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        expected = r"locked.*no other program holds it.*nothing is lost"
        with pytest.raises(CatalogUnavailable, match=expected), writing(impatient) as session:
            upsert(session, Bookmark, [{"name": "a", "value": "1"}])
    finally:
        other.execute("ROLLBACK")
        other.close()
    with writing(impatient) as session:
        assert upsert(session, Bookmark, [{"name": "a", "value": "1"}]) == 1


# --- upsert ---


@pytest.mark.parametrize(
    "older", ["DROP TABLE bookmark", "ALTER TABLE bookmark DROP COLUMN value"], ids=["table", "column"]
)
@pytest.mark.parametrize("catalogue", ["engine", "postgres_engine"])
def test_tables_of_an_earlier_version_say_which_command_mends_them(
    request: pytest.FixtureRequest, catalogue: str, older: str
) -> None:
    engine = request.getfixturevalue(catalogue)
    with engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(older)
    expected = "of another version of Labelline than this .*`labelline up` brings"
    with pytest.raises(CatalogUnavailable, match=re.compile(expected, re.DOTALL)), reading(engine) as session:
        session.exec(select(Bookmark)).all()
    row = {"name": "a", "value": "1", "updated_at": utc_now()}
    with pytest.raises(CatalogUnavailable, match=re.compile(expected, re.DOTALL)), writing(engine) as session:
        upsert(session, Bookmark, [row])


def test_upserting_nothing_does_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        assert upsert(session, Bookmark, []) == 0


def test_a_row_that_exists_is_left_alone_or_updated_where_asked(engine: Engine) -> None:
    with writing(engine) as session:
        assert upsert(session, Bookmark, [{"name": "a", "value": "1"}]) == 1
        assert upsert(session, Bookmark, [{"name": "a", "value": "2"}]) == 0
    assert bookmarks(engine) == {"a": "1"}
    with writing(engine) as session:
        assert upsert(session, Bookmark, [{"name": "a", "value": "3"}, {"name": "b", "value": "4"}], ["value"]) == 2
    assert bookmarks(engine) == {"a": "3", "b": "4"}


def test_defaults_of_columns_not_given_are_filled_in(engine: Engine) -> None:
    before = utc_now()
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "c"}])
        batch = session.get_one(Batch, "b")
    assert batch.settled_at is None and batch.detector is None
    assert before <= batch.created_at <= utc_now()
    assert batch.created_at.tzinfo is not None


def test_a_key_of_two_columns_is_one_key(engine: Engine) -> None:
    rows = [{"collection": name, "uri": "file:///a", "state": "taken"} for name in ("x", "y")]
    with writing(engine) as session:
        assert upsert(session, Source, rows) == 2
        assert upsert(session, Source, rows) == 0


def test_more_rows_than_one_statement_holds(engine: Engine) -> None:
    rows = [{"name": f"n{n}", "value": str(n)} for n in range(20_000)]
    with writing(engine) as session:
        assert upsert(session, Bookmark, rows) == len(rows)
    assert len(bookmarks(engine)) == len(rows)
