"""Every object twice: in the store that the line reads, and in a second one on another disk or in another place."""

from collections.abc import Iterator
from heapq import merge
from pathlib import Path

from blocks.errors import ObjectMissing, StoreUnavailable
from blocks.storage.stores import Store


class MirroredStore:
    """Writes go to both stores, or fail; what the first one lacks, or cannot give, is read from the second.

    A broken copy is not seen by reading: `labelline fsck` compares both, and mends one from the other.

    Args:
        first: What the line reads.
        second: What has everything a second time.
    """

    def __init__(self, first: Store, second: Store) -> None:
        self.first, self.second = first, second

    def put(self, key: str, data: bytes | Path, media_type: str = "application/octet-stream") -> None:
        """Store under a key in both, the second first: what the line can read is there twice; see `Store.put`."""
        try:
            self.second.put(key, data, media_type)
        except StoreUnavailable as error:
            raise StoreUnavailable(
                f"the second copy of {key!r} cannot be written, so nothing was: {error} Or take `second` out of the "
                "ObjectStore block, and go on with one copy."
            ) from error
        self.first.put(key, data, media_type)

    def get(self, key: str) -> bytes:
        """Return the bytes of a key; see `Store.get`."""
        try:
            return self.first.get(key)
        except (ObjectMissing, StoreUnavailable) as error:
            return self._second_or(error, key).get(key)

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of a key; see `Store.pieces`."""
        begun = False
        try:
            for piece in self.first.pieces(key):
                begun = True
                yield piece
        except (ObjectMissing, StoreUnavailable) as error:
            if begun:
                raise
            yield from self._second_or(error, key).pieces(key)

    def has(self, key: str) -> bool:
        """Say whether a key exists in either."""
        return self.first.has(key) or self.second.has(key)

    def local_path(self, key: str) -> Path:
        """Return a local file with the bytes of a key; see `Store.local_path`."""
        try:
            return self.first.local_path(key)
        except (ObjectMissing, StoreUnavailable) as error:
            return self._second_or(error, key).local_path(key)

    def delete(self, key: str) -> None:
        """Delete a key in both; see `Store.delete`."""
        self.first.delete(key)
        self.second.delete(key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys that either has under a prefix, in order, each once."""
        last = ""
        for key in merge(self.first.keys(prefix), self.second.keys(prefix)):
            if key != last:
                last = key
                yield key

    def link(self, key: str, valid_s: int = 3600) -> str | None:
        """Return a presigned address of a key in the first, or None where that has none."""
        return self.first.link(key, valid_s)

    def _second_or(self, error: ObjectMissing | StoreUnavailable, key: str) -> Store:
        """Return the second store where it has a key; else say what the first one said."""
        try:
            has = self.second.has(key)
        except StoreUnavailable:
            raise error from None
        if not has:
            raise error
        return self.second


def copies_of(store: Store) -> tuple[Store, ...]:
    """Return the stores that keep each object: the first is the one that the line reads."""
    return (store.first, store.second) if isinstance(store, MirroredStore) else (store,)
