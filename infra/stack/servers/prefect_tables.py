"""Prefect's tables: made once and kept beside the program, for every new state folder to begin with.

`python -m infra.stack.servers.prefect_tables` makes them: it takes 7 s of a processor, which every first start in a new
folder saves from then on.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from blocks.errors import StackError

DATABASE = "prefect.db"
"""As Prefect calls it in its home."""


def prepared_tables() -> Path:
    """Return where the empty database of this version of Prefect is kept; it may not be there."""
    return Path(sys.prefix) / "share" / "labelline" / f"prefect-{version('prefect')}.db"


def prepare_tables() -> Path:
    """Make an empty database and keep it; where one is kept already, nothing is done.

    Raises:
        StackError: Prefect ended with an error.
    """
    kept = prepared_tables()
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment = {**inherited, "PREFECT_HOME": folder, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"{' '.join(command)} failed with exit code {done.returncode}: {done.stderr[-1000:]}")
        (Path(folder) / DATABASE).replace(kept)
    return kept


def seed_tables(home: Path) -> bool:
    """Give a new home of Prefect's the prepared database, if there is one; say whether it was given.

    Args:
        home: What `PREFECT_HOME` names for the server.
    """
    kept, wanted = prepared_tables(), home / DATABASE
    if wanted.exists() or not kept.exists():
        return False
    home.mkdir(parents=True, exist_ok=True)
    draft = wanted.with_suffix(".new")
    shutil.copyfile(kept, draft)
    draft.replace(wanted)
    return True


if __name__ == "__main__":
    print(prepare_tables())
