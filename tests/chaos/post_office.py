"""The road between Label Studio and the gateway, as bad as one likes: webhooks arrive here and go on when told to."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from sqlalchemy import Engine

from blocks.errors import LabellingError
from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from blocks.storage.stores import Store
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.back_room import hear_burst
from infra.gateway.bell import Bell, Hearing
from infra.gateway.ml.app import behind_door
from infra.gateway.ml.live import LiveSuggestions
from infra.gateway.patience import configure
from infra.stack.state import HOST
from tests.chaos.stand_in import StandIn

LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook as Label Studio sent it."""

    body: bytes
    secret: str


class PostOffice(StandIn):
    """Takes Label Studio's webhooks at once, keeps them, and carries to the gateway what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self._letters: list[Letter] = []
        self._lock = threading.Lock()
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

    def invent(self, letters: Iterable[Letter], first_id: int) -> list[Letter]:
        """Return a forged letter for each real one: a later answer to the same question, by somebody else."""
        forged = []
        for number, letter in enumerate(letters):
            body = json.loads(letter.body)
            drawn = [{**region, "id": f"forged-{first_id + number}"} for region in body["annotation"]["result"]]
            said = {"id": first_id + number, "updated_at": "2099-01-01T00:00:00Z", "completed_by": 1, "result": drawn}
            forged.append(Letter(json.dumps({**body, "annotation": body["annotation"] | said}).encode(), letter.secret))
        return forged

    def invent_deletions(self, letters: Sequence[Letter], annotation_ids: Iterable[int]) -> Letter:
        """Return a forged letter that says that annotations are gone."""
        body = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": id_} for id_ in annotation_ids]}
        return Letter(json.dumps(body).encode(), letters[0].secret)

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

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        """Keep a letter."""
        secret = next((value for name, value in headers.items() if name.lower() == DOORBELL_HEADER.lower()), "")
        with self._lock:
            self._letters.append(Letter(body, secret))
        return 202, b"", "text/plain"


@contextmanager
def open_gateway(
    engine: Engine, store: Store, server: AnnotationServer, hear: Callable[[Sequence[bytes]], Hearing] | None = None
) -> Iterator[tuple[str, Bell]]:
    """Serve the real gateway on a free port of this process; yields its address and its bell.

    Args:
        engine: The catalogue.
        store: Where pictures are.
        server: Label Studio.
        hear: In place of what reads from it what rang.
    """
    live = LiveSuggestions(engine, store)
    live.start()
    parts = GatewayParts(
        engine=engine,
        store=store,
        link_secret=server.link_secret,
        doorbell_secret=server.doorbell_secret,
        hear=hear or (lambda bodies: hear_burst(engine, server, bodies)),
        wake=lambda: False,
        end=live.close,
        suggestions=behind_door(live, server, ()),
        overhear=live.overhear,
    )
    app = create_app(parts)
    serving = uvicorn.Server(configure(app, HOST, 0))
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
