"""Planted faults through the wired code: labels and boxes in a catalogue of their own, and a review of them.

What is asked of people, and in which order, is then what `flows/second_look.py` asks: colours, places, budget and all.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database.engine import open_engine, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Proposal, Route, Scan, utc_now
from blocks.storage.stores import FolderStore, Store
from tasks.audit.label_errors.finding import LabelErrorOptions
from tasks.audit.label_errors.record import Look, LookScope
from tasks.audit.label_errors.review.review_round import open_look
from tasks.intake.images import decode_upright
from tasks.settle.truth import PERSON
from tests.bench.anomalies_planting import World

COLLECTION, BATCH = "bench", "bench-1"
DETECTOR, RECIPE = "0" * 12, "folds"


def look_at(
    pictures: Mapping[str, Path], labels: World, boxes: World, classes: tuple[str, ...], options: LabelErrorOptions
) -> Look:
    """Settle labels in an empty catalogue, and look at them again with a detector's boxes.

    Args:
        pictures: Where they are, by item.
        labels: By item; these are looked at.
        boxes: A detector's, of the same items.
        classes: Class names by class id.
        options: What is suspicious, and how much is asked.

    Returns:
        The look; its items are named as in `labels`.
    """
    with TemporaryDirectory(prefix="labelline-look-") as folder:
        url = f"sqlite:///{Path(folder) / 'catalog.sqlite'}"
        migrate(url)
        engine, store = open_engine(url), FolderStore(Path(folder) / "objects")
        _settle(engine, store, pictures, labels, classes)
        _propose(engine, boxes, classes)
        look = open_look(engine, store, LookScope(COLLECTION, DETECTOR, RECIPE, classes), options)
        engine.dispose()
    return look


def _settle(
    engine: Engine, store: Store, pictures: Mapping[str, Path], labels: World, classes: tuple[str, ...]
) -> None:
    now = utc_now()
    items, places, rows = [], [], []
    for position, (name, mine) in enumerate(labels.items()):
        data = pictures[name].read_bytes()
        height, width = decode_upright(data).shape[:2]
        key = f"items/{hashlib.sha256(data).hexdigest()}{pictures[name].suffix}"
        store.put(key, data)
        size = {"width": width, "height": height, "size_bytes": len(data), "plain": True, "media_type": "image/jpeg"}
        items.append({"id": name, "key": key, "name": name, "sequence": name, **size})
        place = {"batch_id": BATCH, "item_id": name, "position": position}
        places.append({**place, "route": Route.ASK.value, "settled_at": now})
        for number, region in enumerate(mine.ids):
            x_min, y_min, x_max, y_max = mine.xyxy_px[number].tolist()
            corners = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
            row = {"id": f"{name}|{region}", "item_id": name, "region": region, "batch_id": BATCH, "origin": PERSON}
            rows.append({**row, **corners, "class_name": classes[int(mine.class_ids[number])]})
    with writing(engine) as session:
        upsert(session, Batch, [{"id": BATCH, "collection": COLLECTION, "settled_at": now}])
        for table, some in ((Item, items), (BatchItem, places), (Label, rows)):
            upsert(session, table, some)


def _propose(engine: Engine, boxes: World, classes: tuple[str, ...]) -> None:
    scans, rows = [], []
    for name, mine in boxes.items():
        seen = {"item_id": name, "detector": DETECTOR, "recipe": RECIPE}
        scans.append({**seen, "proposals": len(mine), "whole_frame": 0, "tiles": 1})
        for number in range(len(mine)):
            x_min, y_min, x_max, y_max = mine.xyxy_px[number].tolist()
            corners = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
            said = {"class_name": classes[int(mine.class_ids[number])], "score": float(mine.scores[number])}
            rows.append({"id": f"{name}|{number}", **seen, **said, **corners, "view": "whole"})
    with writing(engine) as session:
        upsert(session, Scan, scans)
        upsert(session, Proposal, rows)
