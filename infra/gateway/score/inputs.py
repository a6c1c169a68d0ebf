"""What a request asks for: pictures that it carries or names, or texts; each that cannot be used has its own reason."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from blocks.errors import BadInput
from blocks.frozen import Frozen
from blocks.servers.web_files import NotFetched, WebDoor
from infra.gateway.score.held import HeldBytes
from infra.gateway.score.limits import ScoreLimits
from tasks.detect.scoring.protocol import NotScored, Takes

FETCHED_AT_ONCE = 8

Item = bytes | str | NotScored
"""Bytes of a picture file, an address of one, or a text; or why one cannot be used."""


class NamedPictures(Frozen):
    """A request for pictures that lie elsewhere."""

    type: Literal["images"]
    urls: list[str] = Field(description="Of pictures: http or https, on the public internet")

    def inputs(self) -> "ScoreInputs":
        """Return what is to be scored."""
        return ScoreInputs("images", self.urls, are_addresses=True)


class GivenTexts(Frozen):
    """A request for texts."""

    type: Literal["text"]
    texts: list[str]

    def inputs(self) -> "ScoreInputs":
        """Return what is to be scored."""
        return ScoreInputs("text", self.texts)


JSON_FORMS: TypeAdapter[NamedPictures | GivenTexts] = TypeAdapter(
    Annotated[NamedPictures | GivenTexts, Field(discriminator="type")]
)
"""What a request in JSON may be."""


class RequestRefused(BadInput):
    """A request that cannot be answered as a whole.

    Attributes:
        status: The HTTP status that says so.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class ScoreInputs:
    """What is to be scored.

    Attributes:
        takes: Pictures or texts.
        items: In the order of the request.
        are_addresses: They name pictures that are to be fetched.
    """

    takes: Takes
    items: Sequence[Item]
    are_addresses: bool = False


async def read_inputs(request: Request, limits: ScoreLimits) -> ScoreInputs:
    """Return what a request asks for; nothing is fetched yet.

    Raises:
        RequestRefused: 413 too many items; 415 neither JSON nor a form; 422 malformed, or nothing in it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        found = _of_json(await request.body())
    elif kind == "multipart/form-data":
        found = await _of_form(request, limits)
    else:
        raise RequestRefused(
            415, f"content type {kind[:100]!r}: expected application/json, or multipart/form-data with picture files"
        )
    if not found.items:
        raise RequestRefused(422, "nothing to score: expected at least one picture or text")
    if len(found.items) > limits.items:
        raise RequestRefused(
            413, f"{len(found.items):,} items in one request: expected at most {limits.items}. Send them in parts"
        )
    items = [_checked(item, limits) for item in found.items]
    characters = 0 if found.are_addresses else sum(len(item) for item in items if isinstance(item, str))
    if characters > limits.texts_chars:
        raise RequestRefused(
            413,
            f"{characters:,} characters in the texts of one request: expected at most {limits.texts_chars:,}. Send "
            "them in parts",
        )
    return ScoreInputs(found.takes, items, found.are_addresses)


class Fetcher:
    """Fetches the pictures that requests name, some at once.

    Args:
        held: Counts what all requests hold: what may come is waited for.
        limits: What is taken of anybody.
        web: What is fetched, and what is not.
    """

    def __init__(self, held: HeldBytes, limits: ScoreLimits, web: WebDoor) -> None:
        self._held, self._limits, self._web = held, limits, web
        self._threads = ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix="fetch")

    @asynccontextmanager
    async def fetched(self, urls: Sequence[Item]) -> AsyncIterator[list[Item]]:
        """Yield for each address the bytes of its file, or why there are none; their memory is held meanwhile."""
        most = min(self._limits.body_bytes, len(urls) * self._limits.item_bytes)
        async with self._held.room(most):
            loop, left, found = asyncio.get_running_loop(), most, list(urls)
            for start in range(0, len(urls), FETCHED_AT_ONCE):
                some = range(start, min(start + FETCHED_AT_ONCE, len(urls)))
                jobs = [loop.run_in_executor(self._threads, self._one, urls[number], left) for number in some]
                for number, said in zip(some, await asyncio.gather(*jobs), strict=True):
                    found[number] = said
                left = most - sum(len(one) for one in found if isinstance(one, bytes))
            yield found

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _one(self, url: Item, left: int) -> Item:
        if not isinstance(url, str):
            return url
        if left <= 0:
            return NotScored(
                f"the pictures before this one come to {self._limits.body_bytes:,} bytes, the most that is fetched for "
                "one request: send them in parts"
            )
        try:
            return self._web.fetch(url)
        except NotFetched as error:
            return NotScored(str(error))


def _of_json(body: bytes) -> ScoreInputs:
    try:
        return JSON_FORMS.validate_json(body).inputs()
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors()[:3])
        raise RequestRefused(
            422, f'{told}. Expected {{"type": "images", "urls": [...]}} or {{"type": "text", "texts": [...]}}'
        ) from error


async def _of_form(request: Request, limits: ScoreLimits) -> ScoreInputs:
    try:
        form = await request.form(max_files=limits.items, max_fields=1)
    except HTTPException as error:  # what the parser finds wrong
        if "Too many files" in str(error.detail):
            raise RequestRefused(413, f"more than {limits.items} files in one request: send them in parts") from error
        raise RequestRefused(422, f"the form cannot be read: {error.detail}") from error
    try:
        return ScoreInputs("images", await _files_of(form, limits))
    finally:
        await form.close()


async def _files_of(form: FormData, limits: ScoreLimits) -> list[Item]:
    files: list[Item] = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            is_too_long = (value.size or 0) > limits.item_bytes
            files.append(NotScored(_longer(value.size or 0, limits)) if is_too_long else await value.read())
        elif (name, value) != ("type", "images"):
            raise RequestRefused(422, f"the form's field {name[:100]!r} is no file: expected picture files, with names")
    return files


def _checked(item: Item, limits: ScoreLimits) -> Item:
    if isinstance(item, str) and not item.strip():
        return NotScored("it is empty: expected a text, or an address")
    if isinstance(item, str) and len(item) > limits.text_chars:
        return NotScored(f"{len(item):,} characters: expected at most {limits.text_chars:,}. Send it in parts")
    if isinstance(item, bytes) and len(item) > limits.item_bytes:
        return NotScored(_longer(len(item), limits))
    return item


def _longer(size: int, limits: ScoreLimits) -> str:
    return f"{size:,} bytes: expected a picture file of at most {limits.item_bytes:,}. Make it smaller, or cut it"
