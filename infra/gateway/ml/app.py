"""`/ml`: Label Studio's protocol for back ends, as far as opening a question needs it.

`/health` and `/setup` are asked at every opening, `/predict` where the question has no prediction of the version that
`/setup` has just named; and, with a context, at every click of whoever outlines objects by four. What comes along is
read for the project, the question and its clicks alone: the token of whoever made the project, which Label Studio hands
to every back end, is neither kept nor written down.

Source:
    `label_studio/ml/api_connector.py` of Label Studio 1.23.2.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from starlette.types import ASGIApp

from blocks.errors import LabellingError
from blocks.servers.annotation_server import AnnotationServer
from infra.gateway.ml.live import LiveSuggestions, question_of
from infra.stack.doors.guard import guard
from tasks.review.questions.task import MODEL_VERSION

MAX_BODY_BYTES = 4_000_000
"""A label config of a thousand classes is 100 kB, and a task of a thousand boxes 400 kB."""

ANSWER_S = 0.3
"""After so long a question is opened without a suggestion."""

CLICK_S = 4.0
"""After so long a click is answered with nothing: nobody's question waits for it."""

AT_ONCE = 4
CLICKS_AT_ONCE = 2

TASKS_AT_MOST = 100

Said = TypeVar("Said")

log = logging.getLogger(__name__)


class _Setup(BaseModel):
    model_config = ConfigDict(extra="ignore")

    project: str = Field(pattern=r"^[0-9]{1,18}(\.[0-9]{1,18})?$")

    @property
    def project_id(self) -> int:
        return int(self.project.partition(".")[0])


class _Context(BaseModel):
    model_config = ConfigDict(extra="ignore")

    result: list[Any] = []


class _Params(BaseModel):
    model_config = ConfigDict(extra="ignore")

    context: _Context | None = None


class _Predict(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tasks: list[dict[str, Any]] = Field(max_length=TASKS_AT_MOST)
    params: _Params = _Params()


class BodyRefused(Exception):
    """A body that is too long, or none that Label Studio sends."""


def suggestions_app(live: LiveSuggestions) -> FastAPI:
    """Return the back end, without its door."""
    app = FastAPI(title="Labelline suggestions", docs_url=None, redoc_url=None, openapi_url=None)
    room = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="suggest")
    clicks_room = ThreadPoolExecutor(CLICKS_AT_ONCE, thread_name_prefix="clicks")

    async def in_time(
        job: Callable[[], Said], otherwise: Said, what: str = "a question is opened", is_click: bool = False
    ) -> Said:
        asked = asyncio.get_running_loop().run_in_executor(clicks_room if is_click else room, job)
        seconds = CLICK_S if is_click else ANSWER_S
        try:
            return await asyncio.wait_for(asked, seconds)
        except TimeoutError:
            log.info("%s without a suggestion: it took longer than %.1f s", what, seconds)
        except LabellingError as error:
            log.warning("%s without a suggestion: %s", what, error)
        return otherwise

    @app.get("/health")
    async def health() -> Response:
        """Say that it is there, and goes on learning."""
        told = {"status": "UP" if live.is_well else "DOWN", "model_class": "Labelline"}
        return JSONResponse(told, 200 if live.is_well else 503)

    @app.post("/setup")
    async def setup(request: Request) -> Response:
        """Name the state of knowledge for a project."""
        asked = _Setup.model_validate(await _read(request))
        version = await in_time(lambda: live.version_of(asked.project_id), MODEL_VERSION)
        return JSONResponse({"model_version": version})

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        """Say what questions begin with; or, at a click, what outline it completes: null is none."""
        asked = _Predict.model_validate(await _read(request))
        ids = [question_of(task) for task in asked.tasks]
        context = asked.params.context
        if context is not None:
            id_ = ids[0] if ids else ""
            outline = await in_time(lambda: live.clicks.answer(id_, context.result), None, "clicks stay", is_click=True)
            return JSONResponse({"results": [outline]})
        nothing: list[list[dict[str, Any]]] = [[] for _ in ids]
        return JSONResponse({"results": await in_time(lambda: live.predict(ids), nothing)})

    @app.exception_handler(ValidationError)
    @app.exception_handler(BodyRefused)
    async def refuse(_request: Request, _error: Exception) -> Response:
        # What came is not repeated: it may hold a token.
        return JSONResponse({"detail": "this is nothing that Label Studio asks a back end"}, 400)

    return app


def behind_door(live: LiveSuggestions, server: AnnotationServer, public_hosts: Sequence[str]) -> ASGIApp:
    """Return the back end as Label Studio alone may ask it: by name and password, and from no page.

    Args:
        live: What answers.
        server: Whose login is asked for.
        public_hosts: Names of the gateway beside those of this machine.
    """
    return guard(suggestions_app(live), public_hosts, login=":".join(server.suggestions_login), open_paths=())


async def _read(request: Request) -> Any:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise BodyRefused
    try:
        return from_json(bytes(body))
    except ValueError:
        raise BodyRefused from None
