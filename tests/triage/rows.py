"""Rows of the catalogue, made directly: batches, scans and proposals without images or detectors."""

import hashlib
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Proposal, Scan, SequenceSplit

DETECTOR = "detector-1"
RECIPE = "recipe-1"
BATCH = "batch-1"

Box = tuple[str, float, float, float, float, float]
"""Class, score, x_min, y_min, x_max, y_max."""


def item_id_of(number: int, batch_id: str = BATCH) -> str:
    return hashlib.sha256(f"{batch_id}|{number}".encode()).hexdigest()


def car(score: float = 0.9, x: float = 100, y: float = 100, width: float = 40, height: float = 20) -> Box:
    return ("car", score, x, y, x + width, y + height)


def add_batch(
    engine: Engine,
    items: int,
    batch_id: str = BATCH,
    collection: str = "lot",
    sequences: int = 1,
    size_wh: tuple[int, int] = (1000, 800),
) -> list[str]:
    ids = [item_id_of(number, batch_id) for number in range(items)]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": collection}])
        upsert(
            session,
            Item,
            [
                {
                    "id": item_id,
                    "key": f"items/{item_id[:2]}/{item_id}.jpg",
                    "name": f"image-{number}.jpg",
                    "sequence": f"seq-{number % sequences}",
                    "media_type": "image/jpeg",
                    "size_bytes": 1000,
                    "width": size_wh[0],
                    "height": size_wh[1],
                    "plain": True,
                }
                for number, item_id in enumerate(ids)
            ],
        )
    add_to_batch(engine, ids, batch_id, collection)
    return ids


def add_to_batch(engine: Engine, item_ids: Sequence[str], batch_id: str, collection: str) -> None:
    rows = [{"batch_id": batch_id, "item_id": item_id, "position": at} for at, item_id in enumerate(item_ids)]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": collection}])
        upsert(session, BatchItem, rows)


def add_split(engine: Engine, sequence: str, split: str, collection: str = "lot") -> None:
    with writing(engine) as session:
        upsert(session, SequenceSplit, [{"collection": collection, "sequence": sequence, "split": split}])


def add_scan(
    engine: Engine,
    item_id: str,
    boxes: Sequence[Box] = (),
    embedding: np.ndarray | None = None,
    whole_frame: int = 0,
    detector: str = DETECTOR,
    recipe: str = RECIPE,
) -> list[str]:
    ids = [
        hashlib.sha256(f"{item_id}|{detector}|{recipe}|{rank}".encode()).hexdigest()[:32] for rank in range(len(boxes))
    ]
    mine = {"item_id": item_id, "detector": detector, "recipe": recipe}
    vector = None if embedding is None else embedding.astype(np.float16).tobytes()
    with writing(engine) as session:
        scan = {**mine, "proposals": len(boxes), "whole_frame": whole_frame, "tiles": 4, "embedding": vector}
        upsert(session, Scan, [scan])
        names = ("class_name", "score", "x_min", "y_min", "x_max", "y_max")
        rows = [
            {"id": i, **mine, "view": "tile", **dict(zip(names, box, strict=True))}
            for i, box in zip(ids, boxes, strict=True)
        ]
        upsert(session, Proposal, rows)
    return ids
