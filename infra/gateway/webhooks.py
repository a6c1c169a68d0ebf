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
from infra.gateway.bell import Bell

MAX_BODY_BYTES = 2_000_000
"""A question with 1,000 boxes is 400 kB; nothing of ours comes near."""

ACTION_LENGTH = 60


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
        payload = parse_payload(body)
        if payload is None:
            return _refuse(400, "not a webhook of Label Studio: expected a JSON object with a text 'action'")
        self._bell.ring(body, payload)
        return Response(status_code=202)


def doorbell_route(bell: Bell, doorbell_secret: str) -> Route:
    """Return the route of the doorbell, to be put before all others."""
    return Route("/webhooks/label-studio", Doorbell(bell, doorbell_secret), methods=["POST"])


def parse_payload(body: bytes) -> dict[str, Any] | None:
    """Return a webhook's object; None where it is not one of Label Studio's.

    Args:
        body: What was posted: anything at all.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(payload, dict):
        return None
    action = payload.get("action")
    return payload if isinstance(action, str) and 0 < len(action) <= ACTION_LENGTH else None


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
