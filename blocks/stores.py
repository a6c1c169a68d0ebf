"""Where bytes live: one small interface over a folder and over any S3 service, the same contract for both.

Split from `object_store.py` so that plain code can use a store without Prefect.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


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

    def has(self, key: str) -> bool:
        """Say whether a key exists."""
        ...

    def local_path(self, key: str) -> Path:
        """Return a local file with the bytes of a key, fetched once and kept (never to be written to)."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys under a prefix, in order."""
        ...

    def link(self, key: str, valid_s: int = 3600) -> str | None:
        """Return a presigned http(s) address of a key, or None where the store has none (a folder)."""
        ...
