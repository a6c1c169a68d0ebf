"""One contract for every store, run over a folder and a real S3 server; then what only one of them can do wrong."""

import errno
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import blocks.s3_store
from blocks.errors import BadInput, BadOption, ObjectMissing, StoreUnavailable
from blocks.object_store import ObjectStore
from blocks.s3_store import S3Store
from blocks.stores import FolderStore, Store, check_key, is_key
from tests.s3_server import S3Server, free_ports

BUCKETS = itertools.count()

OpenS3 = Callable[..., S3Store]


@pytest.fixture
def open_s3(s3_server: S3Server, tmp_path: Path) -> OpenS3:
    """Opens stores of one bucket of this test's own, each with a cache of its own."""
    bucket = f"bucket-{os.getpid()}-{next(BUCKETS)}"
    caches = itertools.count()

    def open_store(**changes: object) -> S3Store:
        options: dict[str, object] = {
            "endpoint": s3_server.endpoint,
            "access_key": s3_server.access_key,
            "secret_key": s3_server.secret_key,
            "bucket": bucket,
            "secure": False,
            "region": s3_server.region,
            "cache": tmp_path / f"cache-{next(caches)}",
        }
        return S3Store(**{**options, **changes})  # type: ignore[arg-type]

    return open_store


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    if request.param == "folder":
        return FolderStore(tmp_path / "objects")
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


def test_no_bytes_are_bytes_too(store: Store) -> None:
    store.put("empty", b"")
    assert store.has("empty")
    assert store.get("empty") == b""


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


@pytest.mark.parametrize("root", ["/proc/labelline", "/dev/null/labelline"])
def test_a_folder_that_cannot_be_made_says_so(root: str) -> None:
    with pytest.raises(StoreUnavailable, match=f"cannot write {root}/a/b.*this user may write there"):
        FolderStore(Path(root)).put("a/b", b"x")
    with pytest.raises(ObjectMissing):
        FolderStore(Path(root)).get("a/b")


def test_a_killed_writer_leaves_only_whole_objects(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from blocks.stores import FolderStore\n"
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


# --- S3 ---


def test_the_media_type_travels_with_a_link(open_s3: OpenS3) -> None:
    store = open_s3()
    store.put("items/ab/é 1.jpg", b"picture", "image/jpeg")
    link = store.link("items/ab/é 1.jpg", valid_s=60)
    assert link is not None
    answer = httpx.get(link)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"picture", "image/jpeg")
    assert httpx.get(link.replace("items", "itemz")).status_code == 403


def test_an_expired_link_is_dead(open_s3: OpenS3) -> None:
    store = open_s3()
    store.put("a", b"x")
    link = store.link("a", valid_s=1)
    time.sleep(2.1)
    assert link is not None
    assert httpx.get(link).status_code == 403


@pytest.mark.parametrize("valid_s", [0, -1, 7 * 24 * 3600 + 1])
def test_a_link_that_s3_would_not_sign_is_refused(open_s3: OpenS3, valid_s: int) -> None:
    with pytest.raises(BadOption, match="expected 1 to 604800"):
        open_s3().link("a", valid_s)


def test_an_object_is_fetched_once_and_shared_between_machines(open_s3: OpenS3) -> None:
    here, there = open_s3(), open_s3()
    here.put("weights/abc.pt", b"weights")
    assert there.get("weights/abc.pt") == b"weights"
    offline = open_s3(endpoint=f"127.0.0.1:{free_ports(1)}", cache=there._cache.parent)
    assert offline.get("weights/abc.pt") == b"weights"
    assert offline.local_path("weights/abc.pt").read_bytes() == b"weights"


def test_names_that_are_no_keys_are_not_listed(open_s3: OpenS3) -> None:
    store = open_s3()
    store.put("a", b"x")
    for name in ("b//c", ".hidden", "d\\e"):
        store._client.put_object(store.bucket, name, __import__("io").BytesIO(b"x"), 1)
    assert list(store.keys()) == ["a"]


