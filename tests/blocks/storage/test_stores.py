"""One contract for every store, run over a folder and a real S3 server; then what only a folder can do wrong."""

import errno
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadInput, ObjectMissing, StoreUnavailable
from blocks.storage.mirrored import MirroredStore
from blocks.storage.stores import FolderStore, Store, check_key, is_key
from tests.unprivileged import as_nobody


@pytest.fixture(params=["folder", "mirrored", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    if request.param == "folder":
        return FolderStore(tmp_path / "objects")
    if request.param == "mirrored":
        return MirroredStore(FolderStore(tmp_path / "objects"), FolderStore(tmp_path / "second"))
    return request.getfixturevalue("open_s3")()  # type: ignore[no-any-return]


# --- the contract ---


def test_an_empty_store_has_no_keys(store: Store) -> None:
    assert list(store.keys()) == []
    assert list(store.keys("items/ab")) == []
    assert not store.has("items/ab/abcd.jpg")


def test_bytes_come_back_as_they_were_put(store: Store) -> None:
    store.put("items/ab/abcd.jpg", b"\x00\xffpicture", "image/jpeg")
    assert store.get("items/ab/abcd.jpg") == b"\x00\xffpicture"
    assert store.local_path("items/ab/abcd.jpg").read_bytes() == b"\x00\xffpicture"
    assert store.has("items/ab/abcd.jpg")


def test_a_file_is_put_by_its_path(store: Store, tmp_path: Path) -> None:
    content = os.urandom(6 * 1024 * 1024)  # more than one part of a multipart upload
    (tmp_path / "weights.pt").write_bytes(content)
    store.put("weights/abc.pt", tmp_path / "weights.pt")
    assert store.get("weights/abc.pt") == content
    assert store.local_path("weights/abc.pt").suffix == ".pt"


def test_an_object_is_read_piece_by_piece_past_every_cache(store: Store) -> None:
    content = os.urandom(3 * 1024 * 1024 + 5)
    store.put("weights/abc.pt", content)
    pieces = list(store.pieces("weights/abc.pt"))
    assert (b"".join(pieces), len(pieces) > 2) == (content, True)
    store.put("empty", b"")
    assert b"".join(store.pieces("empty")) == b""
    with pytest.raises(ObjectMissing):
        list(store.pieces("weights/other.pt"))


def test_no_bytes_are_bytes_too(store: Store) -> None:
    store.put("empty", b"")
    assert store.has("empty")
    assert store.get("empty") == b""


def test_what_is_deleted_is_gone_and_a_second_deletion_changes_nothing(store: Store) -> None:
    store.delete("a/b")
    for key in ("a/b", "a/c"):
        store.put(key, b"bytes")
        store.get(key)
    store.delete("a/b")
    store.delete("a/b")
    assert list(store.keys()) == ["a/c"]
    with pytest.raises(ObjectMissing):
        store.get("a/b")


def test_the_same_key_is_overwritten(store: Store) -> None:
    store.put("a/b", b"first")
    assert store.get("a/b") == b"first"
    store.put("a/b", b"second")
    assert store.get("a/b") == b"second"
    assert store.local_path("a/b").read_bytes() == b"second"


def test_a_missing_key_is_named(store: Store) -> None:
    for _ in range(2):  # before and after there is a bucket
        with pytest.raises(ObjectMissing, match="items/ab/none"):
            store.get("items/ab/none")
        with pytest.raises(ObjectMissing, match="items/ab/none"):
            store.local_path("items/ab/none")
        assert not store.has("items/ab/none")
        store.put("items/ab/other", b"x")


def test_keys_come_in_order_below_a_prefix(store: Store) -> None:
    keys = ["a.txt", "a/2", "a/10", "a/b/c", "ab/1", "a-b/1", "é/ü 1.jpg", "b"]
    for key in keys:
        store.put(key, b"x")
    assert list(store.keys()) == sorted(keys)
    assert list(store.keys("a/")) == ["a/10", "a/2", "a/b/c"]
    assert list(store.keys("a/1")) == ["a/10"]
    assert list(store.keys("a")) == sorted(key for key in keys if key.startswith("a"))
    assert list(store.keys("zz")) == []


@pytest.mark.parametrize(
    "key", ["items/Ünïcode 漢字 (1).jpg", "a+b%20c&d=e#f?.png", "~x/'q'", "x" * 200, "a/" * 50 + "a"]
)
def test_odd_but_honest_keys_work(store: Store, key: str) -> None:
    store.put(key, b"odd")
    assert store.get(key) == b"odd"
    assert list(store.keys()) == [key]


BAD_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "./a",
    "a//b",
    "a/",
    "a\\b",
    "a\x00b",
    "a\nb",
    ".hidden",
]


@pytest.mark.parametrize("key", [*BAD_KEYS, "x" * 201, "a/" * 512 + "a"])
def test_a_key_that_could_leave_the_store_is_refused(store: Store, key: str) -> None:
    for use in (store.get, store.has, store.local_path, store.link, lambda key: store.put(key, b"x")):
        with pytest.raises(BadInput, match="object key"):
            use(key)


def test_a_path_that_is_no_file_is_the_callers_fault(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        store.put("a/b", tmp_path / "gone")
    with pytest.raises(BadInput, match="there is no file"):
        store.put("a/b", tmp_path)
    assert not store.has("a/b")


def test_writers_of_one_key_never_mix_their_bytes(store: Store) -> None:
    contents = [bytes([n]) * 300_000 for n in range(6)]
    store.put("shared", contents[0])
    seen = []

    def read(_: int) -> None:
        seen.append(store.get("shared"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda content: store.put("shared", content), contents))
        list(pool.map(read, range(12)))
    assert all(content in contents for content in seen)
    assert list(store.keys()) == ["shared"]


@given(st.text())
def test_what_passes_as_a_key_stays_below_its_folder(key: str) -> None:
    if not is_key(key):
        with pytest.raises(BadInput):
            check_key(key)
        return
    path = os.path.normpath(os.path.join("/store", key))  # noqa: PTH118 pathlib would tidy what is under test
    assert path == f"/store/{key}"


# --- a folder ---


def test_a_folder_has_no_links(tmp_path: Path) -> None:
    assert FolderStore(tmp_path).link("a/b") is None


def test_a_full_disk_leaves_the_old_object_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    store.put("a/b", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match=r"No space left on device.*disk with room"):
        store.put("a/b", b"new")
    assert store.get("a/b") == b"old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_folder_without_write_permission_is_named(closed_folder: Path) -> None:
    imports = "from pathlib import Path\nfrom blocks.storage.stores import FolderStore, StoreUnavailable"
    code = "try: FolderStore(Path(sys.argv[1])).put('a/b', b'x')\nexcept StoreUnavailable as error: print(error)"
    said = as_nobody(closed_folder, imports, code)
    assert f"cannot write {closed_folder}/a/b: Permission denied." in said
    assert "this user may write there" in said


@pytest.mark.parametrize("root", ["/proc/labelline", "/dev/null/labelline"])
def test_a_folder_that_cannot_be_made_says_so(root: str) -> None:
    with pytest.raises(StoreUnavailable, match=f"cannot write {root}/a/b.*this user may write there"):
        FolderStore(Path(root)).put("a/b", b"x")
    with pytest.raises(ObjectMissing):
        FolderStore(Path(root)).get("a/b")


def test_a_killed_writer_leaves_only_whole_objects(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from blocks.storage.stores import FolderStore\n"
        "store = FolderStore(pathlib.Path(sys.argv[1]))\n"
        "for n in range(10_000): store.put(f'a/{n}', bytes([n % 256]) * 2_000_000)"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    store = FolderStore(tmp_path)
    while len(list(store.keys())) < 5:
        assert writer.poll() is None
        time.sleep(0.01)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    for key in store.keys():  # noqa: SIM118 a store is no dict
        content = store.get(key)
        assert len(content) == 2_000_000 and len(set(content)) == 1
