"""The application behind `/score`: a request becomes inputs, inputs a batch, and what a champion says an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from blocks.errors import BadOption, BadWeights, LabellingError
from blocks.servers.web_files import WebDoor
from infra.gateway.score.door import BodyTooLong, ScoreDoor, too_long
from infra.gateway.score.held import HeldBytes
from infra.gateway.score.inputs import Fetcher, Item, RequestRefused, ScoreInputs, read_inputs
from infra.gateway.score.limits import ScoreLimits
from infra.gateway.score.line import LineFull, ScoreLine
from infra.gateway.score.pages import TITLE, pages_of, route_facts
from infra.gateway.score.room import AskedOf, Scored
from tasks.detect.scoring.protocol import NotScored
from tasks.train.champions import NoChampion, SeveralChampions

SCORE_PATH = "/score"

WHOSE = "Whose champion is asked, where several collections have one"

STATUS: tuple[tuple[type[LabellingError], int], ...] = (
    (NoChampion, 404),
    (SeveralChampions, 409),
    (LineFull, 429),
    (BadWeights, 503),
    (BadOption, 422),
    (LabellingError, 503),
)
"""By which an error is told; the first that fits."""

AGAIN = {429: {"Retry-After": "1"}, 503: {"Retry-After": "5"}}

GONE = 499
"""Nobody reads it: the caller has hung up."""


class Scoring:
    """Answers requests.

    Args:
        score: Scores some inputs together, as `ScoreRoom.score` does.
        limits: What is taken of anybody.
        web: What is fetched; the public internet, unless it says otherwise.
    """

    def __init__(
        self,
        score: Callable[[AskedOf, Sequence[Any]], Awaitable[Scored]],
        limits: ScoreLimits,
        web: WebDoor | None = None,
    ) -> None:
        self.limits = limits
        self.held = HeldBytes(limits.held_bytes)
        self._line = ScoreLine(score, limits)
        self._fetcher = Fetcher(self.held, limits, web or WebDoor(limits.item_bytes, limits.fetch_s))

    async def answer(self, request: Request, collection: str) -> Response:
        """Answer one request; who hangs up is scored no further."""
        try:
            inputs = await read_inputs(request, self.limits)
            work = asyncio.ensure_future(self._score(inputs, collection))
            hung_up = asyncio.ensure_future(request.receive())  # the body is read: what comes now is the end
            try:
                await asyncio.wait([work, hung_up], timeout=self.limits.answer_s, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    return _told(work.result())
            finally:
                work.cancel()
                hung_up.cancel()
        except RequestRefused as refusal:
            return _json({"detail": str(refusal)}, refusal.status)
        except LabellingError as error:
            status = next(number for kind, number in STATUS if isinstance(error, kind))
            return _json({"detail": str(error)}, status)
        if hung_up.done() and not hung_up.cancelled():
            return Response(status_code=GONE)
        late = f"no answer within {self.limits.answer_s:g} s: send fewer items at once, or come again later"
        return _json({"detail": late}, 503)

    def close(self) -> None:
        """Begin nothing more."""
        self._fetcher.close()

    async def _score(self, inputs: ScoreInputs, collection: str) -> Scored:
        asked = AskedOf(collection, inputs.takes)
        if not inputs.are_addresses:
            return await self._said(asked, inputs.items)
        async with self._fetcher.fetched(inputs.items) as items:
            return await self._said(asked, items)

    async def _said(self, asked: AskedOf, items: Sequence[Item]) -> Scored:
        """Return what is said of the items that can be used, in the places of all."""
        usable = [number for number, item in enumerate(items) if not isinstance(item, NotScored)]
        if not usable:
            raise _none_of(items)
        said = await self._line.ask(asked, [items[number] for number in usable])
        rows: list[Any] = list(items)
        for number, row in zip(usable, said.rows, strict=True):
            rows[number] = row
        if all(isinstance(row, NotScored) for row in rows):
            raise _none_of(rows)
        return replace(said, rows=rows)


def score_app(scoring: Scoring, token: str, guarded: Callable[[ASGIApp], ASGIApp]) -> ASGIApp:
    """Return the application for everything at and under `/score`.

    Args:
        scoring: Answers.
        token: That callers show.
        guarded: Puts a door before the pages that say how it is used.
    """
    api = FastAPI(title=TITLE, docs_url=None, redoc_url=None, openapi_url=None)

    @api.post(SCORE_PATH, **route_facts(scoring.limits))
    async def score(request: Request, collection: Annotated[str, Query(description=WHOSE)] = "") -> Response:
        return await scoring.answer(request, collection)

    @api.exception_handler(BodyTooLong)
    async def refuse(_request: Request, _error: Exception) -> Response:
        return _json({"detail": too_long(scoring.limits)}, 413)

    @api.exception_handler(ClientDisconnect)
    async def let_go(_request: Request, _error: Exception) -> Response:
        return Response(status_code=GONE)

    pages = guarded(pages_of(api, scoring.limits))
    door = ScoreDoor(api, token, scoring.held, scoring.limits)

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        is_asked = scope["path"] == SCORE_PATH and scope["method"] not in ("GET", "HEAD")
        await (door if is_asked else pages)(scope, receive, send)

    return choose


def _none_of(rows: Sequence[Any]) -> RequestRefused:
    first = next(row.reason for row in rows if isinstance(row, NotScored))
    which = "the only item" if len(rows) == 1 else f"none of the {len(rows)} items can be scored; the first"
    return RequestRefused(422, f"{which}: {first}")


def _told(said: Scored) -> Response:
    return _json(
        {
            "labels": said.labels,
            said.gives: [None if isinstance(row, NotScored) else row for row in said.rows],
            "errors": [row.reason if isinstance(row, NotScored) else None for row in said.rows],
            "model": {"collection": said.collection, "number": said.number, "version": said.version},
        }
    )


def _json(said: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json(said), status, media_type="application/json", headers=AGAIN.get(status))
