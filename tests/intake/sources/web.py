"""A server on loopback that answers each path as it is told, and keeps who asked for what when."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=dict)
    wait_s: float = 0.0


Answers = Callable[[str, int], Page]
"""Of a path, and how often it was asked for before."""


@dataclass(slots=True)
class Web:
    """A server that runs.

    Attributes:
        port: On every loopback address.
        asked: Paths and the times at which they were asked for, in order.
        most_at_once: Requests that were open at the same time.
    """

    port: int
    asked: list[tuple[str, float]] = field(default_factory=list)
    open_now: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the address of a path."""
        return f"http://{host}:{self.port}{path}"

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(each == path for each, _ in self.asked)

    def times(self, path: str) -> list[float]:
        """When it was."""
        return [at for each, at in self.asked if each == path]


@contextmanager
def serving(answers: Answers) -> Iterator[Web]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with web.lock:
                before = web.count(self.path)
                web.asked.append((self.path, time.monotonic()))
                web.open_now += 1
                web.most_at_once = max(web.most_at_once, web.open_now)
            try:
                page = answers(self.path, before)
                time.sleep(page.wait_s)
                with suppress(OSError):
                    self.send_response(page.status)
                    for name, value in {"Content-Length": str(len(page.body)), **page.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(page.body)
            finally:
                with web.lock:
                    web.open_now -= 1

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    server.daemon_threads = True
    web = Web(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
