"""Databases as one consistent file each, while others write: SQLite's own backup in one step, and `pg_dump`.

One step, since a backup page by page begins again with each write of another process, and beside a busy one never ends.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Engine, inspect, text

from blocks.errors import BadOption, CatalogUnavailable

LOCK_WAIT_S = 60.0
HEADER = b"SQLite format 3\0"


def is_sqlite(path: Path) -> bool:
    """Say whether a regular file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def copy_sqlite(database: Path, into: Path) -> None:
    """Copy a database that may be written to meanwhile.

    Raises:
        CatalogUnavailable: It cannot be read.
    """
    try:
        with (
            closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=LOCK_WAIT_S)) as source,
            closing(sqlite3.connect(into)) as target,
        ):
            source.backup(target, pages=-1)
            target.execute("PRAGMA journal_mode=DELETE")  # all of it in the one file
    except sqlite3.Error as error:
        raise CatalogUnavailable(f"the database {database} cannot be copied: {error}") from error


def dump_catalog(engine: Engine, into: Path) -> str:
    """Write the catalogue into a file, as it is at one moment; return of which kind it is.

    Raises:
        CatalogUnavailable: It cannot be read.
        BadOption: `pg_dump` is not installed.
    """
    if engine.dialect.name == "sqlite":
        assert engine.url.database
        copy_sqlite(Path(engine.url.database).resolve(), into)
        return "sqlite"
    _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={into}"], engine.url)
    return "postgresql"


def load_postgres(file: Path, engine: Engine) -> None:
    """Bring a dump into an empty PostgreSQL database.

    Raises:
        BadOption: It is not empty, or `pg_restore` is not installed.
        CatalogUnavailable: It does not take the dump.
    """
    refuse_filled(engine)
    command = ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    assert engine.url.database
    _run([*command, f"--dbname={engine.url.database}", str(file)], engine.url)


def refuse_filled(engine: Engine) -> None:
    """Refuse a database that has tables.

    Raises:
        BadOption: It has.
    """
    if tables := inspect(engine).get_table_names():
        raise BadOption(
            f"the database {engine.url.render_as_string()} has {len(tables)} tables: a backup comes back into an empty "
            "one only, so that nothing is overwritten"
        )


def revision_of(engine: Engine) -> str:
    """Return the version of a catalogue's tables."""
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def _run(command: list[str], url: URL) -> None:
    if shutil.which(command[0]) is None:
        raise BadOption(f"{command[0]} is not installed: it is in Debian's postgresql-client")
    host = url.host or url.query.get("host")
    given = {
        "PGHOST": host if isinstance(host, str) else None,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password) if url.password else None,  # not on the command line, where others read it
        "PGDATABASE": url.database,
        "PGSSLMODE": url.query.get("sslmode"),
    }
    environment = {**os.environ, **{name: value for name, value in given.items() if isinstance(value, str)}}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CatalogUnavailable(f"{command[0]} failed on {url.render_as_string()}: {done.stderr.strip()[-600:]}")
