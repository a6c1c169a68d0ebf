"""Snapshots: immutable dataset versions, named by the hash of what is in them.

Only settled items are in one. The same truth gives the same manifest, hence the same id, so taking a snapshot twice
changes nothing. Splits come from `SequenceSplit`: a whole sequence is in one split, for good.
"""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine, Row, Select, and_, select
from sqlmodel import Session, col

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, Snapshot
from blocks.errors import NotEnoughData, ObjectMissing
from blocks.shapes import read_shape
from blocks.storage.stores import Store
from tasks.dataset.manifest import (
    Manifest,
    ManifestItem,
    ManifestLabel,
    head_line,
    is_plain,
    item_line,
    read_head,
    tail_line,
)
from tasks.intake.label_kinds import label_kind_of
from tasks.kinds.geometry import bounds_of

OF_ITEM = ("id", "key", "name", "sequence", "length", "frame")
OF_LABEL = tuple(name for name in ManifestLabel.model_fields if name not in ("bounds_px", "shape"))
PLACE = ("shape", "x_min", "y_min", "x_max", "y_max")
"""Columns of the catalogue that a manifest is made of."""

ROWS_AT_ONCE = 2_000
"""Rows fetched from the catalogue at a time; memory does not grow beyond them."""


class SnapshotRef(BaseModel):
    """A snapshot by its id, with its counts."""

    model_config = ConfigDict(frozen=True)

    id: str
    collection: str
    items: int
    labels: int
    classes: tuple[str, ...]
    splits: dict[str, int]
    kind: str = "boxes"


def newest_snapshot(engine: Engine, collection: str) -> str | None:
    """Return the id of a collection's newest snapshot; None: it has none."""
    query = select(col(Snapshot.id)).where(col(Snapshot.collection) == collection)
    with reading(engine) as session:
        return session.scalars(query.order_by(col(Snapshot.created_at).desc()).limit(1)).first()


def take_snapshot(engine: Engine, store: Store, collection: str) -> SnapshotRef:
    """Write down all settled items of a collection with their labels in force, as an immutable version.

    Args:
        engine: The catalogue.
        store: Where the manifest goes, under `snapshots/<id>.json`.
        collection: Whose items.

    Returns:
        The snapshot; an earlier one when nothing has changed since.

    Raises:
        NotEnoughData: No item of the collection is settled, or a sequence has no split yet.
    """
    with tempfile.TemporaryDirectory(prefix="labelline-snapshot-") as folder:
        ref, manifest = draw_manifest(engine, collection, Path(folder))
        _keep(engine, store, ref, manifest.path)
    return ref


def write_manifest(engine: Engine, store: Store, collection: str) -> str:
    """Write down what a snapshot taken now would have, and take none: labels stay new to what counts since the last.

    Returns:
        The id that the snapshot would have; `read_snapshot` reads it.

    Raises:
        NotEnoughData: No item of the collection is settled, or a sequence has no split yet.
    """
    with tempfile.TemporaryDirectory(prefix="labelline-snapshot-") as folder:
        ref, manifest = draw_manifest(engine, collection, Path(folder))
        _keep_manifest(store, ref, manifest.path)
    return ref.id


def draw_manifest(engine: Engine, collection: str, folder: Path) -> tuple[SnapshotRef, Manifest]:
    """Write the manifest that a snapshot taken now would have, and take none.

    Args:
        engine: The catalogue.
        collection: Whose items.
        folder: Where the manifest goes; it is read from there.

    Raises:
        NotEnoughData: No item of the collection is settled, or a sequence has no split yet.
        BadShape: A label has a shape of no kind, or of another kind than the others.
    """
    body, path = folder / "body", folder / "manifest.json"
    counts = _write_items(engine, collection, body)
    if not counts["items"]:
        raise NotEnoughData(
            f"collection {collection!r} has no settled item yet, and a snapshot needs at least one: "
            "label a batch first (labelline label FOLDER), and let it settle."
        )
    classes = tuple(sorted(name.removeprefix("class:") for name in counts if name.startswith("class:")))
    kind = label_kind_of(engine, collection, {name[6:] for name in counts if name.startswith("shape:")})
    head = head_line(collection, list(classes), kind.name, is_plain=not counts["of format 2"])
    snapshot_id = _assemble(path, head, body)
    body.unlink()
    ref = SnapshotRef(
        id=snapshot_id,
        collection=collection,
        items=counts["items"],
        labels=counts["labels"],
        classes=classes,
        splits={split: counts[f"split:{split}"] for split in ("train", "val", "test")},
        kind=kind.name,
    )
    return ref, Manifest(snapshot_id, collection, classes, path, kind.name)


