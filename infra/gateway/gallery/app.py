"""The gallery's application: pages rendered here, boxes drawn by the browser over plain pictures.

It has no session and changes nothing. Who may see it is the door's business (`infra/stack/doors/guard.py`).
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader
from pydantic import ValidationError
from sqlalchemy import Engine

from blocks.errors import BadInput, BadOption, CatalogUnavailable, ObjectMissing, StoreUnavailable
from blocks.storage.links import signature_of
from infra.gateway.gallery.kept import Remembered
from infra.gateway.gallery.thumbs import Thumbs
from infra.gateway.images import ITEM_ID, OUT_OF_REACH, told_of
from infra.gateway.pictures import ItemPictures
from tasks.intake.texts.text_items import read_text
from tasks.monitor.collections import CollectionProgress, read_collections
from tasks.monitor.gallery.facts import Facts, read_facts
from tasks.monitor.gallery.filters import Filter, first_pictures, pictures_of
from tasks.monitor.gallery.shown import Thumbnail, picture_page, thumbnails

PAGE_SIZE = 60

MOST_COLLECTIONS = 4
"""Whose pictures are known in memory at once: about 30 MB for 100,000 of them."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#999999")
"""Of classes, in the order of their names: Okabe and Ito's palette, which colour-blind people can tell apart."""


ON_CARD, ON_PAGE = 400, 100_000
"""Characters of a text that are shown."""


