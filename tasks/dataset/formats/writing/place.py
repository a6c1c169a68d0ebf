"""The folder of a dataset: checked before anything is written, filled in one move, replaced only where it is ours.

What an export wrote stands in a list beside it, so that a later one that may replace it takes away those files and no
other.
"""

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blocks.errors import BadOption, BadTruth
from blocks.naming.names import hash_of
from blocks.storage.outside_files import parse_json, read_bounded
from blocks.storage.stores import FolderStore, Store

FACTS = "snapshot.json"
"""What an export is: id of its snapshot, collection, classes, counts."""

LISTED = "snapshot-files.json"
"""Paths of all that an export wrote."""

MOST_BYTES = 1 << 30
"""Of either; a million paths take a tenth of it."""

FIRST = 3


def place_of(folder: str) -> Path:
    """Return the folder that somebody named.

    Raises:
        BadOption: It is no name of a folder.
    """
    if not folder.strip() or "\0" in folder:
        raise BadOption(f"{folder!r} is no name of a folder: name one that does not exist yet, or an empty one")
    return Path(folder).absolute()


def check_target(folder: Path, store: Store, images: str, *, overwrite: bool | None = None) -> str:
    """Refuse a place for a dataset before anything is written there.

    Args:
        folder: Where it goes.
        store: Where the pictures are.
        images: What becomes of them.
        overwrite: Whether an earlier export may be there; None: nobody could ask for that.

    Returns:
        What will be replaced, as a sentence; empty: nothing.

    Raises:
        BadOption: See `take_along`.
    """
    if images == "link" and not isinstance(store, FolderStore):
        raise BadOption("pictures cannot be linked to: this object store is no folder. Take --images copy or none.")
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise BadOption(f"{folder} is there and no folder: name one that does not exist yet, or an empty one")
        replaced = _replaceable(folder, overwrite=overwrite) if folder.exists() and any(folder.iterdir()) else ""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".labelline-", dir=folder.parent):
            pass
    except OSError as error:
        raise BadOption(f"{folder} cannot be written: {error.strerror or error}. Name another folder.") from error
    return replaced


def _replaceable(folder: Path, *, overwrite: bool | None) -> str:
    """Say which export is replaced; one that nobody may replace, or anything else, is refused."""
    facts, listed = _read(folder / FACTS), _read(folder / LISTED)
    is_ours = isinstance(facts, dict) and isinstance(facts.get("snapshot"), str) and isinstance(listed, list)
    if not overwrite or not is_ours:
        hint = "; --overwrite replaces an export that lies there" if is_ours and overwrite is not None else ""
        why = " and holds no export that could be replaced" if overwrite else ""
        raise BadOption(
            f"{folder} is there and not empty{why}: name a folder that does not exist yet, or an empty one{hint}"
        )
    foreign = _foreign(folder, listed)
    if foreign:
        more = f" and {len(foreign) - FIRST} more" if len(foreign) > FIRST else ""
        raise BadOption(
            f"{folder} also holds what no export wrote ({', '.join(foreign[:FIRST])}{more}): take it elsewhere first, "
            "or name another folder. Nothing was changed."
        )
    return (
        f"{folder} holds an export of {facts.get('collection')!r} (snapshot {facts['snapshot'][:12]}, "
        f"{len(listed):,} files): it is replaced once the new one is whole"
    )


def _read(path: Path) -> Any:
    try:
        return parse_json(read_bounded(path, BadTruth, MOST_BYTES), str(path), BadTruth)
    except BadTruth:
        return None


def _foreign(folder: Path, listed: list[Any]) -> list[str]:
    ours = {each for each in listed if isinstance(each, str)} | {LISTED}
    return sorted(path for path in _files_below(folder) if path not in ours)


def _files_below(folder: Path) -> Iterator[str]:
    """Yield all that is no folder, links too, by its path below the folder."""
    for at, folders, names in os.walk(folder):
        links = [name for name in folders if Path(at, name).is_symlink()]
        for name in (*names, *links):
            yield Path(at, name).relative_to(folder).as_posix()


@contextmanager
def moved_whole(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a folder beside the target, which is moved there at the end; whatever goes wrong, nothing is left.

    The room is called by the target's name, so what a killed export left is found, and begun anew; two at once are told
    apart by a lock, which goes with its process. An export that is replaced waits in the room until the new one is in
    its place: one that is killed between puts it back when it is begun anew.
    """
    room = folder.parent / f".labelline-{hash_of(str(folder.absolute()), 16)}"
    try:
        with _locked(room, folder):
            place, old = room / "dataset", room / "old"
            _put_back(old, folder)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            try:
                yield place
                _list_files(place)
                if overwrite and folder.exists() and any(folder.iterdir()):
                    _replaceable(folder, overwrite=True)  # somebody may have put something there meanwhile
                    folder.replace(old)
                place.replace(folder)
            finally:
                _put_back(old, folder)
                shutil.rmtree(room)
    except OSError as error:
        raise BadOption(f"{folder} cannot be written: {error.strerror or error}. Nothing was left there.") from error


def _put_back(old: Path, folder: Path) -> None:
    if old.exists() and not folder.exists():
        old.replace(folder)


def _list_files(place: Path) -> None:
    listed = place / LISTED
    with listed.open("w", encoding="utf-8") as out:  # names that are no UTF-8 are escaped
        for number, path in enumerate(sorted(_files_below(place))):
            out.write(("[\n" if number == 0 else ",\n") + json.dumps(path))
        out.write("\n]\n")


@contextmanager
def _locked(room: Path, folder: Path) -> Iterator[None]:
    room.mkdir(mode=0o700, exist_ok=True)
    found = room.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise BadOption(f"{room} is not a folder of this user: remove it, or name another place than {folder}")
    with (room / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadOption(f"another export is writing {folder}: wait for it, or name another folder") from error
        yield
