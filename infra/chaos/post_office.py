"""The road between Label Studio and the gateway, as bad as one likes: webhooks arrive here and go on when told to."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import uvicorn
from sqlalchemy import Engine

from blocks.annotation_server import DOORBELL_HEADER, AnnotationServer
from blocks.errors import LabellingError
from blocks.stores import Store
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.bell import Bell
from infra.gateway.webhooks import parse_payload
from infra.stack.state import HOST
from tasks.review.doorbell import hear

LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook as Label Studio sent it."""

    body: bytes
    secret: str


class PostOffice:
    """Takes Label Studio's webhooks at once, keeps them, and carries to the gateway what it is told to."""

    def __init__(self) -> None:
        office = self
        self._letters: list[Letter] = []
        self._lock = threading.Lock()

        class Counter(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with office._lock:
                    office._letters.append(Letter(body, self.headers.get(DOORBELL_HEADER, "")))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Counter)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        self._gateway_url = ""
        self.delivered: list[Letter] = []

    def connect(self, gateway_url: str) -> None:
        """Say where letters are carried to; those of before are forgotten."""
        self._gateway_url = gateway_url
        self.delivered = []
        self.collect()

    def collect(self) -> list[Letter]:
        """Hand out the letters that have arrived since the last time, the earliest first."""
        with self._lock:
            letters, self._letters = self._letters, []
        return letters

    def deliver(self, letters: Iterable[Letter]) -> None:
        """Carry letters to the gateway, in this order.

        Raises:
            LabellingError: The gateway does not take one.
        """
        with httpx.Client(timeout=30) as road:
            for letter in letters:
                answer = road.post(
                    f"{self._gateway_url}/webhooks/label-studio",
                    content=letter.body,
                    headers={DOORBELL_HEADER: letter.secret},
                )
                if answer.status_code != 202:
                    raise LabellingError(f"the gateway answered {answer.status_code} to a webhook (expected 202)")
                self.delivered.append(letter)

    def __enter__(self) -> "PostOffice":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def open_gateway(engine: Engine, store: Store, server: AnnotationServer) -> Iterator[tuple[str, Bell]]:
    """Serve the real gateway on a free port of this process; yields its address and its bell."""
    parts = GatewayParts(
        engine=engine,
        store=store,
        link_secret=server.link_secret,
        doorbell_secret=server.doorbell_secret,
        hear=lambda body: hear(engine, parse_payload(body)).changed_anything,
        wake=lambda: False,
    )
    app = create_app(parts)
    serving = uvicorn.Server(uvicorn.Config(app, host=HOST, port=0, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + LIMIT_S
    while not serving.started:
        if time.monotonic() > deadline:
            raise LabellingError(f"the gateway did not start within {LIMIT_S:.0f} s")
        time.sleep(0.05)
    try:
        yield f"http://{HOST}:{serving.servers[0].sockets[0].getsockname()[1]}", app.state.bell
    finally:
        serving.should_exit = True
        thread.join(30)


def wait_until_heard(bell: Bell) -> None:
    """Wait until the gateway has worked off all that rang.

    Raises:
        LabellingError: It did not.
    """
    deadline = time.monotonic() + LIMIT_S
    while bell.counts.waiting:
        if time.monotonic() > deadline:
            raise LabellingError(f"{bell.counts.waiting} rings still wait after {LIMIT_S:.0f} s")
        time.sleep(0.05)
