"""Vectors of items in the catalogue: per item and embedder, so that each is computed once."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.vector_tables import ItemVector

Vector = NDArray[np.float16]

IDS_AT_ONCE = 500


def read_vectors(engine: Engine, item_ids: Sequence[str], embedder: str) -> dict[str, Vector]:
    """Return the vectors that are kept of some items, by item: each of shape (d,), float16; others are left out."""
    found: dict[str, Vector] = {}
    with reading(engine) as session:
        for start in range(0, len(item_ids), IDS_AT_ONCE):
            some = col(ItemVector.item_id).in_(item_ids[start : start + IDS_AT_ONCE])
            query = select(ItemVector.item_id, ItemVector.vector).where(some, ItemVector.embedder == embedder)
            found |= {item_id: np.frombuffer(stored, np.float16) for item_id, stored in session.exec(query)}
    return found


def keep_vectors(engine: Engine, embedder: str, vectors: Mapping[str, Vector]) -> None:
    """Keep the vectors of some items; what is kept already stays."""
    rows = [{"item_id": item_id, "embedder": embedder, "vector": one.tobytes()} for item_id, one in vectors.items()]
    with writing(engine) as session:
        upsert(session, ItemVector, rows)
