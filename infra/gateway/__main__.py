"""`python -m infra.gateway --plugs local --port 8090`: the gateway of one set of saved blocks.

It loads them once, at its start; afterwards it shows pictures whether Prefect answers or not.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import uvicorn
from sqlalchemy import Engine
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

from blocks.catalog import Catalog
from blocks.label_studio import LabelStudio
from blocks.object_store import ObjectStore
from blocks.servers.annotation_server import AnnotationServer
from blocks.tracking import Tracking
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.back_room import BackRoom
from infra.gateway.gallery.app import Gallery, gallery_app
from infra.gateway.logs import log_to_stderr
from infra.gateway.ml.app import behind_door as suggestions_door
from infra.gateway.ml.live import LiveSuggestions
from infra.gateway.patience import Patience, configure, make_room
from infra.gateway.pictures import ItemPictures
from infra.gateway.score.app import Scoring, score_app
from infra.gateway.score.limits import ScoreLimits
from infra.gateway.score.room import ScoreRoom
from infra.stack.doors.arguments import LOGIN_VARIABLE, SCORE_VARIABLE
from infra.stack.doors.guard import OriginDoor, PasswordDoor, guard
from infra.stack.doors.hosts import allowed_hosts


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m infra.gateway", description=__doc__)
    parser.add_argument("--plugs", default="local", help="name under which the blocks are saved")
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--public-host", action="append", default=[], help="a further name of it; may be repeated")
    options = parser.parse_args(arguments)
    log_to_stderr()
    catalog, store, label_studio, tracking = load_blocks(options.plugs)
    server = label_studio.open()
    room = BackRoom(catalog, label_studio)
    live = LiveSuggestions(catalog.open(), store.open())
    live.start()
    names = [*options.public_host, urlsplit(server.gateway_url).netloc.lower()]
    login, token = os.environ.pop(LOGIN_VARIABLE, ""), os.environ.pop(SCORE_VARIABLE, "")
    limits = ScoreLimits()
    scores = ScoreRoom(catalog, store, tracking, limits)
    scoring = Scoring(scores.score, limits)

    def end() -> None:
        live.close()
        room.close()
        scoring.close()
        scores.close()

    parts = GatewayParts(
        engine=catalog.open(),
        store=store.open(),
        link_secret=server.link_secret,
        doorbell_secret=server.doorbell_secret,
        hear=room.hear,
        wake=room.wake,
        end=end,
        suggestions=suggestions_door(live, server, names),
        overhear=live.overhear,
        gallery=gallery_of(catalog.open(), server, login, names),
        score=score_of(scoring, token, login, names),
    )
    # Links to pictures may be opened from every page, but under the gateway's own names only.
    app = TrustedHostMiddleware(create_app(parts), allowed_hosts(names), www_redirect=False)
    patience = Patience()
    make_room(patience)
    uvicorn.Server(configure(app, options.host, options.port, patience)).run()


def gallery_of(
    engine: Engine, server: AnnotationServer, login: str, names: Sequence[str]
) -> Callable[[ItemPictures], ASGIApp] | None:
    """Return what makes the gallery behind its door; None without a login: nobody would be asked who they are."""
    if not login:
        return None

    def open_gallery(pictures: ItemPictures) -> ASGIApp:
        gallery = Gallery(engine, pictures, server.link_secret, server.url)
        gallery.warm()
        return guard(gallery_app(gallery), names, login=login, open_paths=())

    return open_gallery


def score_of(scoring: Scoring, token: str, login: str, names: Sequence[str]) -> ASGIApp | None:
    """Return the champion as a service, for programs with the token; its pages are for who knows the login.

    None without either: nobody would be asked who they are.
    """
    if not token or not login:
        return None
    return OriginDoor(score_app(scoring, token, lambda pages: PasswordDoor(pages, login, ())), names)


def load_blocks(plugs: str) -> tuple[Catalog, ObjectStore, LabelStudio, Tracking]:
    """Return what a gateway works with, from saved blocks."""
    catalog, store, label_studio = Catalog.load(plugs), ObjectStore.load(plugs), LabelStudio.load(plugs)
    tracking = Tracking.load(plugs)
    assert isinstance(catalog, Catalog)  # not coroutines, as no event loop runs here
    assert isinstance(store, ObjectStore)
    assert isinstance(label_studio, LabelStudio)
    assert isinstance(tracking, Tracking)
    return catalog, store, label_studio, tracking


if __name__ == "__main__":
    main()
