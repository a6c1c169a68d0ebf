"""Where bytes live: one small interface over a folder and over any S3 service, the same contract for both.

Split from `object_store.py` so that plain code can use a store without Prefect.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from blocks.errors import BadInput, ObjectMissing, StoreUnavailable

MAX_KEY_BYTES = 1024
"""S3 takes keys of up to 1,024 bytes."""

PIECE_BYTES = 1 << 20
"""How much of an object is read at once where nobody wants all of it."""

MAX_NAME_BYTES = 200
"""Longest part between two slashes: file systems take 255 bytes, and a temporary name is a little longer."""


class Store(Protocol):
    """Bytes by key. Keys are slash-separated paths without `..`, such as `items/ab/abcd….jpg`."""

    def put(self, key: str, data: bytes | Path, media_type: str = "application/octet-stream") -> None:
        """Store bytes or a file's content under a key; whole or not at all; the same key is overwritten.

        Raises:
            StoreUnavailable: The store cannot be reached or written.
        """
        ...

    def get(self, key: str) -> bytes:
        """Return the bytes of a key.

        Raises:
            ObjectMissing: No such key.
            StoreUnavailable: The store cannot be reached or read.
        """
        ...

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of a key piece by piece, from where they are kept and past every cache.

        Raises:
            ObjectMissing: No such key.
            StoreUnavailable: The store cannot be reached or read.
        """
        ...

    def has(self, key: str) -> bool:
        """Say whether a key exists."""
        ...

    def local_path(self, key: str) -> Path:
        """Return a local file with the bytes of a key, fetched once and kept (never to be written to)."""
        ...

    def delete(self, key: str) -> None:
        """Delete a key; one that is not there is deleted already.

        Raises:
            StoreUnavailable: The store cannot be reached or written.
        """
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys under a prefix, in order."""
        ...

    def link(self, key: str, valid_s: int = 3600) -> str | None:
        """Return a presigned http(s) address of a key, or None where the store has none (a folder)."""
        ...


def check_key(key: str) -> str:
    """Return a key as it is, or refuse it: keys never leave their store, on any file system.

    Raises:
        BadInput: The key is empty, absolute, too long, or has a part that is empty, hidden, `.` or `..`, a backslash
            or a control character.
    """
    fault = _fault_of(key)
    if fault:
        raise BadInput(f"object key {key[:200]!r} {fault}; expected something like 'items/ab/abcd.jpg'")
    return key


def check_source(data: bytes | Path) -> None:
    """Refuse a path that is no file, before a store is blamed for it.

    Raises:
        BadInput: There is no such file.
    """
    if isinstance(data, Path) and not data.is_file():
        raise BadInput(f"there is no file {data} to store: expected bytes, or the path of an existing file")


def is_key(text: str) -> bool:
    """Say whether `check_key` takes a text."""
    return not _fault_of(text)


def _fault_of(key: str) -> str:
    if not key or len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES:
        return f"must have 1 to {MAX_KEY_BYTES} bytes"
    if "\\" in key or not key.isprintable():
        return "must not hold backslashes or unprintable characters"
    if any(not part or part.startswith(".") for part in key.split("/")):
        return "must be relative, without empty parts and without parts that begin with a dot"
    if any(len(part.encode()) > MAX_NAME_BYTES for part in key.split("/")):
        return f"must not have parts longer than {MAX_NAME_BYTES} bytes"
    return ""


class FolderStore:
    """A store in a folder of this machine, one file per key."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def put(self, key: str, data: bytes | Path, media_type: str = "application/octet-stream") -> None:  # noqa: ARG002 a folder keeps no media type
        """Store bytes or a file's content under a key; see `Store.put`."""
        path = self._path(key)
        check_source(data)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fill_atomically(path, data)
        except OSError as error:
            raise StoreUnavailable(
                f"cannot write {path}: {error.strerror or error}. Check that the store's folder exists on a disk with "
                "room and that this user may write there; then run again, nothing is lost."
            ) from error

    def get(self, key: str) -> bytes:
        """Return the bytes of a key; see `Store.get`."""
        path = self._path(key)
        try:
            return path.read_bytes()
        except OSError as error:
            raise self._unreadable(key, error) from error

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of a key; see `Store.pieces`."""
        path = self._path(key)
        try:
            # It may be a pipe that nobody writes to: O_NONBLOCK sees to that, fstat to all that is no file.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", 0) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ObjectMissing(f"{path} is no file: no object {key!r} in the folder {self.root}")
                while piece := file.read(PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise self._unreadable(key, error) from error

    def has(self, key: str) -> bool:
        """Say whether a key exists."""
        return self._path(key).is_file()

    def local_path(self, key: str) -> Path:
        """Return the file of a key; see `Store.local_path`."""
        path = self._path(key)
        if not path.is_file():
            raise ObjectMissing(f"no object {key!r} in the folder {self.root}")
        return path

    def delete(self, key: str) -> None:
        """Delete a key; see `Store.delete`."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise StoreUnavailable(
                f"cannot delete {path}: {error.strerror or error}. Check that this user may write there."
            ) from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys under a prefix, in order."""
        folder = prefix.rpartition("/")[0]
        yield from self._keys_below(f"{check_key(folder)}/" if folder else "", prefix)

    def link(self, key: str, valid_s: int = 3600) -> str | None:  # noqa: ARG002 the protocol's signature
        """Return None: a folder has no address."""
        check_key(key)
        return None

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _keys_below(self, folder: str, prefix: str) -> Iterator[str]:
        try:
            with os.scandir(self.root / folder) as entries:
                # With its slash a folder sorts among files as its keys do, which is S3's order too.
                names = sorted(entry.name + "/" * entry.is_dir() for entry in entries if not entry.name.startswith("."))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unreadable(folder or ".", error) from error
        for name in names:
            key = folder + name
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._keys_below(key, prefix)
            elif key.startswith(prefix):
                yield key

    def _unreadable(self, key: str, error: OSError) -> ObjectMissing | StoreUnavailable:
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            return ObjectMissing(f"no object {key!r} in the folder {self.root}")
        return StoreUnavailable(
            f"cannot read {key!r} in the folder {self.root}: {error.strerror or error}. Check that this user may."
        )


def fill_atomically(path: Path, data: bytes | Path | IO[bytes]) -> None:
    """Write a file whole or not at all: into a hidden neighbour first, to the disk, then renamed.

    Raises:
        OSError: The file cannot be written, or the source file cannot be read.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}"
    try:
        with temporary.open("xb") as target:
            if isinstance(data, Path):
                with data.open("rb") as source:
                    shutil.copyfileobj(source, target, 1024 * 1024)
            elif isinstance(data, bytes):
                target.write(data)
            else:
                shutil.copyfileobj(data, target, 1024 * 1024)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
