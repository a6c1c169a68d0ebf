"""Which images of a batch look unlike the others, by the distance of their embeddings to their nearest neighbours."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import BatchItem, Scan
from tasks.detect.refs import Scope
from tasks.triage import reasons
from tasks.triage.boxes import in_shards
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.box_shape import factors_over_usual
from tasks.triage.robust_z import Floats

MIN_IMAGES = 20
"""In a smaller batch nobody knows what is usual, and no image is called odd."""

MAX_REFERENCE = 2048
"""How many images at most the others are compared with, at random in larger batches, so that memory stays bounded."""

DISTANCE_FLOOR = 0.001
"""Below this, distances of unit vectors stored as float16 are rounding noise."""


def odd_image_reasons(engine: Engine, scope: Scope, options: TriageOptions) -> dict[str, list[str]]:
    """Say which images of a batch are odd, and why.

    Images whose scan has no embedding are not judged. One whose embedding has another length than most, or is not
    finite, cannot be judged, and that is a reason to look at it.

    Returns:
        By item id; images that are not odd are absent.
    """
    with_embedding = items_with_embedding(engine, scope)
    if not options.image_outliers or len(with_embedding) < MIN_IMAGES:
        return {}
    reference_ids, reference = _read_reference(engine, scope, with_embedding)
    ids: list[str] = []
    distances: list[Floats] = []
    found: dict[str, list[str]] = {}
    for item_ids in in_shards(with_embedding):
        part = _read_vectors(engine, scope, item_ids)
        good = {item_id: vector for item_id, vector in part.items() if _fits(vector, reference.shape[1])}
        found |= {item_id: [reasons.no_embedding()] for item_id in part if item_id not in good}
        if good:
            own = np.array([reference_ids.get(item_id, -1) for item_id in good])
            ids.extend(good)
            distances.append(neighbour_distances(np.stack(list(good.values())), reference, own, options.neighbours))
    if len(ids) < MIN_IMAGES:
        return found
    factors, odd = factors_over_usual(np.concatenate(distances), options.outlier_z, DISTANCE_FLOOR)
    return found | {ids[index]: [reasons.odd_image(float(factors[index]))] for index in np.flatnonzero(odd).tolist()}


def neighbour_distances(vectors: Floats, reference: Floats, own: npt.NDArray[np.int64], neighbours: int) -> Floats:
    """Return each image's mean distance to its nearest images.

    Args:
        vectors: Shape (n, d), finite. n may be 0. Lengths do not matter: directions are compared.
        reference: Shape (m, d), the images to compare with.
        own: Shape (n,), an image's own row in `reference`, or -1.
        neighbours: How many nearest images count; fewer where `reference` has fewer.

    Returns:
        Shape (n,), 0 (the same) to 2 (opposite), between unit vectors; 0 where there is nothing to compare with.

    Source:
        Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large data sets", 2000, for the
        distance; Angiulli and Pizzuti, "Fast outlier detection in high dimensional spaces", 2002, for the mean over k.
    """
    squared = 2.0 - 2.0 * (_unit(vectors) @ _unit(reference).T)
    rows = np.flatnonzero(own >= 0)
    squared[rows, own[rows]] = np.inf
    count = min(neighbours, reference.shape[0] - (1 if rows.size else 0))
    if count < 1:
        return np.zeros(len(vectors))
    nearest = np.partition(squared, count - 1, axis=1)[:, :count]
    return np.asarray(np.sqrt(np.clip(nearest, 0.0, 4.0)).mean(axis=1))


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _fits(vector: Floats, length: int) -> bool:
    return vector.size == length and bool(np.isfinite(vector).all())


def _read_reference(engine: Engine, scope: Scope, item_ids: Sequence[str]) -> tuple[dict[str, int], Floats]:
    # Chosen by hash: the same images on every run, and none favoured for coming first.
    chosen = sorted(item_ids, key=lambda i: hashlib.sha256(f"{scope.batch_id}|{i}".encode()).digest())[:MAX_REFERENCE]
    vectors = _read_vectors(engine, scope, chosen)
    sizes = [vector.size for vector in vectors.values()]
    length = max(set(sizes), key=lambda size: (sizes.count(size), size))
    good = {item_id: vector for item_id, vector in vectors.items() if _fits(vector, length)}
    rows = np.stack(list(good.values())) if good else np.zeros((0, length))
    return {item_id: row for row, item_id in enumerate(good)}, rows


def items_with_embedding(engine: Engine, scope: Scope) -> list[str]:
    """Return the items of a batch whose scan has an embedding, in order."""
    query = (
        select(BatchItem.item_id)
        .join(Scan, col(Scan.item_id) == BatchItem.item_id)
        .where(BatchItem.batch_id == scope.batch_id, col(BatchItem.set_aside).is_(None))
        .where(Scan.detector == scope.detector, Scan.recipe == scope.recipe, col(Scan.embedding).is_not(None))
        .order_by(col(BatchItem.position))
    )
    with reading(engine) as session:
        return list(session.exec(query).all())


def _read_vectors(engine: Engine, scope: Scope, item_ids: Sequence[str]) -> dict[str, Floats]:
    query = (
        select(Scan.item_id, Scan.embedding)
        .where(col(Scan.item_id).in_(item_ids))
        .where(Scan.detector == scope.detector, Scan.recipe == scope.recipe)
        .order_by(col(Scan.item_id))
    )
    with reading(engine) as session:
        rows = session.exec(query).all()
    return {item_id: _vector_from(data or b"") for item_id, data in rows}


def _vector_from(data: bytes) -> Floats:
    # Half a number at the end is no embedding at all: its length will fit no other.
    return np.frombuffer(data if len(data) % 2 == 0 else b"", dtype=np.float16).astype(np.float64)
