"""Which pictures are tried, and a catalogue of their own that lasts as long as the dry run.

The catalogue and the store of the line are only read: what the dry run proposes, asks and settles goes with it.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine
from sqlmodel import SQLModel, col, select

from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.import_tables import LabelImport
from blocks.database.tables import Batch, BatchItem, Item, Proposal, Route, Scan, Source
from blocks.errors import BadOption, BadTruth
from blocks.storage.stores import FolderStore, Store
from infra.annotators.truth import KnownWorld, TruePicture
from infra.forecast.believed import known_truth, objects_on_average
from tasks.detect.models import keys_of
from tasks.detect.proposers.imported import RECIPE
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef, items_of, open_batch
from tasks.intake.folders import find_images, take_in
from tasks.intake.sequences import assign_splits, splits_of
from tasks.triage.boxes import in_shards

BATCH = "forecast"

ENOUGH_KNOWN = 10
"""With fewer pictures that people have settled, the sample is drawn from those that wait to be labelled."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Where the dry run takes place, and what it stands for.

    Attributes:
        engine: The catalogue of the dry run.
        store: Its pictures and weights.
        batch: The sample.
        pictures: For how many pictures it stands.
        truth: What is true on each picture, by item id; empty: nobody has said.
        notes: What is to be said of the choice.
    """

    engine: Engine
    store: FolderStore
    batch: BatchRef
    pictures: int
    truth: Mapping[str, TruePicture] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@contextmanager
def throwaway() -> Iterator[tuple[Engine, FolderStore]]:
    """Open an empty catalogue and store, which are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="labelline-forecast-") as place:
        migrate(url := f"sqlite:///{place}/catalog.sqlite")
        engine = open_engine(url)
        try:
            yield engine, FolderStore(Path(place) / "objects")
        finally:
            engine.dispose()


def sample_folder(own: tuple[Engine, FolderStore], folder: Path, collection: str, size: int, seed: int) -> Rehearsed:
    """Take some pictures of a folder into the catalogue of the dry run; the folder stays as it is.

    Raises:
        NoImages: The folder has none.
        BadOption: None of those tried can be read.
    """
    engine, store = own
    paths = find_images(folder)
    report = take_in(engine, store, collection, _draw(paths, size, seed), folder=folder)
    batch = _opened(engine, collection, size)
    if not batch.size:
        first = "; ".join(f"{file.uri.rpartition('/')[2]}: {file.reason}" for file in report.set_aside[:3])
        raise BadOption(f"none of the {min(size, len(paths))} pictures tried of {folder} can be read: {first}")
    unread = len(report.set_aside)
    notes = (f"{unread} of the files tried cannot be read, and are not counted in",) if unread else ()
    readable = round(len(paths) * (1 - unread / min(size, len(paths))))
    return Rehearsed(engine, store, batch, max(batch.size, readable), notes=notes)


def sample_collection(
    own: tuple[Engine, FolderStore], real: Engine, real_store: Store, collection: str, size: int, seed: int
) -> Rehearsed:
    """Copy some pictures of a collection into the catalogue of the dry run: those whose labels are known, else any.

    Of the known ones, those come first that no training learns from: on its own lessons a detector looks better than
    it is.

    Raises:
        BadOption: The collection has no picture.
    """
    engine, store = own
    waiting, known = _waiting(real, collection), _known(real, collection)
    pictures, notes = count_pictures(real, collection), []
    if not waiting:
        notes.append("all pictures are labelled already: this is what they would take by this line")
    chosen = waiting or known
    if len(known) >= ENOUGH_KNOWN:
        splits = splits_of(real, collection)
        unlearnt = [item_id for item_id in known if splits.get(item_id) != "train"]
        chosen = unlearnt if len(unlearnt) >= ENOUGH_KNOWN else known
        if chosen is known:
            notes.append("a detector that was trained on these pictures looks better on them than on new ones")
    items = _copy_items(real, engine, real_store, store, collection, _draw(chosen, size, seed))
    truth = known_truth(real, collection, items) if set(chosen) <= set(known) else {}
    return Rehearsed(engine, store, _opened(engine, collection, len(items)), pictures, truth, tuple(notes))


def count_pictures(real: Engine, collection: str) -> int:
    """Return how many pictures of a collection are not labelled yet; all of them where none is left.

    Raises:
        BadOption: The collection has no picture.
    """
    count = len(_waiting(real, collection)) or len(_known(real, collection))
    if not count:
        raise BadOption(f"{collection!r} has no picture to try: take a folder in with `labelline label`")
    return count


def objects_known(real: Engine, collection: str) -> float | None:
    """Return how many objects the pictures have on average that people have settled; None: they have settled none."""
    known = _known(real, collection)
    with reading(real) as session:
        items: list[Item] = [one for part in in_shards(known) for one in session.exec(_items(part)).all()]
    return objects_on_average(known_truth(real, collection, items)) if items else None


