"""Engines, sessions and the one upsert that all steps write through.

Split from `catalog.py` so that plain code can read and write the catalogue without Prefect.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, ProgrammingError
from sqlmodel import Session, SQLModel

from blocks.errors import CatalogUnavailable

LOCK_TIMEOUT_S = 60
"""How long a writer waits for another one on SQLite before it gives up."""


@lru_cache(maxsize=8)
def open_engine(url: str) -> Engine:
    """Return the one engine of this process for a database address.

    On SQLite the journal is a write-ahead log, writers queue for `LOCK_TIMEOUT_S`, and foreign keys are enforced.

    Raises:
        CatalogUnavailable: The address is no database address, or its folder cannot be written.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise CatalogUnavailable(
            f"not a database address (expected sqlite:///FILE or postgresql://…): {error}"
        ) from error
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        folder = Path(parsed.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogUnavailable(f"cannot make the catalogue's folder {folder}: {error.strerror}") from error
    engine = create_engine(parsed, connect_args={"timeout": LOCK_TIMEOUT_S})
    event.listen(engine, "connect", _set_sqlite_pragmas)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_sqlite_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer that begins as a reader cannot wait for another writer: SQLite fails it at once (SQLITE_BUSY_SNAPSHOT).
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session that only reads: a consistent view, and no lock.

    Raises:
        CatalogUnavailable: The database cannot be opened or read.
    """
    with usable(engine), Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Open a session that writes: committed when the block ends, rolled back when it raises.

    Raises:
        CatalogUnavailable: The database stayed locked for longer than `LOCK_TIMEOUT_S`, or cannot be opened.
    """
    writer = engine.execution_options(writes=True)
    with usable(engine), Session(writer, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def one_at_a_time(engine: Engine, name: str) -> Iterator[None]:
    """Hold a lock that everyone who shares the catalogue sees, for a system that has none itself.

    On SQLite an open write transaction is the lock: what is done under it must be short and write nothing here.

    Raises:
        CatalogUnavailable: Somebody else held it for longer than `LOCK_TIMEOUT_S`.
    """
    with writing(engine) as session:
        connection = session.connection()  # begins the transaction
        if engine.dialect.name == "postgresql":
            key = zlib.crc32(f"labelline {name}".encode())
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
        yield


@contextmanager
def usable(engine: Engine) -> Iterator[None]:
    """Say what is wrong where a database cannot be used: locked for good, no room, tables of another version, none.

    Raises:
        CatalogUnavailable: Instead of the driver's own error.
    """
    where = engine.url.render_as_string(hide_password=True)
    try:
        yield
    except DatabaseError as error:
        if _misses_tables(error):
            raise CatalogUnavailable(
                f"the tables of the catalogue {where} are of another version of Labelline than this ({error.orig}): "
                "`labelline up` brings those of an earlier one up to date; nothing is lost"
            ) from error
        if isinstance(error, IntegrityError | ProgrammingError):
            raise
        raise CatalogUnavailable(
            f"the catalogue {where} cannot be used: {error.orig}. "
            "Check that it is a catalogue, that its disk has room and that no other program holds it; then run again, "
            "nothing is lost."
        ) from error


def _misses_tables(error: DatabaseError) -> bool:
    """Whether a table or a column is not there, in the words of SQLite or by the codes of PostgreSQL."""
    said = ("no such table", "no such column", "has no column named")
    codes = ("42P01", "42703")
    return getattr(error.orig, "sqlstate", None) in codes or any(words in str(error.orig) for words in said)


def upsert(
    session: Session,
    table: type[SQLModel],
    rows: Sequence[Mapping[str, Any]],
    update: Sequence[str] = (),
) -> int:
    """Insert rows, and where the primary key exists update the named columns (none: leave the row as it is).

    Args:
        session: A session from `writing`.
        table: The table's class.
        rows: Column values; all rows have the same columns. May be empty.
        update: Columns to overwrite where the key exists.

    Returns:
        How many rows were inserted or updated.
    """
    if not rows:
        return 0
    dialect = session.get_bind().dialect.name
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    keys = [column.name for column in table.__table__.primary_key]  # type: ignore[attr-defined]
    defaults = {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in table.model_fields.items()
        if name not in rows[0] and not field.is_required()
    }
    statement = insert(table)
    if update:
        changed = {name: statement.excluded[name] for name in update}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing()
    # Many rows by one prepared statement: 28 times as fast as one statement with all their values.
    complete = [{**defaults, **row} for row in rows]
    # PostgreSQL's driver forgets the count of an insert unless it is told to keep it.
    return session.connection().execute(statement, complete, execution_options={"preserve_rowcount": True}).rowcount
