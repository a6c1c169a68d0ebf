"""How `/score` is used: its OpenAPI document, and a page of it with examples that loads nothing from elsewhere."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from blocks.frozen import Frozen
from infra.gateway.gallery.app import HEADERS
from infra.gateway.score.inputs import GivenTexts, NamedPictures
from infra.gateway.score.limits import ScoreLimits

TITLE = "Labelline score"

EXAMPLES = {
    "pictures": {"type": "images", "urls": ["https://example.org/a.jpg", "https://example.org/b.jpg"]},
    "texts": {"type": "text", "texts": ["Rates rise again", "Cup final goes to extra time"]},
}
FILES = {
    "type": "object",
    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
}


class FoundBox(Frozen):
    """A box that a detector found."""

    label: str
    score: float = Field(description="0 to 1")
    x_min: float = Field(description="Pixels of the upright picture, as all edges")
    y_min: float
    x_max: float
    y_max: float


class ScoredSpan(Frozen):
    """A span that a tagger found."""

    label: str
    score: float = Field(description="0 to 1")
    start: int = Field(description="Characters of the text, counted as Unicode code points, as Python does")
    end: int = Field(description="The first one behind it")
    text: str = Field(description="What stands there")


class AnsweringModel(Frozen):
    """Who answered."""

    collection: str
    number: str = Field(description="Of the version in MLflow")
    version: str = Field(description="First 12 hex digits of the weights' SHA-256")


class ScoreAnswer(Frozen):
    """What a champion says; what stands beside `labels` depends on the kind of its labels."""

    labels: list[str] = Field(description="Names of the classes, in the order of each row of scores")
    scores: list[list[float] | None] | None = Field(
        default=None, description="For classes: a row for each item, a score of 0 to 1 for each label"
    )
    boxes: list[list[FoundBox] | None] | None = Field(
        default=None, description="For detectors: for each picture its boxes, best first; none scores less than 0.25"
    )
    spans: list[list[ScoredSpan] | None] | None = Field(
        default=None, description="For taggers: for each text its spans in order; none scores less than 0.25"
    )
    errors: list[str | None] = Field(description="For each item why it has no row (its row is null); else null")
    model: AnsweringModel


class Refusal(Frozen):
    """Why a request got no answer, and what to do."""

    detail: str


def route_facts(limits: ScoreLimits) -> dict[str, Any]:
    """Return what FastAPI is told of `POST /score` besides its function.

    Args:
        limits: What is taken of anybody.
    """
    refused = {
        401: "The token is missing, or another one",
        404: "There is no such collection, or no champion",
        409: "Several collections have a champion, and none was named",
        413: f"More than {limits.items} items, {limits.body_bytes:,} bytes, or {limits.texts_chars:,} characters",
        422: "The request is malformed, or none of its items can be scored",
        429: "Too much waits already: come again after `Retry-After` seconds",
        503: f"The champion cannot be opened, or had no answer within {limits.answer_s:g} s",
    }
    return {
        "summary": "What the champion says of pictures or texts",
        "description": (
            f"At most {limits.items} items and {limits.body_bytes:,} bytes in one request; a picture of at most "
            f"{limits.item_bytes:,} bytes and {limits.item_pixels:,} pixels, fetched within {limits.fetch_s:g} s; a "
            f"text of at most {limits.text_chars:,} characters, and all texts of a request of {limits.texts_chars:,}. "
            "An item that cannot be used has its reason in `errors`, and the others their rows. Addresses of private "
            "networks are not fetched: send such files themselves."
        ),
        "response_model": ScoreAnswer,
        "responses": {status: {"model": Refusal, "description": told} for status, told in refused.items()},
        "openapi_extra": {
            "security": [{"token": []}],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"oneOf": [NamedPictures.model_json_schema(), GivenTexts.model_json_schema()]},
                        "examples": {name: {"value": value} for name, value in EXAMPLES.items()},
                    },
                    "multipart/form-data": {"schema": FILES},
                },
            },
        },
    }


def openapi_of(api: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the application, with how callers show who they are."""
    document = api.openapi()
    known = {"type": "http", "scheme": "bearer", "description": "`labelline login` shows the token"}
    document["components"]["securitySchemes"] = {"token": known}
    return document


def pages_of(api: FastAPI, limits: ScoreLimits) -> Starlette:
    """Return the pages, to be put behind a door.

    Args:
        api: The application that they are about.
        limits: What it takes of anybody.
    """
    document = openapi_of(api)

    async def show(request: Request) -> Response:
        address = str(request.url.replace(path="/score", query=""))
        page = _templates().get_template("docs.html").render(document=document, limits=limits, address=address)
        return HTMLResponse(page, headers=HEADERS)

    async def tell(_request: Request) -> Response:
        return JSONResponse(document, headers=HEADERS)

    async def lead(_request: Request) -> Response:
        return RedirectResponse("/score/docs")

    return Starlette(routes=[Route("/score", lead), Route("/score/docs", show), Route("/score/openapi.json", tell)])


@cache
def _templates() -> Environment:
    return Environment(loader=PackageLoader("infra.gateway.score"), autoescape=True, trim_blocks=True)