def with_truth(
    own: tuple[Engine, FolderStore], world: KnownWorld, folder: Path, collection: str, size: int, seed: int
) -> Rehearsed:
    """Take pictures of a folder of truth as the sample: it stands for as many pictures as the caller says.

    Raises:
        BadTruth: None of its pictures tried can be read.
    """
    engine, store = own
    names = sorted(picture.name for picture in world.pictures.values())
    paths = [path for path in find_images(folder) if path.name in set(names)]
    take_in(engine, store, collection, _draw(paths, size, seed), folder=folder)
    batch = _opened(engine, collection, size)
    items = items_of(engine, batch.id)
    truth = {item.id: world.pictures[item.id] for item in items if item.id in world.pictures}
    if not batch.size or len(truth) < len(items):
        raise BadTruth(f"the pictures of {folder} cannot be read, or the labels speak of none of them")
    return Rehearsed(engine, store, batch, batch.size, truth)


def copy_detector(own: Rehearsed, real: Engine, real_store: Store, detector: DetectorRef) -> None:
    """Bring what stands behind a detector into the dry run: its weights with what calibrates them, or its import."""
    if detector.is_import:
        _copy_import(own.engine, real, detector.version)
    elif not detector.is_nobody:
        for key in keys_of(detector.weights_key):
            own.store.put(key, real_store.local_path(key))
        for key in real_store.keys(f"calibrations/{detector.version}/"):
            own.store.put(key, real_store.local_path(key))


def _opened(engine: Engine, collection: str, size: int) -> BatchRef:
    assign_splits(engine, collection)
    return open_batch(engine, BATCH, collection, size)


def _draw(among: Sequence[Any], size: int, seed: int) -> list[Any]:
    picks = np.random.default_rng(seed).choice(len(among), min(size, len(among)), replace=False)
    return [among[index] for index in sorted(picks.tolist())]


def _of_collection(collection: str) -> Any:
    joined = select(BatchItem.item_id).join(Batch, col(Batch.id) == col(BatchItem.batch_id))
    return joined.where(Batch.collection == collection, col(BatchItem.settled_at).is_not(None))


def _waiting(engine: Engine, collection: str) -> list[str]:
    """Return the items of a collection that have not settled, sorted."""
    taken = select(Source.item_id).where(Source.collection == collection, col(Source.item_id).is_not(None))
    query = taken.where(col(Source.item_id).not_in(_of_collection(collection))).distinct()
    with reading(engine) as session:
        return sorted(item_id for item_id in session.exec(query) if item_id is not None)


def _known(engine: Engine, collection: str) -> list[str]:
    """Return the settled items that somebody looked at, or that came with labels, sorted."""
    looked_at = (Route.ASK.value, Route.AUDIT.value, Route.IMPORT.value)
    query = _of_collection(collection).where(col(BatchItem.route).in_(looked_at), col(BatchItem.set_aside).is_(None))
    with reading(engine) as session:
        return sorted(set(session.exec(query)))


def _copy_items(
    real: Engine, engine: Engine, real_store: Store, store: FolderStore, collection: str, item_ids: Sequence[str]
) -> list[Item]:
    with reading(real) as session:
        items: list[Item] = [one for part in in_shards(item_ids) for one in session.exec(_items(part)).all()]
    for item in items:
        store.put(item.key, real_store.local_path(item.key), item.media_type)
    sources = [{"collection": collection, "uri": item.id, "item_id": item.id, "state": "taken"} for item in items]
    with writing(engine) as session:
        _copy(session, Item, items)
        upsert(session, Source, sources)
    return items


def _items(ids: Sequence[str]) -> Any:
    return select(Item).where(col(Item.id).in_(ids))


def _copy_import(engine: Engine, real: Engine, version: str) -> None:
    with reading(engine) as session:
        mine = list(session.exec(select(Item.id)))
    with reading(real) as session:
        imports = session.exec(select(LabelImport).where(LabelImport.id == version)).all()
        of_version = (Scan.detector == version, Scan.recipe == RECIPE)
        scans = session.exec(select(Scan).where(col(Scan.item_id).in_(mine), *of_version)).all()
        found = select(Proposal).where(col(Proposal.item_id).in_(mine), Proposal.detector == version)
        proposals = session.exec(found.where(Proposal.recipe == RECIPE)).all()
    with writing(engine) as session:
        _copy(session, LabelImport, imports)
        _copy(session, Scan, scans)
        _copy(session, Proposal, proposals)


def _copy(session: Any, table: type[SQLModel], rows: Sequence[SQLModel]) -> None:
    upsert(session, table, [row.model_dump() for row in rows])
