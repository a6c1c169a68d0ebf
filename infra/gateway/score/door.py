"""The door before `/score`: who knows the token comes in, with no more than may be carried.

It is looked at before a byte of the body is read, and the body is counted while it is read, whatever its head claims.
"""

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.gateway.score.held import HeldBytes
from infra.gateway.score.limits import ScoreLimits


class BodyTooLong(Exception):
    """A body turned out longer than its head had claimed."""


def too_long(limits: ScoreLimits) -> str:
    """Say that a request is too long."""
    return f"more than {limits.body_bytes:,} bytes in one request: send fewer items at once, or smaller ones"


class ScoreDoor:
    """Asks for the token, and for room.

    Args:
        app: What answers.
        token: That callers show, as `Authorization: Bearer TOKEN`.
        held: Counts what all of them hold.
        limits: What is taken of anybody.
    """

    def __init__(self, app: ASGIApp, token: str, held: HeldBytes, limits: ScoreLimits) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._held = held
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope)
        if not hmac.compare_digest(headers.get("authorization", "").encode(), self._expected):
            said = "expected the header `Authorization: Bearer TOKEN`: `labelline login` shows the token"
            await _refuse(401, said, {"WWW-Authenticate": 'Bearer realm="Labelline"'})(scope, receive, send)
            return
        claimed = headers.get("content-length", "")
        size = int(claimed) if claimed.isdigit() and len(claimed) < 19 else self._limits.body_bytes
        if claimed and size > self._limits.body_bytes:
            await _refuse(413, too_long(self._limits))(scope, receive, send)
            return
        if not self._held.try_take(size):
            said = "as much as may be held is held for other requests: come again in a second"
            await _refuse(429, said, {"Retry-After": "1"})(scope, receive, send)
            return
        try:
            await self._app(scope, self._counted(receive), send)
        finally:
            await self._held.give_back(size)

    def _counted(self, receive: Receive) -> Receive:
        read = 0

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limits.body_bytes:
                raise BodyTooLong
            return message

        return receive_counted


def _refuse(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": reason}, status, headers)
