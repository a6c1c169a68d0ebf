"""Under which name a picture leaves the line: that of its file, with the folders that tell it from its namesakes."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from urllib.parse import quote, unquote_to_bytes

from sqlalchemy import Engine, collate, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.intake.sequences import readable

AT_ONCE = 500

TAKEN = "taken"

MOST_NAME_BYTES = 255
"""Of one part of a path, on the file systems in use."""

MOST_STEM_BYTES = 150
"""Leaves room for an id and a suffix; a sign of Chinese takes three."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One settled item, and the name under which it leaves.

    Attributes:
        item: With its labels.
        name: Path relative to the folder that all pictures of the collection share; no two are the same.
        is_turned: Its stored bytes say by EXIF how to turn it upright.
    """

    item: ManifestItem
    name: PurePosixPath
    is_turned: bool


def named_pictures(engine: Engine, manifest: Manifest) -> Iterator[Picture]:
    """Yield the items of a manifest with their original names, some hundred at a time."""
    with reading(engine) as session:
        above = _shared_folder(session, manifest.collection)
    items = manifest.items()
    while chunk := list(islice(items, AT_ONCE)):
        with reading(engine) as session:
            facts = _facts(session, manifest.collection, [item.id for item in chunk])
        for item in chunk:
            uri, orientation = facts.get(item.id, ("", 1))
            # A file that was replaced since is nobody's source any more: its name may be another's.
            known = uri.startswith(above)
            relative = _of_frame(uri.removeprefix(above), item) if known else quote(item.name)
            name = original_name(relative, item)
            yield Picture(item, name if known else told_apart(name, item), orientation != 1)


def _of_frame(relative_uri: str, item: ManifestItem) -> str:
    """Return the end of an address, of a frame of a video with its own name in place of the video's."""
    film, is_frame, _ = relative_uri.partition("#frame=")
    return f"{film.rpartition('/')[0]}/{quote(item.name)}" if is_frame else relative_uri


def original_name(relative_uri: str, item: ManifestItem) -> PurePosixPath:
    """Return the path of a picture below the folder that all share.

    Args:
        relative_uri: The end of its address, percent-encoded.
        item: Whose.

    Returns:
        The path as it was, where every system takes it; else with underscores and the beginning of the item's id.
    """
    name = readable(os.fsdecode(unquote_to_bytes(relative_uri)))
    clean = "".join(sign if sign.isprintable() and sign not in '\\:*?"<>|\ufffd' else "_" for sign in name)
    path = PurePosixPath(*(part for part in clean.split("/") if part not in ("", ".", "..")))
    path = path if path.name else PurePosixPath(item.id)
    return path if clean == name else told_apart(path, item)


def told_apart(path: PurePosixPath, item: ManifestItem) -> PurePosixPath:
    """Return a path with the beginning of an item's id in its name, which is cut to fit every file system."""
    stem = path.stem[:100].encode()[:MOST_STEM_BYTES].decode(errors="ignore")
    return path.with_name(f"{stem}-{item.id[:12]}{path.suffix[:20]}")


def _shared_folder(session: Session, collection: str) -> str:
    """Return the address of the folder that holds all pictures of a collection, with its slash."""
    by_bytes = "C" if session.get_bind().dialect.name == "postgresql" else "BINARY"  # not by a language's rules
    uri = collate(col(Source.uri), by_bytes)
    bounds = select(func.min(uri), func.max(uri)).where(Source.collection == collection, Source.state == TAKEN)
    first, last = session.exec(bounds).one()
    # What the first and the last in order begin with, all between them begin with, too.
    return os.path.commonprefix([first or "", last or ""]).rpartition("/")[0] + "/"  # noqa: RUF071 cut at a slash


def _facts(session: Session, collection: str, item_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    query = (
        select(Item.id, func.min(Source.uri), Item.orientation)
        .outerjoin(
            Source,
            (col(Source.item_id) == col(Item.id)) & (col(Source.collection) == collection) & (Source.state == TAKEN),
        )
        .where(col(Item.id).in_(item_ids))
        .group_by(col(Item.id), col(Item.orientation))
    )
    return {item_id: (uri or "", orientation) for item_id, uri, orientation in session.exec(query)}
