"""The images whose embeddings are compared: those of the newest scanned batch, and all that came before it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading
from blocks.errors import OtherModelVersion
from blocks.tables import Batch, BatchItem, Item, Scan
from tasks.monitor.drift import Drift, Floats, input_drift
from tasks.monitor.judged import main_recipe
from tasks.monitor.options import MonitorOptions


@dataclass(frozen=True, slots=True)
class Images:
    """Embeddings of images and the sequence of each: shape (n, d), and n names."""

    vectors: Floats
    sequences: tuple[str, ...]


def drift_of_inputs(engine: Engine, collection: str, options: MonitorOptions) -> Drift:
    """Test whether the newest scanned batch of a collection looks different than the batches before it.

    Only embeddings by the newest batch's own detector and recipe are compared: others mean something else.

    Raises:
        OtherModelVersion: One detector version has given embeddings of different lengths.
    """
    nothing = Images(np.zeros((0, 0)), ())
    newest = _newest_scanned(engine, collection)
    if newest is None:
        return _compare(nothing, nothing, options)
    batch_id, earlier, detector, recipe = newest
    now = read_images(engine, [batch_id], (detector, recipe), options)
    before = read_images(engine, earlier, (detector, recipe), options)
    return _compare(before, now, options)


def read_images(engine: Engine, batch_ids: Sequence[str], source: tuple[str, str], options: MonitorOptions) -> Images:
    """Read the usable embeddings of some batches by one detector and recipe, at most `most_images`, drawn by lot.

    Raises:
        OtherModelVersion: They are of different lengths.
    """
    query = (
        select(Item.id, Item.sequence, Scan.embedding)
        .join(Scan, col(Scan.item_id) == col(Item.id))
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .where(col(BatchItem.batch_id).in_(batch_ids), col(BatchItem.set_aside).is_(None))
        .where(Scan.detector == source[0], Scan.recipe == source[1], col(Scan.embedding).is_not(None))
    )
    with reading(engine) as session:
        rows = {item_id: (sequence, bytes_) for item_id, sequence, bytes_ in session.exec(query).all()}
    drawn = sorted(rows, key=lambda item_id: _lot(options.seed, item_id))[: options.most_images]
    vectors = {item_id: np.frombuffer(rows[item_id][1] or b"", np.float16).astype(np.float64) for item_id in drawn}
    usable = {item_id: vector for item_id, vector in vectors.items() if vector.size and np.isfinite(vector).all()}
    lengths = sorted({vector.size for vector in usable.values()})
    if len(lengths) > 1:
        raise OtherModelVersion(
            f"detector {source[0]} has embeddings of {lengths} numbers (expected one length): some are of another "
            "model; scan these images again"
        )
    stacked = np.stack(list(usable.values())) if usable else np.zeros((0, 0))
    return Images(stacked, tuple(rows[item_id][0] for item_id in usable))


def _compare(before: Images, now: Images, options: MonitorOptions) -> Drift:
    return input_drift(before.vectors, now.vectors, (before.sequences, now.sequences), options)


def _newest_scanned(engine: Engine, collection: str) -> tuple[str, list[str], str, str] | None:
    query = select(Batch.id).where(Batch.collection == collection).order_by(col(Batch.created_at), col(Batch.id))
    with reading(engine) as session:
        batches = list(session.exec(query).all())
    for place in range(len(batches) - 1, -1, -1):
        source = main_recipe(engine, batches[place])
        if source is not None:
            return batches[place], batches[:place], *source
    return None


def _lot(seed: int, item_id: str) -> bytes:
    return hashlib.sha256(f"{seed}|{item_id}".encode()).digest()
