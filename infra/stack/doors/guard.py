"""A door before a server: only under its own names, only from its own pages, and only for who knows the password.

A browser lets any page on any site send requests to a server of this machine. It names the page's origin, and that is
refused here, before the server reads anything: what a page may not read it may still have done. A page whose own name
was made to point to this machine ("DNS rebinding") has that very origin, but asks for a host that is none of ours.
Both hold for websockets too, which browsers open to everywhere.
"""

import base64
import hmac
from collections.abc import Collection, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.stack.doors.hosts import allowed_hosts, origins_of


def guard(
    app: ASGIApp, public_hosts: Sequence[str], *, login: str = "", open_paths: Collection[str] = ("/health",)
) -> ASGIApp:
    """Put a door before an application.

    Args:
        app: The application.
        public_hosts: Names beside those of this machine, from `parse_hosts`.
        login: `user:password` that browsers and clients are asked for; empty where the application asks itself.
        open_paths: What answers without the login.
    """
    locked = PasswordDoor(app, login, open_paths) if login else app
    return TrustedHostMiddleware(OriginDoor(locked, public_hosts), allowed_hosts(public_hosts), www_redirect=False)


class OriginDoor:
    """Lets nobody in from a page of another origin, and lets no page of another origin show ours in a frame.

    Args:
        app: The application.
        public_hosts: Names beside those of this machine.
    """

    def __init__(self, app: ASGIApp, public_hosts: Sequence[str]) -> None:
        self._app = app
        self._known = frozenset(origins_of(public_hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin.lower(), headers.get("host", "").lower()):
            refusal = PlainTextResponse("pages of another origin may not use this server\n", 403)
            await refusal(scope, receive, send)
            return

        async def send_unframed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("X-Frame-Options", "SAMEORIGIN")
            await send(message)

        await self._app(scope, receive, send_unframed)

    def _is_ours(self, origin: str, host: str) -> bool:
        # The host was looked at before: it is one of ours. A proxy that speaks TLS for us passes it on.
        return origin in self._known or origin in (f"http://{host}", f"https://{host}")


class PasswordDoor:
    """Asks for a name and a password, as browsers know it (Basic authentication, RFC 7617).

    Args:
        app: The application.
        login: `user:password`.
        open_paths: What answers without it.
    """

    def __init__(self, app: ASGIApp, login: str, open_paths: Collection[str]) -> None:
        self._app = app
        self._expected = b"Basic " + base64.b64encode(login.encode())
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] in ("http", "websocket") and scope["path"] not in self._open_paths:
            given = Headers(scope=scope).get("authorization", "")
            if not hmac.compare_digest(given.encode(), self._expected):
                asked = {"WWW-Authenticate": 'Basic realm="Labelline", charset="UTF-8"'}
                await PlainTextResponse("log in: `labelline login` shows how\n", 401, asked)(scope, receive, send)
                return
        await self._app(scope, receive, send)
