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
from infra.gateway.app import GatewayParts, create_app
from infra.gateway.back_room import BackRoom
from infra.gateway.gallery.app import Gallery, gallery_app
from infra.gateway.logs import log_to_stderr
from infra.gateway.ml.app import behind_door as suggestions_door
from infra.gateway.ml.live import LiveSuggestions
from infra.gateway.patience import Patience, configure, make_room
from infra.gateway.pictures import ItemPictures
from infra.stack.doors.arguments import LOGIN_VARIABLE
from infra.stack.doors.guard import guard
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
    catalog, store, label_studio = load_blocks(options.plugs)
    server = label_studio.open()
    room = BackRoom(catalog, label_studio)
    live = LiveSuggestions(catalog.open(), store.open())
    live.start()
    # Links to pictures may be opened from every page, but under the gateway's own names only.
    own_names = [*options.public_host, urlsplit(server.gateway_url).hostname or ""]

    def end() -> None:
        live.close()
        room.close()

    parts = GatewayParts(
        engine=catalog.open(),
        store=store.open(),
        link_secret=server.link_secret,
        doorbell_secret=server.doorbell_secret,
        hear=room.hear,
        wake=room.wake,
        end=end,
        suggestions=suggestions_door(live, server, [*options.public_host, urlsplit(server.gateway_url).netloc]),
        overhear=live.overhear,
        gallery=behind_door(catalog.open(), server, os.environ.pop(LOGIN_VARIABLE, ""), options.public_host),
    )
    app = TrustedHostMiddleware(create_app(parts), allowed_hosts(own_names), www_redirect=False)
    patience = Patience()
    make_room(patience)
    uvicorn.Server(configure(app, options.host, options.port, patience)).run()


def behind_door(
    engine: Engine, server: AnnotationServer, login: str, public_hosts: Sequence[str]
) -> Callable[[ItemPictures], ASGIApp] | None:
    """Return what makes the gallery behind its door; None without a login: nobody would be asked who they are."""
    if not login:
        return None
    names = [*public_hosts, urlsplit(server.gateway_url).netloc]

    def open_gallery(pictures: ItemPictures) -> ASGIApp:
        gallery = Gallery(engine, pictures, server.link_secret, server.url)
        gallery.warm()
        return guard(gallery_app(gallery), names, login=login, open_paths=())

    return open_gallery


def load_blocks(plugs: str) -> tuple[Catalog, ObjectStore, LabelStudio]:
    """Return what a gateway works with, from saved blocks."""
    catalog, store, label_studio = Catalog.load(plugs), ObjectStore.load(plugs), LabelStudio.load(plugs)
    assert isinstance(catalog, Catalog)  # not coroutines, as no event loop runs here
    assert isinstance(store, ObjectStore)
    assert isinstance(label_studio, LabelStudio)
    return catalog, store, label_studio


if __name__ == "__main__":
    main()
