"""Which files of a state folder a backup takes: all but what is made anew, so that nothing is forgotten."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

MADE_ANEW = frozenset({"logs", "bench", ".writable", "stack.lock"})
"""At the top of the folder: logs, measurements, locks."""

BESIDE_DATABASES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below a state folder.

    Attributes:
        path: Its path below the folder, with slashes.
        refused: Why it is not taken; empty: it is.
    """

    path: str
    refused: str = ""


def state_files(home: Path, without: Collection[Path]) -> Iterator[FoundFile]:
    """Yield the files of a state folder in order; links and what is no file are named, and not followed.

    Args:
        home: The folder.
        without: Files and folders that are kept another way.
    """
    yield from _below(home, "", {path.resolve() for path in without})


def _below(home: Path, folder: str, without: set[Path]) -> Iterator[FoundFile]:
    for entry in sorted(os.scandir(home / folder), key=lambda each: each.name):
        path = folder + entry.name
        if (not folder and entry.name in MADE_ANEW) or entry.name.endswith(BESIDE_DATABASES):
            continue
        if entry.is_symlink():
            yield FoundFile(path, "a link, which is not followed")
        elif Path(entry.path).resolve() in without:
            continue
        elif entry.is_dir():
            yield from _below(home, f"{path}/", without)
        elif entry.is_file():
            yield FoundFile(path)
        else:
            yield FoundFile(path, "no file")
