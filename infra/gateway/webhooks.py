"""`POST /webhooks/label-studio`: Label Studio says that somebody answered.

It waits for our answer inside the annotator's own request, so the secret is checked, the bytes are put down, and that
is all. What a body says is believed by nobody: it says where to look, and that it is no webhook after all is found out
later and counted.
"""

import hmac
import json
from collections.abc import Callable

from pydantic_core import from_json
from starlette.types import Receive, Scope, Send

from blocks.errors import BadInput
from blocks.servers.annotation_server import DOORBELL_HEADER
from infra.gateway.bell import Bell
from tasks.review.receiving.webhooks import Ring, read_ring

DOORBELL_PATH = "/webhooks/label-studio"

MAX_BODY_BYTES = 2_000_000
"""A question with 1,000 boxes is 400 kB; nothing of ours comes near."""

HEADER = DOORBELL_HEADER.lower().encode()


class Doorbell:
    """The application behind the doorbell's address; bare ASGI, as a framework's share of the time is the largest.

    Args:
        bell: Works off what rings.
        doorbell_secret: What the header must carry.
        overhear: Is given each body as well, at once.
    """

    def __init__(
        self, bell: Bell, doorbell_secret: str, overhear: Callable[[bytes], None] = lambda _body: None
    ) -> None:
        self._bell, self._overhear = bell, overhear
        self._secret = doorbell_secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, reason = await self._ring(scope, receive)
        body = json.dumps({"detail": reason}).encode() if reason else b""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _ring(self, scope: Scope, receive: Receive) -> tuple[int, str]:
        if scope["method"] != "POST":
            return 405, "the doorbell is rung by POST"
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        if not hmac.compare_digest(given, self._secret):
            return 401, f"the header {DOORBELL_HEADER} does not carry this gateway's secret"
        body = await _read_bounded(receive)
        if body is None:
            return 413, f"more than {MAX_BODY_BYTES:,} bytes, or cut short"
        self._overhear(body)
        self._bell.ring(body)
        return 202, ""


def parse_body(body: bytes) -> Ring:
    """Return what a webhook's body rings for.

    Args:
        body: What was posted: anything at all.

    Raises:
        BadInput: It is not one of Label Studio's webhooks.
    """
    try:
        payload = from_json(body)  # twice as fast as Python's own, and it refuses what nests too deep
    except ValueError as error:
        raise BadInput(f"the body is no JSON: {error}") from error
    return read_ring(payload)


async def _read_bounded(receive: Receive) -> bytes | None:
    """Read a body; None as soon as it is too long, whatever its header claims, or when the sender has gone."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
