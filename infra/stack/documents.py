"""The block documents of this machine: where its bytes, tables, people and experiments are."""

from pathlib import Path
from typing import TYPE_CHECKING

from infra.stack.services import PLUGS, artifact_root, catalog_url, tracking_uri
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.blocks.core import Block


def save_blocks(state: StackState) -> list[str]:
    """Register our block types and save the documents of this machine; what a person edited stays.

    Label Studio's document follows the stack, whose ports and secrets it holds; the other three are written where they
    are missing, or where this home was copied from another place.

    Returns:
        What was saved, as `type/name`.
    """
    marker = state.home / "prefect" / "documents-of"
    in_place = marker.exists() and marker.read_text() == str(state.home)
    saved = []
    for block in _documents(state):
        type(block).register_type_and_schema()
        if block.get_block_type_slug() == "labelline-label-studio" or not (in_place and _is_saved(block)):
            block.save(PLUGS, overwrite=True)
            saved.append(f"{block.get_block_type_slug()}/{PLUGS}")
    marker.write_text(str(state.home))
    return saved


def migrate_catalog() -> None:
    """Bring the tables of the catalogue that the documents name to their newest version."""
    from blocks.catalog import Catalog

    catalog = Catalog.load(PLUGS)
    assert isinstance(catalog, Catalog)  # not a coroutine, as no event loop runs here
    catalog.migrate()


def _documents(state: StackState) -> list["Block"]:
    from blocks.catalog import Catalog
    from blocks.label_studio import LabelStudio
    from blocks.object_store import ObjectStore
    from blocks.tracking import Tracking

    home: Path = state.home
    return [
        ObjectStore(folder=str(home / "objects")),
        Catalog(url=catalog_url(home)),
        Tracking(uri=tracking_uri(home), artifact_root=artifact_root(home)),
        LabelStudio(
            url=state.urls.label_studio,
            api_token=state.label_studio_token,
            gateway_url=state.urls.gateway,
            link_secret=state.link_secret,
            doorbell_secret=state.doorbell_secret,
        ),
    ]


def _is_saved(block: "Block") -> bool:
    try:
        type(block).load(PLUGS)
    except ValueError:  # Prefect's word for "no such document"
        return False
    return True
