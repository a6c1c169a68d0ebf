"""How long the gateway waits for anybody, and for how many: whoever is slow on purpose keeps nobody else waiting.

uvicorn limits how long a connection may idle between requests and nothing else. Here a request's head and body, and the
reading of the answer, each have their time; a head has its size; and when all seats are taken, the connection that has
waited longest without a request gives way. Annotators' browsers and Label Studio meet none of these limits.
"""

import asyncio
import resource
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LEAST_BYTES = 16_384
"""What a reader must take within the time in which an answer may stand still."""

OTHER_FILES = 500
"""Open files besides connections: pictures, the catalogue, the line to the back room."""

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits.

    Attributes:
        head_s: From the first byte (or from connecting) until a request's head is whole.
        body_s: Until its body is whole.
        stalled_s: For so long an answer may stand still because nobody reads it.
        answer_s: From a request's head until all of the answer is read.
        idle_s: Between two requests of one connection.
        head_bytes: Address and headers of a request together.
        connections: Open at once.
    """

    head_s: float = 10.0
    body_s: float = 30.0
    stalled_s: float = 20.0
    answer_s: float = 600.0
    idle_s: int = 65
    head_bytes: int = 16_384
    connections: int = 1_000


class ConnectionStage(Enum):
    """What a connection is waiting for."""

    IDLE = "idle"  # a request was answered, and another may come
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"


class HeadTooLong(Exception):
    """A request's address and headers are longer than anything of ours."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, with clocks. `patience` is set by `configure`."""

    patience = Patience()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.stage = ConnectionStage.HEAD
        self.since = self.loop.time()
        self._clock: asyncio.TimerHandle | None = None
        self._answer_clock: asyncio.TimerHandle | None = None
        self._reader_clock: asyncio.TimerHandle | None = None
        self._unread = 0
        self._was_read = False
        self._head_bytes = 0
        self._fed_bytes = 0  # the parser says nothing of a line that never ends

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a seat; where there is none, whoever has waited longest for nothing gets up."""
        super().connection_made(transport)
        self._enter(ConnectionStage.HEAD, self.patience.head_s)
        if len(self.connections) > self.patience.connections:
            seated = [cast(PatientProtocol, one) for one in self.connections]
            waiting = [one for one in seated if one.stage in (ConnectionStage.HEAD, ConnectionStage.IDLE)]
            min(waiting, key=lambda one: one.since, default=self).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        for clock in (self._clock, self._answer_clock, self._reader_clock):
            if clock is not None:
                clock.cancel()
        self._clock = self._answer_clock = self._reader_clock = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as long as a head may be."""
        if self.stage is ConnectionStage.IDLE:
            self._enter(ConnectionStage.HEAD, self.patience.head_s)
        super().data_received(data)
        if self.stage is ConnectionStage.HEAD and not self.transport.is_closing():
            self._fed_bytes += len(data)
            if self._fed_bytes > self.patience.head_bytes:
                self.send_400_response(self._too_long())

    def on_url(self, url: bytes) -> None:
        """Count it."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it."""
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Wait for the body, and for the answer to be read."""
        self._head_bytes = self._fed_bytes = 0
        self._enter(ConnectionStage.BODY, self.patience.body_s)
        if self._answer_clock is not None:
            self._answer_clock.cancel()
        self._answer_clock = self.loop.call_later(self.patience.answer_s, self.transport.abort)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._enter(ConnectionStage.ANSWER, None)
        super().on_message_complete()
        if self.cycle.response_complete:  # the answer was out before all of the body was in
            self._enter(ConnectionStage.IDLE, None)

    def on_response_complete(self) -> None:
        """The answer is written, not yet read: look whether it is."""
        if self._answer_clock is not None:
            self._answer_clock.cancel()
            self._answer_clock = None
        if self.stage is ConnectionStage.ANSWER:
            self._enter(ConnectionStage.IDLE, None)
        if self.transport.get_write_buffer_size():
            self._watch_the_reader()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """More is written than is read: see that this ends."""
        super().pause_writing()
        self._watch_the_reader()

    def resume_writing(self) -> None:
        """Something was read."""
        self._was_read = True
        super().resume_writing()

    def _enter(self, stage: ConnectionStage, limit_s: float | None) -> None:
        self.stage, self.since = stage, self.loop.time()
        if self._clock is not None:
            self._clock.cancel()
        self._clock = None if limit_s is None else self.loop.call_later(limit_s, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(TOO_SLOW)
        self.transport.close()
        self._watch_the_reader()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.patience.head_bytes:
            raise HeadTooLong(self._too_long())  # the parser says so to uvicorn, which answers 400

    def _too_long(self) -> str:
        return f"The address and headers are longer than {self.patience.head_bytes:,} bytes."

    def _watch_the_reader(self) -> None:
        if self._reader_clock is None:
            self._unread, self._was_read = self.transport.get_write_buffer_size(), False
            self._reader_clock = self.loop.call_later(self.patience.stalled_s, self._look_at_the_reader)

    def _look_at_the_reader(self) -> None:
        self._reader_clock = None
        unread = self.transport.get_write_buffer_size()
        if unread == 0:
            return
        if not self._was_read and unread > self._unread - LEAST_BYTES:
            self.transport.abort()
        else:
            self._watch_the_reader()


def configure(app: ASGIApp, host: str, port: int, patience: Patience = Patience()) -> uvicorn.Config:
    """Return how the gateway is served.

    Args:
        app: The gateway.
        host: Interface to listen on.
        port: 0 for a free one.
        patience: The limits.
    """
    protocol = type("GatewayProtocol", (PatientProtocol,), {"patience": patience})
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        # No access log: who holds a picture's signature may see it, so signatures are not written down.
        access_log=False,
        log_level="warning",
        timeout_keep_alive=patience.idle_s,
        ws="none",
    )


def make_room(patience: Patience) -> None:
    """Let this process have as many open files as its connections may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = patience.connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
