"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, reached through a socket in it.

Where no PostgreSQL is installed the tests skip and say so. With `LABELLINE_TEST_CATALOG=postgresql` every test that
asks for a catalogue gets one of these instead of SQLite.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.unprivileged import NOBODY

_NUMBERS = count()


@dataclass(frozen=True)
class PostgresServer:
    """One running server that listens on a socket in its folder, and on no port."""

    folder: Path
    user: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, give its address, and remove it in the end."""
        name = f"catalog{next(_NUMBERS)}"
        address = ["--host", str(self.folder), "--username", self.user]
        subprocess.run(["createdb", *address, name], check=True, capture_output=True)
        query = {"host": str(self.folder)}
        yield URL.create("postgresql+psycopg", self.user, database=name, query=query).render_as_string()
        subprocess.run(["dropdb", "--force", *address, name], check=True, capture_output=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL of this test session's own."""
    missing = [name for name in ("initdb", "pg_ctl", "createdb", "dropdb") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no PostgreSQL on this machine ({', '.join(missing)} not found): install Debian's postgresql")
    # Not below pytest's folders, which are private to root; and a socket's path must stay under 108 characters.
    with tempfile.TemporaryDirectory(prefix="labelline-pg-") as name:
        folder = Path(name)
        root = os.getuid() == 0  # PostgreSQL refuses to run as root
        if root:
            os.chown(folder, NOBODY, NOBODY)
        data, log = folder / "data", folder / "log"
        _as_its_user(root, ["initdb", "--auth=trust", "--username=labelline", "--no-sync", "-D", str(data)])
        settings = f"-k {folder} -c listen_addresses='' -c fsync=off"
        _as_its_user(root, ["pg_ctl", "start", "--wait", "-D", str(data), "-l", str(log), "-o", settings])
        yield PostgresServer(folder, "labelline")
        _as_its_user(root, ["pg_ctl", "stop", "--mode=fast", "--wait", "-D", str(data)])


def _as_its_user(root: bool, command: list[str]) -> None:
    rights = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
    # No pipes: the server that pg_ctl leaves behind would keep them open.
    done = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **rights)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}"
