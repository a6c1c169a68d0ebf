"""Drawn scenes with known truth, and a catalogue that has settled them: what dataset and training tests stand on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, utc_now
from blocks.storage.stores import Store

COLOURS = {"red": (40, 40, 220), "blue": (220, 60, 40)}

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """A picture with squares on noise."""

    name: str
    sequence: str
    pixels: np.ndarray
    boxes: tuple[tuple[str, Box], ...]


def draw_scene(seed: int, *, size_wh: tuple[int, int] = (160, 96), squares: int = 4, sequence: str = "s0") -> Scene:
    random = np.random.default_rng(seed)
    width, height = size_wh
    pixels = random.integers(90, 130, (height, width, 3), dtype=np.uint8)
    boxes = []
    cells = random.permutation((width // 32) * (height // 32))[:squares]
    for number, cell in enumerate(cells):
        x = int(cell % (width // 32)) * 32 + int(random.integers(2, 8))
        y = int(cell // (width // 32)) * 32 + int(random.integers(2, 8))
        side = int(random.integers(14, 22))
        name = ("red", "blue")[number % 2]
        cv2.rectangle(pixels, (x, y), (x + side - 1, y + side - 1), COLOURS[name], -1)
        boxes.append((name, (float(x), float(y), float(x + side), float(y + side))))
    return Scene(f"{sequence}-{seed:04d}.png", sequence, pixels, tuple(boxes))


def settle_scenes(
    engine: Engine,
    store: Store,
    scenes: Sequence[Scene],
    splits: dict[str, str],
    *,
    collection: str = "lot",
    batch_id: str = "b1",
) -> list[str]:
    """Write scenes as settled items with person-made labels; returns the items' ids."""
    ids = []
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": collection}])
        for position, scene in enumerate(scenes):
            data = cv2.imencode(".png", scene.pixels)[1].tobytes()
            item_id = hashlib.sha256(data).hexdigest()
            ids.append(item_id)
            store.put(f"items/{item_id[:2]}/{item_id}.png", data)
            upsert(session, Item, [_item_row(item_id, scene, len(data))])
            place = {"batch_id": batch_id, "item_id": item_id, "position": position, "settled_at": utc_now()}
            upsert(session, BatchItem, [place])
            upsert(session, Label, [label_row(item_id, f"r{n}", *box, batch_id) for n, box in enumerate(scene.boxes)])
        rows = [{"collection": collection, "sequence": name, "split": split} for name, split in splits.items()]
        upsert(session, SequenceSplit, rows)
    return ids


def label_row(
    item_id: str, region: str, class_name: str, box: Box, batch_id: str = "b1", **changes: object
) -> dict[str, object]:
    row = {"item_id": item_id, "region": region, "revision": 0, "class_name": class_name, "origin": "person"}
    row |= dict(zip(("x_min", "y_min", "x_max", "y_max"), box, strict=True))
    row |= {"batch_id": batch_id, **changes}
    row["id"] = hashlib.sha256(f"{item_id}|{region}|{row['revision']}|{batch_id}".encode()).hexdigest()[:32]
    return row


def _item_row(item_id: str, scene: Scene, size: int) -> dict[str, object]:
    height, width = scene.pixels.shape[:2]
    return {
        "id": item_id,
        "key": f"items/{item_id[:2]}/{item_id}.png",
        "name": scene.name,
        "sequence": scene.sequence,
        "media_type": "image/png",
        "size_bytes": size,
        "width": width,
        "height": height,
        "orientation": 1,
        "plain": True,
    }
