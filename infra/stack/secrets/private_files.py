"""What a state folder holds is for its owner alone: secrets, answers of people, and databases that hold both."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DATABASES = ("*.sqlite*", "label-studio/*.sqlite3*", "prefect/*.db*")

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def private_files() -> Iterator[None]:
    """Let every file that this process makes inside the block be readable by its owner alone."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def close_to_others(home: Path) -> int:
    """Take the databases of a state folder from everybody but their owner: older versions left them open.

    Returns:
        How many were changed.
    """
    changed = 0
    for pattern in DATABASES:
        for path in home.glob(pattern):
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode) and facts.st_mode & OTHERS:
                path.chmod(stat.S_IMODE(facts.st_mode) & ~OTHERS)
                changed += 1
    return changed
