"""One file, looked at once: read, hashed, decoded in full, stored. What cannot be used comes back with its reason."""

import errno
import hashlib
import os
import stat
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from blocks.database.tables import Item
from blocks.errors import BadInput, ImageTooLarge, UnreadableImage
from blocks.storage.stores import Store
from tasks.intake.credits import Credit
from tasks.intake.decoding.budget import DECODING
from tasks.intake.images import MAX_FILE_BYTES, inspect_image
from tasks.intake.sequences import readable, sequence_of

LARGE_FILE_BYTES = 64_000_000
"""Larger files are taken in one at a time: held while they are hashed, they count as memory that pictures take."""

BACK = "was lost from the store, and is back"

CLOCK_GRAIN = timedelta(seconds=2)
"""FAT, the coarsest file system in use, keeps times to two seconds."""

_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/tiff": ".tif",
    "image/x-portable-anymap": ".ppm",
}

_NO_FILE = {
    stat.S_IFLNK: "a link: links are not followed, so that a folder cannot pull in files from elsewhere; copy the file",
    stat.S_IFDIR: "a folder that this user may not list",
    stat.S_IFIFO: "a named pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFBLK: "a device, not a file",
    stat.S_IFCHR: "a device, not a file",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue says of a source that was seen before, and of its item, where it has one."""

    item_id: str | None
    size_bytes: int | None
    seen_at: datetime
    key: str | None
    media_type: str | None

    def is_kept(self, store: Store) -> bool:
        """Say whether a store has the item still; what it has lost is taken in again.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        return self.key is not None and store.has(self.key)


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of one file that was offered.

    Attributes:
        uri: The source.
        item_id: SHA-256 of the bytes; None when the file cannot be used.
        reason: Why it cannot be used; None when it can.
        item: The item's row when the file was decoded; None when its item is known already.
        notes: What is not shown as it is stored; see `ImageFacts`.
        fingerprint: By which near-duplicates are found; None: it has none, or the item is known already.
        credit: Who made it, where that is known.
        is_double: Whether it names what was offered before, and so was not looked at; `reason` says where.
    """

    uri: str
    item_id: str | None = None
    reason: str | None = None
    item: Item | None = None
    notes: tuple[str, ...] = ()
    fingerprint: bytes | None = None
    credit: Credit | None = None
    is_double: bool = False


def uri_of(path: Path) -> str:
    """Return the address of a file, `file:///…`, printable whatever bytes its name has."""
    return path.absolute().as_uri()


def examine(path: Path, known: Known | None, relative: Path, *, store: Store, sequence_pattern: str | None) -> Examined:
    """Look at one file; its bytes are in the store when this returns an item.

    Args:
        path: The file.
        known: What the catalogue says of it; a file that has not changed since is not read again, unless the store
            has lost its bytes.
        relative: Its path as `sequence_of` takes it.
        store: Where its bytes go.
        sequence_pattern: See `sequence_of`.

    Raises:
        StoreUnavailable: The store cannot be reached or written.
    """
    uri = uri_of(path)
    try:
        if known and known.item_id and is_unchanged(path, known) and known.is_kept(store):
            return Examined(uri, known.item_id)
        large = path.lstat().st_size > LARGE_FILE_BYTES
        with DECODING.room(DECODING.total) if large else nullcontext():
            return _take(uri, path, known, relative, store, sequence_pattern)
    except (BadInput, OSError) as error:
        return Examined(uri, reason=why_unread_file(error))
    except MemoryError:
        return Examined(uri, reason="does not fit this machine's memory: cut the picture into parts")


def _take(
    uri: str, path: Path, known: Known | None, relative: Path, store: Store, sequence_pattern: str | None
) -> Examined:
    return take_bytes(uri, read_file(path), known, path.name, sequence_of(relative, sequence_pattern), store=store)


def take_bytes(uri: str, data: bytes, known: Known | None, name: str, sequence: str, *, store: Store) -> Examined:
    """Look at the bytes of one picture, and store them.

    Args:
        uri: Where they come from.
        data: All of them.
        known: What the catalogue says of the source.
        name: Under which people know it.
        sequence: To which it belongs.
        store: Where its bytes go.

    Raises:
        UnreadableImage: They are no picture.
        ImageTooLarge: It is too large for this machine.
        StoreUnavailable: The store cannot be reached or written.
    """
    item_id = hashlib.sha256(data).hexdigest()
    if known and known.item_id == item_id and known.key is not None:
        if known.is_kept(store):
            return Examined(uri, item_id)
        store.put(known.key, data, known.media_type or "application/octet-stream")
        return Examined(uri, item_id, notes=(BACK,))
    facts = inspect_image(data)
    key = f"items/{item_id[:2]}/{item_id}{_SUFFIXES.get(facts.media_type, '')}"
    if not store.has(key):
        store.put(key, data, facts.media_type)
    item = Item(
        id=item_id,
        key=key,
        name=readable(name),
        sequence=readable(sequence),
        media_type=facts.media_type,
        size_bytes=len(data),
        width=facts.width,
        height=facts.height,
        orientation=facts.orientation,
        plain=facts.plain,
    )
    return Examined(uri, item_id, item=item, notes=facts.notes, fingerprint=facts.fingerprint)


def is_unchanged(path: Path, known: Known) -> bool:
    """Say whether a file is as it was when it was last seen: same size, and neither content nor name touched since.

    Raises:
        OSError: The file is gone.
    """
    now = path.lstat()
    touched = datetime.fromtimestamp(now.st_ctime, UTC)
    return stat.S_ISREG(now.st_mode) and now.st_size == known.size_bytes and touched < known.seen_at - CLOCK_GRAIN


def read_file(path: Path) -> bytes:
    """Return the bytes of a regular file, never those of a link's target, and never waiting for a pipe.

    Raises:
        UnreadableImage: It is empty, or no regular file.
        ImageTooLarge: It has more than `MAX_FILE_BYTES`.
        OSError: It cannot be opened or read.
    """
    _check_regular(path.lstat())
    # Between the look and the opening the name may have come to mean something else: O_NOFOLLOW and fstat see to that.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 flags
        found = os.fstat(file.fileno())
        _check_regular(found)
        if found.st_size > MAX_FILE_BYTES:
            raise ImageTooLarge(f"{found.st_size:,} bytes are more than the {MAX_FILE_BYTES:,} that are taken in")
        data = file.read(MAX_FILE_BYTES)
    if not data:
        raise UnreadableImage("the file is empty")
    return data


def _check_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableImage(_NO_FILE.get(stat.S_IFMT(found.st_mode), "not a regular file"))


def why_unread_file(error: BadInput | OSError) -> str:
    """Say in a few words why a file is not taken."""
    if not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.ENOENT:
        return "the file is gone"
    if error.errno == errno.ELOOP:
        return _NO_FILE[stat.S_IFLNK]
    return f"cannot be read: {error.strerror or error}"
