"""The pictures of a part of an import as items of the collection: taken in, or found there."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, utc_now
from blocks.errors import BadInput, UnreadableImage
from blocks.storage.outside_files import read_bounded
from blocks.storage.stores import Store
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.problems import Problems
from tasks.dataset.imports.plan import ImportPlan, PlannedPicture
from tasks.intake.files import Examined, uri_of
from tasks.intake.folders import take_in
from tasks.intake.images import MAX_FILE_BYTES
from tasks.intake.source_rows import known_sources, write_sources
from tasks.intake.texts.take_in import sequence_of_text
from tasks.intake.texts.text_items import keep_text


@dataclass(frozen=True, slots=True)
class PlacedPicture:
    """A picture of an import that is an item of the collection."""

    item_id: str
    position: int
    """Among all pictures of the import, from 0."""
    planned: PlannedPicture


def place_pictures(
    engine: Engine, store: Store, plan: ImportPlan, pictures: Sequence[PlannedPicture], start: int, problems: Problems
) -> list[PlacedPicture]:
    """Take pictures in that lie beside their labels, and find the others; what cannot be taken in is a problem.

    Args:
        engine: The catalogue.
        store: Where bytes go.
        plan: Of the import.
        pictures: Some of it.
        start: Position of the first one.
        problems: Where it is noted.
    """
    if plan.medium == "texts":
        return _place_texts(engine, store, plan, pictures, start)
    root = Path(plan.root)
    files = {picture.name: picture.file_below(root) for picture in pictures}
    links = {name: file for name, file in files.items() if file is not None and file.is_symlink()}
    linked = _linked_items(engine, plan.collection, links)
    paths = {name: file for name, file in files.items() if file is not None and name not in linked}
    report = take_in(engine, store, plan.collection, paths.values(), plan.sequence_pattern, folder=root)
    reasons = {aside.uri: aside.reason for aside in report.set_aside}
    uris = {name: uri_of(file) for name, file in paths.items()}
    taken = known_sources(engine, plan.collection, list(uris.values()))
    placed = []
    for position, picture in enumerate(pictures, start=start):
        item_id = picture.item_id or linked.get(picture.name)
        if item_id is None and picture.name in uris:
            found = taken.get(uris[picture.name])
            item_id = found.item_id if found else None
        if item_id is None:
            why = reasons.get(uris.get(picture.name, ""), "it is gone")
            problems.add(Oddity.UNREADABLE_PICTURE, picture.name, "", f"a picture that cannot be taken in: {why}")
            continue
        placed.append(PlacedPicture(item_id, position, picture))
    return placed


def _place_texts(
    engine: Engine, store: Store, plan: ImportPlan, texts: Sequence[PlannedPicture], start: int
) -> list[PlacedPicture]:
    """Take texts in; each is a sequence of its own, unless a pattern finds in its name to which it belongs."""
    placed, examined, seen_at = list[PlacedPicture](), dict[str, Examined](), utc_now()
    for position, planned in enumerate(texts, start=start):
        file = uri_of(Path(plan.root, planned.text_in))
        uri = file if planned.name == planned.text_in else f"{file}/{quote(planned.name)}"
        sequence = sequence_of_text(planned.name, plan.sequence_pattern)
        item = keep_text(store, planned.text or "", planned.name, sequence)
        examined[uri] = Examined(uri, item.id, item=item)
        placed.append(PlacedPicture(item.id, position, planned))
    write_sources(engine, plan.collection, list(examined.values()), seen_at)
    return placed


def _linked_items(engine: Engine, collection: str, links: dict[str, Path]) -> dict[str, str]:
    """Return the items of links that lead to bytes which the catalogue has, as an export with links leads to them.

    Intake follows no link, so that a folder cannot pull in files from elsewhere; what is here already is not pulled in.
    """
    ids: dict[str, str] = {}
    for name, link in links.items():
        try:
            ids[name] = hashlib.sha256(read_bounded(link, UnreadableImage, MAX_FILE_BYTES)).hexdigest()
        except BadInput:
            continue  # intake says what is wrong with it
    with reading(engine) as session:
        known = set(session.exec(select(Item.id).where(col(Item.id).in_(list(ids.values())))).all())
    found = {name: item_id for name, item_id in ids.items() if item_id in known}
    write_sources(
        engine, collection, [Examined(uri_of(links[name]), item_id) for name, item_id in found.items()], utc_now()
    )
    return found
