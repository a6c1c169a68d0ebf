"""Speaking to the stack's Prefect server from this process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infra.stack.servers.services import OUR_LOGGERS
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


SEND_LIMIT_S = 10.0
"""How long is waited for events that still have to be sent."""


@contextmanager
def connected(state: StackState) -> Iterator["SyncPrefectClient"]:
    """Open a client of the stack's Prefect server; inside, Prefect's own functions speak to it too."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

    settings = {
        PREFECT_API_URL: state.urls.prefect_api,
        PREFECT_API_AUTH_STRING: state.credentials.prefect_login,
        PREFECT_UI_URL: state.urls.prefect_ui,
    }
    _send_events()
    try:
        with temporary_settings(settings), get_client(sync_client=True) as client:
            yield client
    finally:
        _send_events()


def _send_events() -> None:
    """Send the events that wait, and let the next one find its server anew.

    Prefect keeps one sender of events per process, bound to the server that the first one went to. Left alone it would
    go on sending to a stack that is down by then, and everybody would wait for it at the end.
    """
    from prefect.events.worker import EventsWorker

    logging.getLogger("EventsWorker").setLevel(logging.ERROR)  # else it tells everybody how many wait
    EventsWorker.drain_all(timeout=SEND_LIMIT_S, at_exit=False)


def write_logging_settings(home: Path) -> None:
    """Let our own loggers through at INFO: Prefect attaches them, but leaves them at the root's WARNING."""
    import yaml
    from prefect.logging.configuration import DEFAULT_LOGGING_SETTINGS_PATH

    settings = yaml.safe_load(DEFAULT_LOGGING_SETTINGS_PATH.read_text())
    settings["loggers"].update({name: {"level": "INFO"} for name in OUR_LOGGERS})
    folder = home / "prefect"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "logging.yml").write_text(yaml.safe_dump(settings))
