"""Which images of a batch have a flawed surface: compared, patch by patch, with good images of the same collection.

Good is what has settled without a label: on a line that labels flaws, people have found none there. The detector's own
backbone reads the patches, so that no other model is needed.
"""

import base64
import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Item, Label
from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage
from blocks.naming.names import object_key_part
from blocks.storage.stores import Store
from tasks.detect.refs import Scope
from tasks.intake.images import Pixels, read_item
from tasks.triage import reasons
from tasks.triage.boxes import in_shards, scanned_items
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.patchcore import MIN_IMAGES, Flaws, PatchMemory
from tasks.triage.outliers.surface import heat_picture, surface_anomalies

if TYPE_CHECKING:
    from tasks.detect.backends.patch_features import PatchReader

log = logging.getLogger(__name__)

READ_AT_ONCE = 16
"""Images in memory at a time: their patches are some 12 MB."""

MOST_PIXELS = 8_000_000
"""Larger images are made smaller as they are read: patches are of a few hundred pixels a side, so are heat maps."""

MOST_PICTURES = 100
"""Heat maps kept of a batch."""

NO_FLAWS = Flaws(np.zeros(0), np.zeros((0, 0, 0)))


@dataclass(frozen=True, slots=True)
class SurfaceFindings:
    """What was found out about the surfaces of a batch."""

    reasons: Mapping[str, list[str]] = field(default_factory=dict)
    """By item id; surfaces that are not odd are absent."""
    note: str = ""
    """What could not be judged at all, and why."""


def odd_surfaces_of(engine: Engine, store: Store, scope: Scope, options: TriageOptions) -> SurfaceFindings:
    """Say which images of a batch have an odd surface, and keep heat maps of some under `heat/<batch>/`.

    An image that cannot be read or compared is a reason to look at it. With too few good images nothing is judged.

    Raises:
        ObjectMissing: The detector's weights are not in the store.
        BadWeights: They have no layers to read patches from.
    """
    good = good_items(engine, scope, options.surface_images)
    if len(good) < MIN_IMAGES:
        return SurfaceFindings(note=_too_few(len(good)))
    if not store.has(f"weights/{scope.detector}.pt") and any(store.keys(f"weights/{scope.detector}.")):
        return SurfaceFindings(note="surfaces: not judged: patches are read by ultralytics weights (.pt) only")
    from tasks.detect.backends.patch_features import PatchReader

    reader = PatchReader(store.local_path(f"weights/{scope.detector}.pt"))
    known = [part.grids for part in _read(store, reader, good) if part.ids]
    readable = sum(len(grids) for grids in known)
    if readable < MIN_IMAGES:
        return SurfaceFindings(note=_too_few(readable))
    memory = PatchMemory.of(np.concatenate(known), reader.model, seed=options.seed)
    found: dict[str, list[str]] = {}
    drawn = 0
    for part in _read(store, reader, scanned_items(engine, scope)):
        found |= {item_id: [reasons.no_surface(why)] for item_id, why in part.unread.items()}
        flaws = memory.compare(part.grids, reader.model) if part.ids else NO_FLAWS
        for item_id, odd in surface_anomalies(flaws, memory, part.ids, part.sizes_wh, options.outlier_z).items():
            found[item_id] = [odd.reason]
            place = part.ids.index(item_id)
            if drawn < MOST_PICTURES:
                drawn += 1
                _draw(store, scope.batch_id, item_id, odd.z, part.images[place], flaws.distances[place])
    log.info("%d of the surfaces of %s are odd beside %d good ones", len(found), scope.batch_id, readable)
    return SurfaceFindings(found)