class Gallery:
    """Pages about the collections of one catalogue.

    Args:
        engine: The catalogue.
        pictures: Its items, as the gateway shows them.
        link_secret: Signs links to whole pictures.
        label_studio: Its address, for links to questions.
    """

    def __init__(self, engine: Engine, pictures: ItemPictures, link_secret: str, label_studio: str) -> None:
        self._engine, self._secret, self._label_studio = engine, link_secret, label_studio
        self._store = pictures.store
        self.thumbs = Thumbs(pictures)
        self._facts: Remembered[Facts] = Remembered(most=MOST_COLLECTIONS)
        self._orders: Remembered[list[str]] = Remembered()
        self._collections: Remembered[list[CollectionProgress]] = Remembered(most=1, fresh_s=10.0)

    def warm(self) -> None:
        """Read beside, before anybody looks, what takes seconds where there are many pictures."""
        self._collections.prepare("all", self._read_all)

    def index(self) -> str:
        """Return the page of all collections; those that somebody is about to open are read meanwhile."""
        found = self._all()
        self._prepare_largest(found)
        return self._render("index.html", collections=found)

    def grid(self, collection: str, wanted: Filter, page: int) -> str:
        """Return one page of a collection's pictures, page 1 first.

        Raises:
            BadOption: There is no such collection.
        """
        progress = self._find(collection)
        if page <= 1 and wanted == Filter() and not self._facts.has(collection):
            self._prepare(collection)  # for the next page; this one needs no order of all
            ids, count = first_pictures(self._engine, collection, PAGE_SIZE)
        else:
            ids = self._order(collection, wanted)
            count = len(ids)
        last = max(1, -(-count // PAGE_SIZE))
        page = min(max(1, page), last)
        shown = thumbnails(self._engine, collection, ids[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
        return self._render(
            "grid.html",
            progress=progress,
            wanted=wanted,
            pictures=shown,
            texts=self._texts(shown, ON_CARD),
            count=count,
            page=page,
            last=last,
            query=self._query(collection, wanted),
            colours=self._colours(progress),
        )

    def picture(self, collection: str, item_id: str, wanted: Filter) -> str:
        """Return the page of one picture.

        Raises:
            BadOption: There is no such collection, or no such picture in it.
        """
        progress = self._find(collection)
        found = picture_page(self._engine, collection, item_id)
        ids = self._order(collection, wanted)
        at = ids.index(item_id) if item_id in ids else None
        return self._render(
            "picture.html",
            progress=progress,
            one=found,
            text=self._texts([found.picture], ON_PAGE).get(item_id),
            image=f"/images/{item_id}?signature={signature_of(self._secret, item_id, None)}",
            before=ids[at - 1] if at else None,
            after=ids[at + 1] if at is not None and at + 1 < len(ids) else None,
            place=None if at is None else at + 1,
            page=1 if at is None else at // PAGE_SIZE + 1,
            count=len(ids),
            query=self._query(collection, wanted),
            colours=self._colours(progress),
            label_studio=self._label_studio,
        )

    def _texts(self, shown: Sequence[Thumbnail], characters: int) -> dict[str, str]:
        """Return the beginnings of the texts among some items; of one that cannot be read, why."""
        said = {}
        for one in shown:
            if one.text_key is not None:
                try:
                    said[one.item_id] = read_text(self._store, one.text_key)[:characters]
                except (BadInput, ObjectMissing, StoreUnavailable) as error:
                    said[one.item_id] = f"({error})"
        return said

    def _read_all(self) -> list[CollectionProgress]:
        found = read_collections(self._engine)
        self._prepare_largest(found)
        return found

    def _prepare_largest(self, collections: Sequence[CollectionProgress]) -> None:
        for one in sorted(collections, key=lambda one: one.pictures, reverse=True)[:MOST_COLLECTIONS]:
            self._prepare(one.name)

    def _prepare(self, collection: str) -> None:
        self._facts.prepare(collection, partial(read_facts, self._engine, collection))

    def close(self) -> None:
        """Wait for what is read beside; nothing can be asked any more then."""
        for kept in (self._collections, self._facts, self._orders):  # the first asks the second for more
            kept.close()

    def _all(self) -> list[CollectionProgress]:
        return self._collections.get("all", self._read_all)

    def _find(self, collection: str) -> CollectionProgress:
        found = next((one for one in self._all() if one.name == collection), None)
        if found is None:
            raise BadOption(f"there is no collection {collection!r}: the first page lists all")
        return found

    def _order(self, collection: str, wanted: Filter) -> list[str]:
        def work_out() -> list[str]:
            read = partial(read_facts, self._engine, collection)
            facts = self._facts.get(collection, read, read)
            return pictures_of(self._engine, collection, wanted, facts)

        return self._orders.get((collection, wanted), work_out)

    def _query(self, collection: str, wanted: Filter) -> str:
        given = {
            name: value for name, value in wanted.model_dump(mode="json").items() if value not in (None, "", False)
        }
        return urlencode({"collection": collection, **given})

    def _colours(self, progress: CollectionProgress) -> Mapping[str, str]:
        return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(sorted(progress.by_class))}

    def _render(self, template: str, **values: Any) -> str:
        return _templates().get_template(template).render(**values)


def gallery_app(gallery: Gallery) -> FastAPI:
    """Return the application, to be mounted behind a door."""
    app = FastAPI(title="Labelline gallery", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    def index() -> Response:
        return _page(gallery.index)

    @app.get("/pictures")
    def pictures(request: Request, collection: str, page: int = 1) -> Response:
        return _page(lambda: gallery.grid(collection, filter_of(request.query_params), page))

    @app.get("/picture")
    def picture(request: Request, collection: str, item: str) -> Response:
        return _page(lambda: gallery.picture(collection, item, filter_of(request.query_params)))

    @app.get("/thumbs/{item_id}")
    def thumb(item_id: str) -> Response:
        if not ITEM_ID.fullmatch(item_id):
            return HTMLResponse("no such item", 404, headers=HEADERS)
        try:
            data = gallery.thumbs.render(item_id)
        except tuple(OUT_OF_REACH) as error:
            status, reason = told_of(error)
            return HTMLResponse(reason, status, headers=HEADERS)
        kept = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(data, media_type="image/jpeg", headers={**HEADERS, **kept})

    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    return app


def filter_of(given: Mapping[str, str]) -> Filter:
    """Return the filter that a page's address names; empty fields of its form leave all in.

    Raises:
        BadOption: A value is none that the field takes.
    """
    named = {name: value for name, value in given.items() if value.strip() and name in Filter.model_fields}
    try:
        return Filter.model_validate(named)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadOption(f"the filter cannot be used: {told}") from error


def _page(make: Any) -> Response:
    try:
        return HTMLResponse(make(), headers=HEADERS)
    except BadOption as error:
        return _refusal(str(error), 404)
    except CatalogUnavailable:
        return _refusal("the catalogue does not answer: try again", 503)


def _refusal(reason: str, status: int) -> Response:
    return HTMLResponse(_templates().get_template("refusal.html").render(reason=reason), status, headers=HEADERS)


@cache
def _templates() -> Environment:
    """Return the pages' templates; every value in them is text, never markup."""
    return Environment(loader=PackageLoader("infra.gateway.gallery"), autoescape=True, trim_blocks=True)
