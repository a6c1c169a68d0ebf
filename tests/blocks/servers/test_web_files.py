"""Addresses that others wrote down: this machine's own network is never asked, and nothing is read without end."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from blocks.servers.web_files import IpAddress, NotFetched, WebDoor, is_public

HERE = "127.0.0.1"
Answer = Callable[[socket.socket], None]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::7f00:1", False),
        ("::127.0.0.1", False),
        ("::10.0.0.1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
    ],
)
def test_only_addresses_of_the_public_internet_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.jpg",
        "http://127.1/a.jpg",
        "http://2130706433/a.jpg",
        "http://0x7f000001/a.jpg",
        "http://[::1]/a.jpg",
        "http://[::ffff:127.0.0.1]/a.jpg",
        "http://localhost/a.jpg",
        "https://169.254.169.254/latest/meta-data/",
    ],
)
def test_this_machine_and_its_network_are_not_asked(url: str) -> None:
    with pytest.raises(NotFetched, match="where nothing is fetched: send the file itself"):
        WebDoor(100, 5.0).fetch(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.jpg",
        "file:///etc/passwd",
        "ftp://example.org/a.jpg",
        "gopher://example.org/",
        "http:///a.jpg",
        "http://[::1/a.jpg",
        "http://example.org:99999/",
        "https://user:secret@example.org/a.jpg",
        "https://example.org/a b.jpg",
        "https://example.org/a\r\nHost: evil",
        "https://example.org/\x00",
        "https://example.org/ä.jpg",
        "https://example.org/" + "a" * 5_000,
    ],
)
def test_what_is_no_plain_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(NotFetched) as refused:
        WebDoor(100, 5.0).fetch(url)
    assert "secret" not in str(refused.value)


def here_only(address: IpAddress) -> bool:
    """Let the tests' own server be reached, and no other address of this machine."""
    return str(address) == HERE


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A server that reads a request's head and answers as it is told."""
    ends = threading.Event()
    with socket.create_server((HERE, 0)) as listener:
        listener.settimeout(0.1)

        def serve() -> None:
            while not ends.is_set():
                with suppress(TimeoutError, OSError):
                    line, _ = listener.accept()
                    with line:
                        line.recv(65_536)
                        answer(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://{HERE}:{listener.getsockname()[1]}/a.jpg?key=secret"
        finally:
            ends.set()
            thread.join(5)


def says(head: str, body: bytes = b"") -> Answer:
    return lambda line: line.sendall(f"HTTP/1.1 {head}\r\n\r\n".encode() + body)


def fetch(answer: Answer, most_bytes: int = 1_000, timeout_s: float = 5.0) -> bytes:
    with server(answer) as url:
        return WebDoor(most_bytes, timeout_s, here_only).fetch(url)


def test_a_file_is_fetched() -> None:
    assert fetch(says("200 OK\r\nContent-Length: 4", b"file")) == b"file"
    assert fetch(says("200 OK\r\nTransfer-Encoding: chunked", b"4\r\nfile\r\n0\r\n\r\n")) == b"file"


def test_a_redirect_is_followed_to_where_one_may_go() -> None:
    with server(says("200 OK\r\nContent-Length: 4", b"file")) as target:
        assert fetch(says(f"302 Found\r\nLocation: {target}\r\nContent-Length: 0")) == b"file"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("http://127.0.0.2/a.jpg", "127.0.0.2 is an address of a private network"),
        ("http://169.254.169.254/", "private network"),
        ("file:///etc/passwd", "expected http"),
        ("http://[::1", "redirects to what is no address"),
        ("/a.jpg", "more than 3 redirects"),
    ],
)
def test_a_redirect_is_distrusted_as_an_address_is(target: str, told: str) -> None:
    with pytest.raises(NotFetched, match=told):
        fetch(says(f"301 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close"))


def test_a_name_that_means_another_machine_a_moment_later_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = socket.getaddrinfo, []

    def rebind(host: str, *more: object, **named: object) -> object:
        asked.append(host)
        if host == "pictures.example":
            host = HERE if asked.count(host) == 1 else "127.0.0.2"
        return real(host, *more, **named)  # type: ignore[arg-type]

    with server(says("200 OK\r\nContent-Length: 4", b"file")) as url:
        monkeypatch.setattr(socket, "getaddrinfo", rebind)
        named = url.replace(HERE, "pictures.example")
        assert WebDoor(1_000, 5.0, here_only).fetch(named) == b"file"
    assert asked.count("pictures.example") == 1


def test_a_name_of_which_one_address_is_private_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(2, 1, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_given, **_named: both)
    with pytest.raises(NotFetched, match="private network"):
        WebDoor(1_000, 5.0).fetch("http://both.example/a.jpg")


def test_five_gigabytes_are_refused_by_what_is_claimed_and_by_what_comes() -> None:
    with pytest.raises(NotFetched, match="longer than 1,000 bytes"):
        fetch(says("200 OK\r\nContent-Length: 5000000000"))
    sent = []

    def pour(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            for _ in range(5_000):
                line.sendall(bytes(1_000_000))
                sent.append(1_000_000)

    with pytest.raises(NotFetched, match="longer than 1,000 bytes"):
        fetch(pour)
    assert sum(sent) < 50_000_000


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"])
def test_who_sends_a_byte_now_and_then_is_given_up(begin: bytes) -> None:
    def drip(line: socket.socket) -> None:
        with suppress(OSError):
            line.sendall(begin)
            for _ in range(600):  # half a minute
                time.sleep(0.05)
                line.sendall(b"a" if begin else b"")
                line.setblocking(False)
                with suppress(BlockingIOError):
                    if line.recv(1) == b"":  # the other side has gone
                        return

    with pytest.raises(NotFetched, match=r"took longer than 0\.4 s"):
        fetch(drip, timeout_s=0.4)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says("404 Not Found\r\nContent-Length: 0"), "answers 404"),
        (says("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4", b"file"), "sends the file packed"),
        (says("nonsense"), "does not answer as a web server does"),
        (lambda line: None, "does not answer as a web server does"),
        (says("200 OK\r\nContent-Length: 40", b"cut"), "does not answer as a web server does"),
    ],
)
def test_what_is_no_file_is_told_without_the_rest_of_the_address(answer: Answer, told: str) -> None:
    with pytest.raises(NotFetched, match=told) as refused:
        fetch(answer)
    assert "secret" not in str(refused.value)


def test_nobody_at_the_address_is_told() -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotFetched, match="does not answer"):
        WebDoor(1_000, 5.0, here_only).fetch(f"http://{HERE}:{port}/")
