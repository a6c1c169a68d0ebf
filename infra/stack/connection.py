"""Speaking to the stack's Prefect server from this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infra.stack.services import OUR_LOGGERS
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


@contextmanager
def connected(state: StackState) -> Iterator["SyncPrefectClient"]:
    """Open a client of the stack's Prefect server; inside, Prefect's own functions speak to it too."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

    addresses = {PREFECT_API_URL: state.urls.prefect_api, PREFECT_UI_URL: state.urls.prefect_ui}
    with temporary_settings(addresses), get_client(sync_client=True) as client:
        yield client


def write_logging_settings(home: Path) -> None:
    """Let our own loggers through at INFO: Prefect attaches them, but leaves them at the root's WARNING."""
    import yaml
    from prefect.logging.configuration import DEFAULT_LOGGING_SETTINGS_PATH

    settings = yaml.safe_load(DEFAULT_LOGGING_SETTINGS_PATH.read_text())
    settings["loggers"].update({name: {"level": "INFO"} for name in OUR_LOGGERS})
    folder = home / "prefect"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "logging.yml").write_text(yaml.safe_dump(settings))
