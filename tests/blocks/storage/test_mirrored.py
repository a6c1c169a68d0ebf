"""Two copies of everything: writes go to both or fail, and what one has lost the other gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.errors import ObjectMissing, StoreUnavailable
from blocks.storage.mirrored import MirroredStore, copies_of
from blocks.storage.stores import FolderStore


class Away(FolderStore):
    """A store that cannot be reached."""

    def put(self, key: str, data: bytes | Path, media_type: str = "") -> None:
        raise StoreUnavailable("no way to it.")

    def get(self, key: str) -> bytes:
        raise StoreUnavailable("no way to it.")

    def has(self, key: str) -> bool:
        raise StoreUnavailable("no way to it.")

    def pieces(self, key: str) -> Iterator[bytes]:
        raise StoreUnavailable("no way to it.")


@pytest.fixture
def both(tmp_path: Path) -> tuple[FolderStore, FolderStore]:
    return FolderStore(tmp_path / "first"), FolderStore(tmp_path / "second")


def test_what_is_put_is_there_twice_and_deleted_twice(both: tuple[FolderStore, FolderStore]) -> None:
    store = MirroredStore(*both)
    store.put("a/b", b"bytes")
    assert [one.get("a/b") for one in both] == [b"bytes", b"bytes"]
    store.delete("a/b")
    assert [one.has("a/b") for one in both] == [False, False]
    assert copies_of(store) == both
    assert copies_of(both[0]) == (both[0],)


def test_what_the_first_has_lost_comes_from_the_second(both: tuple[FolderStore, FolderStore]) -> None:
    store = MirroredStore(*both)
    store.put("a/b", b"bytes")
    store.put("a/c", b"more")
    both[0].delete("a/b")
    both[1].delete("a/c")
    assert (store.get("a/b"), b"".join(store.pieces("a/b")), store.has("a/b")) == (b"bytes", b"bytes", True)
    assert store.local_path("a/b").read_bytes() == b"bytes"
    assert list(store.keys("a")) == ["a/b", "a/c"]
    for read in (store.get, store.local_path, lambda key: list(store.pieces(key))):
        with pytest.raises(ObjectMissing, match=r"'a/d' in the folder .*first"):
            read("a/d")


def test_a_first_store_that_is_away_is_read_from_the_second(both: tuple[FolderStore, FolderStore]) -> None:
    both[1].put("a/b", b"bytes")
    store = MirroredStore(Away(both[0].root), both[1])
    assert (store.get("a/b"), b"".join(store.pieces("a/b"))) == (b"bytes", b"bytes")
    with pytest.raises(StoreUnavailable):
        store.get("a/c")


def test_a_second_store_that_is_away_stops_writes_and_no_reads(both: tuple[FolderStore, FolderStore]) -> None:
    both[0].put("a/b", b"bytes")
    store = MirroredStore(both[0], Away(both[1].root))
    with pytest.raises(StoreUnavailable, match="second copy of 'a/c'"):
        store.put("a/c", b"x")
    assert not both[0].has("a/c"), "what the line can read is there twice"
    assert store.get("a/b") == b"bytes"
    with pytest.raises(ObjectMissing):
        store.get("a/c")
