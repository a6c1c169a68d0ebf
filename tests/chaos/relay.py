"""A relay in front of Label Studio that fails where it is told to: busy, half broken, slow.

Requests that are not meant go through as they are, so everything behind it is the real thing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx

from blocks.servers.annotation_server import AnnotationServer
from tests.chaos.stand_in import StandIn

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "host", "accept-encoding"}

Meant = Callable[[str, str], bool]
"""Says of a method and a path with its query whether a request is meant."""


class Relay(StandIn):
    """Stands at an address of its own while its `with` block lasts, and passes requests on to Label Studio.

    Args:
        behind: The Label Studio.
    """

    def __init__(self, behind: AnnotationServer) -> None:
        super().__init__()
        self._behind = behind
        self._road = httpx.Client(base_url=behind.url, timeout=120, limits=httpx.Limits(max_keepalive_connections=0))
        self._fault: tuple[Meant, int, float] | None = None
        self.failed = 0

    @property
    def server(self) -> AnnotationServer:
        """Label Studio, reached through here."""
        return replace(self._behind, url=self.url)

    @contextmanager
    def failing(self, meant: Meant, status: int = 0, after_s: float = 0.0) -> Iterator[None]:
        """Answer the requests that are meant with a status, or late, while the block lasts.

        Args:
            meant: Which.
            status: Of the answer; 0: the real answer.
            after_s: How late.
        """
        self._fault = (meant, status, after_s)
        try:
            yield
        finally:
            self._fault = None

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        """Pass a request on, unless it is meant to fail."""
        fault = self._fault
        if fault is not None and fault[0](method, path):
            self.failed += 1
            time.sleep(fault[2])
            if fault[1]:
                return fault[1], b'{"detail": "of the relay"}', "application/json"
        kept = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        answer = self._road.request(method, path, headers=kept, content=body)
        return answer.status_code, answer.content, answer.headers.get("content-type", "application/json")

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._road.close()