def read_snapshot(store: Store, snapshot_id: str) -> Manifest:
    """Open a snapshot's manifest.

    Raises:
        ObjectMissing: There is no such snapshot, or its manifest is damaged.
    """
    key = manifest_key(snapshot_id)
    path = store.local_path(key)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != snapshot_id:
        raise ObjectMissing(
            f"{key} has the hash {digest[:12]}…, which is not its name: the manifest was changed or cut short. "
            "Take the snapshot again (an unchanged catalogue gives the same one)."
        )
    with path.open(encoding="utf-8") as lines:
        collection, classes, kind = read_head(lines.readline())
    return Manifest(snapshot_id, collection, classes, path, kind)


def manifest_key(snapshot_id: str) -> str:
    """Return where a snapshot's manifest is in the object store."""
    return f"snapshots/{snapshot_id}.json"


def _write_items(engine: Engine, collection: str, body: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    with reading(engine) as session, body.open("w", encoding="utf-8") as file:
        for item in _settled_items(session, collection):
            file.write((",\n" if counts["items"] else "") + item_line(item))
            counts.update({"items": 1, "labels": len(item.labels), f"split:{item.split}": 1})
            counts.update(f"class:{label.class_name}" for label in item.labels)
            counts.update(f"shape:{label.shape.type if label.shape else 'box'}" for label in item.labels)
            counts["of format 2"] += not is_plain(item)
    return counts


def _assemble(manifest: Path, head: str, body: Path) -> str:
    # The head names the classes, which are known only once all items are written: hence two files.
    digest = hashlib.sha256()
    with manifest.open("wb") as out, body.open("rb") as items:
        for chunk in chain([head.encode()], iter(lambda: items.read(1 << 20), b""), [tail_line().encode()]):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _keep(engine: Engine, store: Store, ref: SnapshotRef, manifest: Path) -> None:
    # Bytes before the row: a row without its manifest would be a promise broken by a crash.
    key = _keep_manifest(store, ref, manifest)
    with writing(engine) as session:
        row = {**ref.model_dump(), "classes": list(ref.classes), "manifest_key": key}
        upsert(session, Snapshot, [row])


def _keep_manifest(store: Store, ref: SnapshotRef, manifest: Path) -> str:
    key = manifest_key(ref.id)
    if not store.has(key):
        store.put(key, manifest, "application/json")
    return key


def _settled_items(session: Session, collection: str) -> Iterator[ManifestItem]:
    rows = session.execute(_settled_rows(collection), execution_options={"yield_per": ROWS_AT_ONCE})
    for _, group in groupby(rows, key=lambda row: row.item_id):
        yield _manifest_item(collection, list(group))


def _manifest_item(collection: str, rows: list[Row[Any]]) -> ManifestItem:
    item = rows[0]
    if item.split is None:
        raise NotEnoughData(
            f"sequence {item.item_sequence!r} of collection {collection!r} is in no split yet, so its items could leak "
            "from training into the test: assign splits first (the intake flow does)."
        )
    newest = {row.region: row for row in rows if row.id is not None}  # the last revision stays
    facts = {name: getattr(item, f"item_{name}") for name in OF_ITEM}
    size = {"width": item.item_width or 0, "height": item.item_height or 0}
    labels = tuple(_manifest_label(row) for row in newest.values() if not row.retracted)
    return ManifestItem(**facts, **size, split=item.split, labels=labels)


def _manifest_label(row: Row[Any]) -> ManifestLabel:
    shape = None if row.shape is None else read_shape(row.shape)
    bounds = bounds_of(row) if shape is None else shape.bounds()
    return ManifestLabel(**{name: getattr(row, name) for name in OF_LABEL}, shape=shape, bounds_px=bounds)


def _settled_rows(collection: str) -> Select[Any]:
    """One statement for items and labels together, so that it sees one moment of the catalogue on any database.

    All revisions come, in order: picking the newest here costs less than a window over the whole table. Labels count by
    the collection of their batch: the same image may be labelled for another collection with other classes, and its
    truth there is not truth here. Only columns are asked for: whole rows as objects cost half of an export.
    """
    batches = select(col(Batch.id)).where(col(Batch.collection) == collection)
    settled = select(col(BatchItem.item_id)).where(
        col(BatchItem.batch_id).in_(batches),
        col(BatchItem.settled_at).is_not(None),
        col(BatchItem.set_aside).is_(None),
    )
    in_split = and_(col(SequenceSplit.collection) == collection, col(SequenceSplit.sequence) == col(Item.sequence))
    return (
        select(
            *(col(getattr(Item, name)).label(f"item_{name}") for name in (*OF_ITEM, "width", "height")),
            *(col(getattr(Label, name)).label(name) for name in (*OF_LABEL, *PLACE, "retracted")),
            col(SequenceSplit.split).label("split"),
        )
        .select_from(Item)
        .outerjoin(Label, and_(col(Label.item_id) == col(Item.id), col(Label.batch_id).in_(batches)))
        .outerjoin(SequenceSplit, in_split)
        .where(col(Item.id).in_(settled))
        .order_by(col(Item.id), col(Label.region), col(Label.revision))
    )
