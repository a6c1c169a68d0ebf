"""`python -m tests.bench.gallery`: how long the gallery's pages take at 100,000 pictures with five labels each.

Pages are asked for as people do, a while after the gateway's start: all collections, then the first page of a filter
and some pages of it. The first one works the order out, the others are cut from it; both are told.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from sqlalchemy import Engine, insert

from blocks.catalog import migrate
from blocks.database.engine import open_engine, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, Source, utc_now
from blocks.storage.stores import FolderStore
from infra.gateway.gallery.app import Gallery, filter_of
from infra.gateway.pictures import ItemPictures
from tasks.monitor.gallery.filters import Filter

CLASSES = ("bus", "car", "truck", "van")
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"state": "settled"},
    {"class_name": "bus"},
    {"origin": "machine"},
    {"split": "test"},
    {"order": "newest settled"},
    {"order": "most labels"},
    {"class_name": "van", "origin": "person", "order": "newest settled"},
    {"name": "00042"},
    {"differs": "missed by the model"},
)
CHUNK = 5_000

READS_S = 10.0
"""How long after the gateway's start somebody opens the gallery."""


def fill(engine: Engine, items: int, labels: int) -> None:
    """Write a collection of settled items with labels."""
    now, chance = utc_now(), random.Random(0)
    with writing(engine) as session:
        connection = session.connection()
        connection.execute(insert(Batch), [{"id": "b", "collection": "many", "created_at": now, "settled_at": now}])
        splits = [
            {"collection": "many", "sequence": f"s{n}", "split": "test" if n % 5 == 0 else "train"} for n in range(50)
        ]
        connection.execute(insert(SequenceSplit), splits)
    for start in range(0, items, CHUNK):
        numbers = range(start, min(items, start + CHUNK))
        with writing(engine) as session:
            connection = session.connection()
            connection.execute(insert(Item), [_item(number) for number in numbers])
            connection.execute(insert(Source), [_source(number) for number in numbers])
            places = [
                {"batch_id": "b", "item_id": _id(n), "position": n, "settled_at": now, "reasons": []} for n in numbers
            ]
            connection.execute(insert(BatchItem), places)
            connection.execute(insert(Label), [row for n in numbers for row in _labels(n, labels, chance)])


def _id(number: int) -> str:
    return f"{number:064x}"


def _item(number: int) -> dict[str, object]:
    facts = {"id": _id(number), "key": "none", "name": f"picture-{number:06d}.jpg", "sequence": f"s{number % 50}"}
    return facts | {"media_type": "image/jpeg", "size_bytes": 1, "width": 1920, "height": 1280, "plain": True}


def _source(number: int) -> dict[str, object]:
    return {"collection": "many", "uri": f"file:///p/{number:06d}.jpg", "item_id": _id(number), "state": "taken"}


def _labels(number: int, count: int, chance: random.Random) -> Iterator[dict[str, object]]:
    for n in range(count):
        x, y = chance.uniform(0, 1800), chance.uniform(0, 1200)
        yield {
            "id": f"{number:x}-{n}",
            "item_id": _id(number),
            "region": f"r{n}",
            "revision": 0,
            "class_name": chance.choices(CLASSES, (1, 20, 3, 2))[0],
            "origin": chance.choice(("person", "machine")),
            "batch_id": "b",
            "x_min": x,
            "y_min": y,
            "x_max": x + 40,
            "y_max": y + 30,
        }


def look(gallery: Gallery, pages: int) -> tuple[list[float], list[float], list[float]]:
    """Return the seconds of first pages, of further ones, and of single pictures."""
    chance = random.Random(1)
    first, further, single = [], [], []
    for given in FILTERS:
        wanted = filter_of(given)
        first.append(_timed(lambda wanted=wanted: gallery.grid("many", wanted, 1)))
        for _ in range(pages):
            page = chance.randint(1, 200)
            further.append(_timed(lambda wanted=wanted, page=page: gallery.grid("many", wanted, page)))
            item = _id(chance.randrange(10_000))
            single.append(_timed(lambda wanted=wanted, item=item: gallery.picture("many", item, wanted)))
        print(f"  {urlencode(given) or 'all'}: first page {first[-1]:.2f} s", flush=True)
    return first, further, single


def _timed(do: object) -> float:
    begun = time.perf_counter()
    do()  # type: ignore[operator]
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=5, help="of each item")
    parser.add_argument("--pages", type=int, default=20, help="further pages of each filter")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labelline-gallery-") as folder:
        url = f"sqlite:///{folder}/catalog.sqlite"
        migrate(url)
        engine = open_engine(url)
        fill(engine, options.items, options.labels)
        print(f"{options.items:,} pictures with {options.items * options.labels:,} labels")
        pictures = ItemPictures(engine, FolderStore(Path(folder) / "objects"))
        unprepared = _timed(lambda: Gallery(engine, pictures, "secret", "http://x").grid("many", Filter(), 1))
        print(f"first page of all after a start, without the page of all collections before: {unprepared:.2f} s")
        gallery = Gallery(engine, pictures, "secret", "http://x")
        gallery.warm()  # as the gateway does at its start
        time.sleep(READS_S)
        index = _timed(gallery.index)
        first, further, single = look(gallery, options.pages)
        print(f"all collections, {READS_S:.0f} s after the start: {index:.2f} s, then renewed beside")
        for what, seconds in (("first page of a filter", first), ("further pages", further), ("one picture", single)):
            middle, late = np.percentile(seconds, (50, 95))
            print(f"{what}: median {1000 * middle:.0f} ms, p95 {1000 * late:.0f} ms ({len(seconds)} looks)")
        engine.dispose()


if __name__ == "__main__":
    main()
