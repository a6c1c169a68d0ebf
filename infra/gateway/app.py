"""The gateway's application: what it needs is given to it, so tests and servers make it alike."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.types import ASGIApp, Receive, Scope, Send

from blocks.storage.stores import Store
from infra.gateway.bell import Bell, Hearing
from infra.gateway.images import image_routes
from infra.gateway.pictures import ItemPictures
from infra.gateway.score.app import SCORE_PATH
from infra.gateway.webhooks import DOORBELL_PATH, Doorbell


@dataclass(frozen=True)
class GatewayParts:
    """What a gateway works with.

    Attributes:
        engine: The catalogue, which says what items there are.
        store: Where their bytes are.
        link_secret: Signs links to pictures.
        doorbell_secret: By which Label Studio's webhooks are known.
        hear: Notes in the catalogue what Label Studio says of the things that some webhooks' bodies ring for.
        wake: Wakes the runs whose rule is met; says whether one is due that does not sleep yet.
        end: Called at the gateway's end, after the last ring in hand.
        suggestions: What Label Studio asks when it opens a question, behind its door; None: nobody suggests anything.
        overhear: Is given what rings as it rings, and may only put it down.
        gallery: Makes the pages for people who would rather look, behind their door; None: there are none.
        score: The champion as a service, with doors of its own; None: nobody is answered.
    """

    engine: Engine
    store: Store
    link_secret: str = field(repr=False)
    doorbell_secret: str = field(repr=False)
    hear: Callable[[Sequence[bytes]], Hearing]
    wake: Callable[[], bool]
    end: Callable[[], None] = lambda: None
    suggestions: ASGIApp | None = None
    overhear: Callable[[bytes], None] = lambda _body: None
    gallery: Callable[[ItemPictures], ASGIApp] | None = None
    score: ASGIApp | None = None


class Gateway(FastAPI):
    """The application, with a door of its own for the doorbell: who rings waits for no routing and no middleware."""

    doorbell: ASGIApp
    score: ASGIApp | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == DOORBELL_PATH:
            await self.doorbell(scope, receive, send)
        elif scope["type"] == "http" and self.score is not None and f"{scope['path']}/".startswith(f"{SCORE_PATH}/"):
            await self.score(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(parts: GatewayParts) -> FastAPI:
    """Return the gateway: pictures, doorbell, suggestions, scores and health."""
    bell = Bell(parts.hear, parts.wake)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        bell.stop()
        parts.end()

    app = Gateway(title="Labelline gateway", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.bell = bell
    app.doorbell = Doorbell(bell, parts.doorbell_secret, parts.overhear)
    app.score = parts.score
    pictures = ItemPictures(parts.engine, parts.store)
    app.include_router(image_routes(pictures, parts.link_secret))
    if parts.suggestions is not None:
        app.mount("/ml", parts.suggestions)
    if parts.gallery is not None:
        app.mount("/gallery", parts.gallery(pictures))

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Say that the gateway is there, and what became of the rings."""
        return {"status": "ok", "rings": asdict(bell.counts)}

    return app
