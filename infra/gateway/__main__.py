"""`python -m infra.gateway --plugs local --port 8090`: the gateway of one set of saved blocks.

It loads them once, at its start; afterwards it shows pictures whether Prefect answers or not.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import uvicorn
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.label_studio import LabelStudio
from blocks.object_store import ObjectStore
from infra.gateway.app import GatewayParts, create_app
from tasks.review.doorbell import hear
from tasks.review.newcomers import Newcomers
from tasks.review.rules import due

SWITCH_INTERVAL_S = 0.0005
"""How long the doorbell's thread may keep the interpreter from the server: the default of 5 ms is felt at p95."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m infra.gateway", description=__doc__)
    parser.add_argument("--plugs", default="local", help="name under which the blocks are saved")
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    app = create_app(load_parts(options.plugs))
    # No access log: who holds a picture's signature may see it, so signatures are not written down.
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=65,
        ws="none",
    )


def load_parts(plugs: str) -> GatewayParts:
    """Return what a gateway works with, from saved blocks."""
    catalog, store, label_studio = Catalog.load(plugs), ObjectStore.load(plugs), LabelStudio.load(plugs)
    assert isinstance(catalog, Catalog)  # not coroutines, as no event loop runs here
    assert isinstance(store, ObjectStore)
    assert isinstance(label_studio, LabelStudio)
    engine, server = catalog.open(), label_studio.open()
    return GatewayParts(
        engine=engine,
        store=store.open(),
        link_secret=server.link_secret,
        doorbell_secret=server.doorbell_secret,
        hear=partial(_hear, engine, Newcomers(engine, server)),
        wake=partial(_wake, engine),
    )


def _hear(engine: Engine, newcomers: Newcomers, payload: dict[str, Any]) -> bool:
    return hear(engine, payload, newcomers.learn).changed_anything


def _wake(engine: Engine) -> bool:
    from tasks.review.ask import wake_due  # Prefect's engine loads at the first wake, not before the first picture

    woken = wake_due(engine)
    return any(sleeper.flow_run_id not in woken for sleeper in due(engine))


if __name__ == "__main__":
    main()
