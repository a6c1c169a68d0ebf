"""Photographs the gallery, behind its login: all collections, a grid, and one picture with a proposal to compare."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from blocks.errors import StackError
from infra.stack.state import StackState

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("gallery-collections.jpg", "gallery.jpg", "gallery-picture.jpg")


def take_gallery_pictures(page: "Page", state: StackState, folder: Path) -> list[Path]:
    """Photograph three pages of the gallery.

    Args:
        page: Of a browser that knows the gallery's login.
        state: A running stack in which pictures are settled.
        folder: Where the photographs go.

    Raises:
        StackError: Nothing is settled yet.
    """
    collection, item = _most_proposed(state)
    base, query = f"{state.urls.gateway}/gallery", urlencode({"collection": collection, "order": "most labels"})
    one = urlencode({"collection": collection, "order": "most labels", "item": item})
    addresses = (f"{base}/", f"{base}/pictures?{query}", f"{base}/picture?{one}")
    taken = []
    for name, address in zip(NAMES, addresses, strict=True):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.wait_for_function("[...document.images].every(one => one.complete || one.loading == 'lazy')")
        shown = page.locator("main") if address == addresses[0] else page  # a short list is no screenful
        shown.screenshot(path=folder / name, type="jpeg", quality=82)
        taken.append(folder / name)
    return taken


def _most_proposed(state: StackState) -> tuple[str, str]:
    """Return a collection and a settled picture of it: the one with most labels, of those with proposals beside."""
    from sqlmodel import col, func, select

    from blocks.database.engine import open_engine, reading
    from blocks.database.tables import Batch, BatchItem, Label, Proposal
    from infra.stack.servers.services import catalog_url
    from tasks.settle.in_force import is_in_force

    proposed = select(Proposal.id).where(
        col(Proposal.item_id) == col(Label.item_id), col(Proposal.detector) == col(Batch.detector)
    )
    query = (
        select(Batch.collection, Label.item_id)
        .join(BatchItem, col(BatchItem.batch_id) == col(Batch.id))
        .join(Label, col(Label.item_id) == col(BatchItem.item_id))
        .where(col(BatchItem.settled_at).is_not(None), proposed.exists(), *is_in_force())
        .group_by(Batch.collection, Label.item_id)
        .order_by(func.count().desc())
    )
    with reading(open_engine(catalog_url(state.home))) as session:
        found = session.exec(query).first()
    if found is None:
        raise StackError(f"no picture is settled in {state.home} yet: run `make demo KEEP=1` first")
    return found
