"""The block documents of this machine: where its bytes, tables, people and experiments are."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from blocks.servers.annotation_server import AnnotationServer
from infra.stack.moved import documents_of
from infra.stack.orchestration.restored import RestoredPlugs, read_restored, restored_path
from infra.stack.secrets.credentials import write_private
from infra.stack.servers.services import PLUGS, artifact_root, catalog_url, tracking_uri
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from sqlalchemy import Engine

    from blocks.label_studio import LabelStudio

RESTORED = ("labelline-catalog", "labelline-object-store")
"""Documents that name the places of the original in a restored state folder."""

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def save_blocks(state: StackState) -> list[str]:
    """Register our block types and save the documents of this machine; what a person edited stays.

    Label Studio's document follows the stack, whose ports and secrets it holds, until a person edits it: a team's own
    server stays. The other three are written where they are missing, or where they name files of the place from which
    this home was moved or copied.

    Returns:
        What was saved, as `type/name`.
    """
    marker = documents_of(state.home)
    before = Path(marker.read_text()) if marker.exists() else None
    restored = read_restored(state.home)
    saved = []
    for block in _documents(state, restored):
        type(block).register_type_and_schema()
        saved_one = _find(block)
        if block.get_block_type_slug() == "labelline-label-studio":
            stays = saved_one is not None and stays_as_it_is(cast("LabelStudio", saved_one).open(), state)
        else:
            is_led_away = before is None or (before != state.home and _names_files_of(before, saved_one))
            is_restored = restored is not None and block.get_block_type_slug() in RESTORED
            stays = saved_one is not None and not is_led_away and not is_restored
        if not stays:
            block.save(PLUGS, overwrite=True)
            saved.append(f"{block.get_block_type_slug()}/{PLUGS}")
            if block.get_block_type_slug() == "labelline-label-studio":
                write_private(fingerprint_path(state), fingerprint_of(state.server))
    marker.write_text(str(state.home))
    restored_path(state.home).unlink(missing_ok=True)
    return saved


def open_saved_catalog() -> "Engine | None":
    """Return the catalogue that the saved document names; None where none is saved. Inside `connected`.

    Raises:
        CatalogUnavailable: Its address is no database address.
    """
    from blocks.catalog import Catalog

    try:
        return cast(Catalog, Catalog.load(PLUGS)).open()
    except ValueError:  # Prefect's word for "no such document"
        return None


def load_server() -> AnnotationServer:
    """Return the Label Studio that the saved document names. Inside `connected`.

    Raises:
        ValueError: None is saved.
    """
    from blocks.label_studio import LabelStudio

    return cast(LabelStudio, LabelStudio.load(PLUGS)).open()


def saved_server() -> AnnotationServer | None:
    """Return the Label Studio that the saved document names; None where none is saved. Inside `connected`."""
    try:
        return load_server()
    except ValueError:  # Prefect's word for "no such document"
        return None


def migrate_catalog() -> None:
    """Bring the tables of the catalogue that the documents name to their newest version."""
    from blocks.catalog import Catalog

    catalog = Catalog.load(PLUGS)
    assert isinstance(catalog, Catalog)  # not a coroutine, as no event loop runs here
    catalog.migrate()


def _documents(state: StackState, restored: RestoredPlugs | None = None) -> list["Block"]:
    from blocks.catalog import Catalog
    from blocks.label_studio import LabelStudio
    from blocks.object_store import ObjectStore
    from blocks.tracking import Tracking

    home, server, plugs = state.home, state.server, restored or RestoredPlugs()
    return [
        ObjectStore.model_validate(plugs.bucket or {"folder": str(home / "objects")}),
        Catalog(url=SecretStr(plugs.catalog or catalog_url(home))),
        Tracking(uri=tracking_uri(home), artifact_root=artifact_root(home)),
        LabelStudio(
            url=server.url,
            api_token=server.api_token,
            gateway_url=server.gateway_url,
            link_secret=server.link_secret,
            doorbell_secret=server.doorbell_secret,
        ),
    ]


def _find(block: "Block") -> "Block | None":
    try:
        return cast("Block", type(block).load(PLUGS))
    except ValueError:  # Prefect's word for "no such document"
        return None


def _names_files_of(home: Path, block: "Block | None") -> bool:
    """Say whether a document leads into a state folder; that of a team's own server leads elsewhere."""
    values = [value.get_secret_value() if isinstance(value, SecretStr) else value for _, value in block or ()]
    return any(f"{home}/" in value for value in values if isinstance(value, str))


def stays_as_it_is(saved: AnnotationServer, state: StackState) -> bool:
    """Say whether a saved Label Studio document needs no writing: it is up to date, or not as the stack wrote it."""
    if saved == state.server:
        return True
    path = fingerprint_path(state)
    if path.exists():
        return path.read_text() != fingerprint_of(saved)
    # Written before fingerprints were kept.
    hosts = {urlsplit(saved.url).hostname, urlsplit(saved.gateway_url).hostname}
    return not hosts <= LOOPBACK or saved.api_token != state.label_studio_token


def fingerprint_path(state: StackState) -> Path:
    """Return where the stack keeps what tells its own Label Studio document from an edited one."""
    return state.home / "prefect" / "label-studio-document"


def fingerprint_of(server: AnnotationServer) -> str:
    """Return a text that is another one for every other document, and tells nothing of its secrets."""
    fields = [server.url, server.api_token, server.gateway_url, server.link_secret, server.doorbell_secret]
    return hashlib.sha256("\n".join(fields).encode()).hexdigest()
