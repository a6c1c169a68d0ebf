"""One object in every copy that a store keeps of it: read, hashed, compared, and mended from a copy that is whole."""

import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blocks.errors import ObjectMissing, StoreUnavailable
from blocks.storage.stores import Store

MOST_JSON_BYTES = 16 << 20
"""JSON whose key does not tell its hash is read as JSON up to this length."""


class RateLimit:
    """Lets through so many bytes a second, all threads together."""

    def __init__(self, bytes_per_s: float | None) -> None:
        self._bytes_per_s, self._lock, self._free_at = bytes_per_s, threading.Lock(), 0.0

    def take(self, count: int) -> None:
        """Wait until so many more bytes may be read."""
        if self._bytes_per_s is None:
            return
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._free_at)
            self._free_at = begin + count / self._bytes_per_s
        time.sleep(begin - now)


@dataclass(frozen=True, slots=True)
class OneCopy:
    """An object as one store has it.

    Attributes:
        digest: SHA-256 of its bytes, hex; empty: it is not there, or cannot be read.
        size_bytes: How long it is.
        fault: What is wrong with it, in words; empty: nothing.
    """

    digest: str = ""
    size_bytes: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """What became of one object in all copies.

    Attributes:
        key: Its key.
        read_bytes: What was read of it, in all copies.
        fault: What was wrong, in words; empty: nothing.
        mended: Whether all copies are whole now.
        is_lost: Whether no copy is there at all.
        unreachable: The store's own words where it could not be read for another reason than that it is not there.
    """

    key: str
    read_bytes: int
    fault: str = ""
    mended: bool = False
    is_lost: bool = False
    unreachable: StoreUnavailable | None = field(default=None, compare=False)


def examine(
    stores: Sequence[Store], key: str, digest: str, size_bytes: int | None, rate: RateLimit, *, mend: bool = True
) -> Examination:
    """Read an object in every store that keeps it, compare it, and mend what is broken from what is whole.

    Args:
        stores: Where it is kept: the first is the one that the line reads.
        key: Its key.
        digest: First hex digits of its SHA-256; empty: not known, then copies are compared with one another.
        size_bytes: How long it must be; None: not known.
        rate: How fast may be read.
        mend: Whether a broken copy is written anew.
    """
    unreachable, copies = None, []
    for store in stores:
        try:
            copies.append(_read(store, key, digest, size_bytes, rate))
        except StoreUnavailable as error:
            unreachable = error
            copies.append(OneCopy(fault=f"cannot be read ({error})"))
    count = sum(copy.size_bytes for copy in copies)
    whole = [copy for copy in copies if not copy.fault]
    if len(whole) == len(copies):
        if len({copy.digest for copy in copies}) == 1:
            return Examination(key, count)
        return Examination(key, count, "its copies differ, and nothing tells which is right")
    faults = "; ".join(
        (f"copy {number}: " if len(copies) > 1 else "") + copy.fault
        for number, copy in enumerate(copies, start=1)
        if copy.fault
    )
    mended = False
    if whole and mend:
        source = stores[copies.index(whole[0])]
        targets = [store for store, copy in zip(stores, copies, strict=True) if copy.fault]
        mended = all(_mend(source, store, key, whole[0].digest, rate) for store in targets)
    lost = all(copy.fault == NOT_THERE for copy in copies)
    return Examination(key, count, faults, mended, is_lost=lost, unreachable=unreachable)


NOT_THERE = "is not there"


def _read(store: Store, key: str, digest: str, size_bytes: int | None, rate: RateLimit) -> OneCopy:
    hashed, count, kept = hashlib.sha256(), 0, bytearray()
    is_json = not digest and key.endswith(".json")
    try:
        for piece in store.pieces(key):
            rate.take(len(piece))
            hashed.update(piece)
            count += len(piece)
            if is_json and count <= MOST_JSON_BYTES:
                kept += piece
    except ObjectMissing:
        return OneCopy(fault=NOT_THERE)
    found = hashed.hexdigest()
    fault = ""
    if not found.startswith(digest):
        fault = f"is damaged: its bytes have the hash {found[:12]}…, and must have {digest[:12]}…"
    elif size_bytes is not None and count != size_bytes:
        fault = f"is damaged: it has {count:,} bytes, and must have {size_bytes:,}"
    elif is_json and count <= MOST_JSON_BYTES and not _is_json(bytes(kept)):
        fault = "is damaged: it is no JSON"
    return OneCopy(found, count, fault)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _mend(source: Store, target: Store, key: str, digest: str, rate: RateLimit) -> bool:
    """Write an object of one store into another; say whether it has arrived whole."""
    with tempfile.TemporaryDirectory(prefix="labelline-mend-") as folder:
        file, hashed = Path(folder) / "object", hashlib.sha256()
        try:
            with file.open("wb") as out:
                for piece in source.pieces(key):
                    rate.take(len(piece))
                    hashed.update(piece)
                    out.write(piece)
            if hashed.hexdigest() != digest:  # it was changed meanwhile
                return False
            target.put(key, file)
            return _read(target, key, digest, None, rate).fault == ""
        except (ObjectMissing, StoreUnavailable):
            return False
