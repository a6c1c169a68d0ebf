"""What only S3 can do wrong: links, credentials, servers that are down, silent, killed or no S3 at all."""

import io
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from urllib3 import Retry

import blocks.storage.s3_store
from blocks.errors import BadOption, StoreUnavailable
from blocks.storage.s3_store import S3Store
from tests.blocks.conftest import OpenS3
from tests.s3_server import S3Server, free_ports


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
        store._client.put_object(store.bucket, name, io.BytesIO(b"x"), 1)
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


def test_a_server_that_is_down_is_named_within_seconds(open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch) -> None:
    waits_s: list[float] = []
    monkeypatch.setattr(Retry, "_sleep_backoff", lambda retry: waits_s.append(retry.get_backoff_time()))
    port = free_ports(1)
    store = open_s3(endpoint=f"127.0.0.1:{port}")
    for use in (store.get, store.has, lambda key: store.put(key, b"x")):
        with pytest.raises(StoreUnavailable, match=rf"127.0.0.1:{port} cannot be reached.*Check that it runs"):
            use("a")
    assert waits_s == pytest.approx([0, 0.6, 1.2] * 3)


def test_a_server_that_never_answers_is_given_up(open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks.storage.s3_store, "READ_TIMEOUT_S", 0.2)
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