@pytest.mark.parametrize("change", [{"secret_key": "wrong-but-long-enough"}, {"access_key": "nobody:here"}])
def test_wrong_credentials_are_named_and_not_shown(
    open_s3: OpenS3, s3_server: S3Server, change: dict[str, str]
) -> None:
    open_s3().put("a", b"x")
    store = open_s3(**change)
    for use in (store.get, store.has, store.local_path, lambda key: store.put(key, b"x"), lambda _: list(store.keys())):
        with pytest.raises(StoreUnavailable, match="refuses the credentials") as caught:
            use("a")
        assert "Check access_key and secret_key" in str(caught.value)
        assert not any(secret in str(caught.value) for secret in (s3_server.secret_key, "wrong-but-long-enough"))
    assert "wrong-but-long-enough" not in repr(store)


def test_a_server_that_is_down_is_named_within_seconds(open_s3: OpenS3) -> None:
    port = free_ports(1)
    store = open_s3(endpoint=f"127.0.0.1:{port}")
    started = time.monotonic()
    for use in (store.get, store.has, lambda key: store.put(key, b"x")):
        with pytest.raises(StoreUnavailable, match=rf"127.0.0.1:{port} cannot be reached.*Check that it runs"):
            use("a")
    assert time.monotonic() - started < 20


def test_a_server_that_never_answers_is_given_up(open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks.s3_store, "READ_TIMEOUT_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = open_s3(endpoint=f"127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            store.get("a")


class _NoS3(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if "short" in self.path else 404)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"<html>" if "short" in self.path else b"h" * 1000)

    do_PUT = do_GET  # noqa: N815 the server's name

    def log_message(self, *args: object) -> None:
        pass


def test_a_web_server_that_is_no_s3_and_a_broken_download_are_errors(open_s3: OpenS3) -> None:
    server = HTTPServer(("127.0.0.1", 0), _NoS3)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        store = open_s3(endpoint=f"127.0.0.1:{server.server_port}")
        with pytest.raises(StoreUnavailable, match="answers nonsense"):
            store.put("a", b"x")
        with pytest.raises(StoreUnavailable, match="cannot get 'short'"):
            store.get("short")
        assert list(store._cache.rglob("*")) == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_cache_that_cannot_be_written_says_so(open_s3: OpenS3) -> None:
    open_s3().put("a", b"x")
    with pytest.raises(StoreUnavailable, match="cannot keep 'a' in the cache"):
        open_s3(cache=Path("/proc/labelline")).get("a")


def test_what_was_put_survives_a_killed_server(open_s3: OpenS3, s3_server: S3Server) -> None:
    store = open_s3()
    for n in range(5):
        store.put(f"a/{n}", bytes([n]))
    s3_server.run("kill9")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        store.put("a/5", b"\x05")
    assert s3_server.run("start").returncode == 0
    store.put("a/5", b"\x05")
    assert [store.get(key) for key in store.keys("a/")] == [bytes([n]) for n in range(6)]


@pytest.mark.parametrize(
    "change", [{"endpoint": "http://x:1"}, {"endpoint": ""}, {"bucket": "No Good"}, {"bucket": "x"}]
)
def test_a_malformed_address_is_a_bad_option(tmp_path: Path, change: dict[str, str]) -> None:
    options = {"endpoint": "127.0.0.1:9000", "bucket": "labelline", **change}
    with pytest.raises(BadOption, match="Expected an endpoint like"):
        S3Store(options["endpoint"], "key", "secret", options["bucket"], cache=tmp_path)


# --- the block ---


def test_the_block_opens_a_folder(tmp_path: Path) -> None:
    assert isinstance(ObjectStore(folder=str(tmp_path)).open(), FolderStore)


def test_the_block_opens_s3_and_hides_its_secret(open_s3: OpenS3, s3_server: S3Server, tmp_path: Path) -> None:
    block = ObjectStore(
        endpoint=s3_server.endpoint,
        bucket=open_s3().bucket,
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,  # type: ignore[arg-type]
        secure=False,
        cache_folder=str(tmp_path),
    )
    store = block.open()
    store.put("a", b"x")
    assert store.get("a") == b"x"
    assert s3_server.secret_key not in repr(block)


def test_a_block_without_an_address_says_what_is_missing() -> None:
    with pytest.raises(BadOption, match="endpoint, bucket, access_key, secret_key, cache_folder missing"):
        ObjectStore().open()
    with pytest.raises(BadOption, match="secret_key, cache_folder missing"):
        ObjectStore(endpoint="127.0.0.1:1", bucket="abc", access_key="a").open()


def test_a_block_with_two_addresses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="keep one of them"):
        ObjectStore(folder=str(tmp_path), endpoint="127.0.0.1:1").open()