def good_items(engine: Engine, scope: Scope, most: int) -> dict[str, str]:
    """Return where settled items of the collection without a label in force are, at random at most so many.

    Items of the batch itself are left out.
    """
    later: Any = aliased(Label)
    corrected = select(later.id).where(
        later.item_id == Label.item_id, later.region == Label.region, later.revision > col(Label.revision)
    )
    in_force = select(Label.id).where(
        col(Label.item_id) == col(Item.id), col(Label.retracted).is_(False), ~corrected.exists()
    )
    own = select(BatchItem.item_id).where(BatchItem.batch_id == scope.batch_id)
    collection = select(Batch.collection).where(Batch.id == scope.batch_id).scalar_subquery()
    query = (
        select(Item.id, Item.key)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection, col(Item.id).not_in(own))
        .where(col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None))
        .where(~in_force.exists())
        .distinct()
    )
    with reading(engine) as session:
        keys = dict(session.exec(query).all())
    lots = sorted(keys, key=lambda item_id: hashlib.sha256(f"{scope.batch_id}|{item_id}".encode()).digest())
    return {item_id: keys[item_id] for item_id in lots[:most]}


def heat_maps(store: Store, batch_id: str, count: int = 3) -> str:
    """Return Markdown with a batch's oddest surfaces beside their heat maps; empty where there is none."""
    keys = sorted(store.keys(f"heat/{object_key_part(batch_id)}/"))[:count]
    if not keys:
        return ""
    parts = ["", "### The oddest surfaces", "Dark blue: as known good ones. Yellow: farthest from all of them."]
    pictures = [base64.b64encode(store.get(key)).decode() for key in keys]
    return "\n\n".join([*parts, *(f"![an odd surface](data:image/jpeg;base64,{data})" for data in pictures)])


def _too_few(good: int) -> str:
    return f"surfaces: not enough evidence: {good} settled images without a label, and {MIN_IMAGES} are needed"


@dataclass(frozen=True, slots=True)
class _Part:
    """Some images with the features of their patches, and why others have none."""

    ids: list[str]
    images: list[Pixels]
    sizes_wh: list[tuple[int, int]]
    grids: npt.NDArray[np.float32]
    unread: dict[str, str]


def _read(store: Store, reader: "PatchReader", keys: Mapping[str, str]) -> Iterator[_Part]:
    for some in in_shards(list(keys), READ_AT_ONCE):
        images: dict[str, Pixels] = {}
        sizes: dict[str, tuple[int, int]] = {}
        unread: dict[str, str] = {}
        for item_id in some:
            try:
                images[item_id], sizes[item_id] = _shrunk(read_item(store, keys[item_id]))
            except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
                log.warning("no surface of item %s: %s", item_id, error)
                unread[item_id] = "it cannot be read"
        ids, grids = list(images), reader.read(list(images.values()))
        usable = [place for place in range(len(ids)) if np.isfinite(grids[place]).all()]
        unread |= {ids[place]: "its features are no numbers" for place in range(len(ids)) if place not in usable}
        kept = [ids[place] for place in usable]
        yield _Part(kept, [images[name] for name in kept], [sizes[name] for name in kept], grids[usable], unread)


def _shrunk(image: Pixels) -> tuple[Pixels, tuple[int, int]]:
    """Return an image of at most `MOST_PIXELS`, and width and height that it had."""
    import cv2

    height, width = image.shape[:2]
    scale = (MOST_PIXELS / (width * height)) ** 0.5
    if scale >= 1:
        return image, (width, height)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8), (width, height)


def _draw(store: Store, batch_id: str, item_id: str, z: float, image: Pixels, distances: Any) -> None:
    import cv2

    width = min(image.shape[1], 480)
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    both = np.hstack([small, heat_picture(small, distances, float(distances.max()))])
    _, encoded = cv2.imencode(".jpg", both, [cv2.IMWRITE_JPEG_QUALITY, 80])
    rank = max(0, 99_999 - round(100 * min(z, 999.0)))  # keys are listed in order: the oddest come first
    store.put(f"heat/{object_key_part(batch_id)}/{rank:05}-{item_id}.jpg", encoded.tobytes(), "image/jpeg")
