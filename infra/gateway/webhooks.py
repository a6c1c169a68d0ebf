"""`POST /webhooks/label-studio`: Label Studio says that somebody answered.

It waits for our answer inside the annotator's own request, so this file only checks, notes and answers.
"""

import hmac
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from blocks.annotation_server import DOORBELL_HEADER
from blocks.errors import BadInput
from infra.gateway.bell import Bell
from tasks.review.doorbell import annotations_in_webhook

MAX_BODY_BYTES = 2_000_000
"""A question with 1,000 boxes is 400 kB; nothing of ours comes near."""


class Doorbell:
    """The application behind the doorbell's address; bare ASGI, as a framework's share of the time is the largest.

    Args:
        bell: Works off what rings.
        doorbell_secret: What the header must carry.
    """

    def __init__(self, bell: Bell, doorbell_secret: str) -> None:
        self._bell = bell
        self._secret = doorbell_secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        answer = await self._ring(request)
        await answer(scope, receive, send)

    async def _ring(self, request: Request) -> Response:
        given = request.headers.get(DOORBELL_HEADER, "").encode()
        if not hmac.compare_digest(given, self._secret):
            return _refuse(401, f"the header {DOORBELL_HEADER} does not carry this gateway's secret")
        body = await _read_bounded(request)
        if body is None:
            return _refuse(413, f"more than {MAX_BODY_BYTES:,} bytes")
        try:
            payload = parse_payload(body)
        except BadInput as error:
            return _refuse(400, str(error))
        self._bell.ring(body, payload)
        return Response(status_code=202)


def doorbell_route(bell: Bell, doorbell_secret: str) -> Route:
    """Return the route of the doorbell, to be put before all others."""
    return Route("/webhooks/label-studio", Doorbell(bell, doorbell_secret), methods=["POST"])


def parse_payload(body: bytes) -> dict[str, Any]:
    """Return a webhook's object.

    Args:
        body: What was posted: anything at all.

    Raises:
        BadInput: It is not one of Label Studio's webhooks.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the body is no JSON: {type(error).__name__}") from error
    annotations_in_webhook(payload)
    if not isinstance(payload, dict):
        raise BadInput(f"a webhook is a JSON object, not a {type(payload).__name__}")
    return payload


async def _read_bounded(request: Request) -> bytes | None:
    """Read a body; None as soon as it is too long, whatever its header claims."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _refuse(status: int, reason: str) -> Response:
    return JSONResponse({"detail": reason}, status)
