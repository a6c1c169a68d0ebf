"""Settled truth of any size without pictures: rows in the catalogue, as exports read them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

import numpy as np
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, Source, utc_now

CLASSES = ("car", "truck, large", "größe & <b>", "=1+1", "人")

AT_ONCE = 2_000

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Drawn:
    """A picture that only the catalogue knows."""

    name: str
    size_wh: tuple[int, int]
    labels: tuple[tuple[str, Bounds], ...]
    split: str = "train"


def draw_pictures(pictures: int, labels_each: int, seed: int = 0) -> Iterator[Drawn]:
    """Yield pictures of many sizes with random boxes of many sizes, none twice."""
    random = np.random.default_rng(seed)
    for number in range(pictures):
        width, height = (int(side) for side in random.integers(40, 9_000, 2))
        corners = random.random((labels_each, 2, 2)) * (width, height)
        low, high = corners.min(axis=1), corners.max(axis=1)
        high = np.maximum(high, low + 0.1).clip(max=(width, height))
        low = np.minimum(low, high - 0.1)
        kinds = random.integers(0, len(CLASSES), labels_each)
        boxes = np.hstack([low, high]).tolist()
        labels = tuple((CLASSES[kind], (*box,)) for kind, box in zip(kinds, boxes, strict=True))
        yield Drawn(f"f{number % 7}/{number}.jpg", (width, height), labels, ("train", "val", "test")[number % 3])


def settle(engine: Engine, collection: str, pictures: Iterable[Drawn], batch_id: str = "b") -> None:
    """Write pictures as settled items with labels that people made."""
    found = enumerate(pictures)
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": collection}])
        splits = ("train", "val", "test")
        upsert(session, SequenceSplit, [{"collection": collection, "sequence": s, "split": s} for s in splits])
    while part := list(islice(found, AT_ONCE)):
        with writing(engine) as session:
            items = [_item(collection, number, drawn) for number, drawn in part]
            upsert(session, Item, items)
            both = [(*numbered, item) for numbered, item in zip(part, items, strict=True)]
            upsert(session, Source, [_source(collection, drawn, item) for _, drawn, item in both])
            when = {"batch_id": batch_id, "settled_at": utc_now()}
            upsert(session, BatchItem, [{"item_id": item["id"], "position": n, **when} for n, _, item in both])
            labels = [row for _, drawn, item in both for row in _labels(item, drawn, batch_id)]
            for at in range(0, len(labels), AT_ONCE):
                upsert(session, Label, labels[at : at + AT_ONCE])


def _item(collection: str, number: int, drawn: Drawn) -> dict[str, object]:
    id_ = hashlib.sha256(f"{collection}|{number}".encode()).hexdigest()
    facts = {"sequence": drawn.split, "media_type": "image/jpeg", "size_bytes": 1, "orientation": 1, "plain": True}
    width, height = drawn.size_wh
    return {"id": id_, "key": f"items/{id_}.jpg", "name": drawn.name, "width": width, "height": height, **facts}


def _source(collection: str, drawn: Drawn, item: dict[str, object]) -> dict[str, object]:
    uri = f"file:///photos/{quote(drawn.name)}"
    return {"collection": collection, "uri": uri, "item_id": item["id"], "state": "taken"}


def _labels(item: dict[str, object], drawn: Drawn, batch_id: str) -> Iterator[dict[str, object]]:
    for number, (class_name, edges) in enumerate(drawn.labels):
        corners = dict(zip(("x_min", "y_min", "x_max", "y_max"), edges, strict=True))
        facts = {"class_name": class_name, "origin": "person", "batch_id": batch_id, "item_id": item["id"]}
        yield {"id": f"{item['id']}-{number}", "region": f"r{number}", "revision": 0, **facts, **corners}
