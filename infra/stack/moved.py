"""A state folder that was moved or copied: what names its old place is made to name the new one.

MLflow writes absolute addresses of files into its database, where nobody but a migration reaches them. All else either
is relative, or is written anew at each start (blocks, process ids).
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from blocks.errors import StackError

PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables and columns of MLflow's database (3.17) that hold an address of a file."""


LOCK_WAIT_S = 30.0
"""How long somebody else may hold the database."""


def documents_of(home: Path) -> Path:
    """Return where it is noted for which place the blocks and addresses of a state folder were written."""
    return home / "prefect" / "documents-of"


def follow_move(home: Path, tell: Callable[[str], None]) -> None:
    """Let MLflow's records name the files where they are now, if this folder was somewhere else at its last start.

    Args:
        home: The state folder, resolved; its MLflow does not run.
        tell: Told what was done.

    Raises:
        StackError: The database cannot be changed.
    """
    note = documents_of(home)
    before = note.read_text() if note.exists() else str(home)
    database = home / "mlflow.sqlite"
    if before == str(home) or not database.exists():
        return
    try:
        changed = move_addresses(database, Path(before), home)
    except sqlite3.Error as error:
        raise StackError(
            f"the state folder was moved here from {before}, and {database} cannot be made to follow ({error}): end "
            "whatever has it open, then run `labelline up` again"
        ) from error
    if changed:
        tell(f"the state folder was moved here from {before}: {changed} addresses of trained models follow")


def move_addresses(database: Path, before: Path, after: Path) -> int:
    """Replace the folder that addresses in an MLflow database begin with; addresses of other places stay.

    Args:
        database: The SQLite file.
        before: The state folder as it was called.
        after: As it is called now.

    Returns:
        How many addresses were changed.
    """
    changed = 0
    with closing(sqlite3.connect(database, timeout=LOCK_WAIT_S)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        present = {
            (table, column)
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (_, column, *_) in connection.execute(f"PRAGMA table_info({json.dumps(table)})").fetchall()
        }
        for table, column in PLACES:
            if (table, column) not in present:
                continue
            for old, new in ((before.as_uri(), after.as_uri()), (str(before), str(after))):
                # Only whole names of folders: /data/home is no beginning of /data/home-2.
                done = connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608  (names are ours)
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                )
                changed += done.rowcount
    return changed
