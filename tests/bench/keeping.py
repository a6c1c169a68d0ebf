"""Bench: how fast `fsck` reads, and what a backup beside a writer takes; the restored catalogue is checked.

python -m tests.bench.keeping [--gigabytes 2] [--labels 1000000]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine, func, insert
from sqlmodel import select

from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading, writing
from blocks.database.tables import Batch, Label
from blocks.storage.stores import FolderStore
from infra.keeping.backup import BackupSource, back_up
from infra.keeping.place import open_place
from infra.keeping.restore import RestoreTarget, choose_backup, restore
from infra.stack.servers.services import catalog_url
from tasks.keeping.check import check_objects
from tests.keeping.world import keep_items

OUTPUT = Path(".labelline/bench/keeping.json")
CHUNK = 20_000
OBJECT_BYTES = 2_000_000
WRITER = (
    "import itertools, os, sys; from pathlib import Path\n"
    "from blocks.database.engine import open_engine; from blocks.storage.stores import FolderStore\n"
    "from tests.keeping.world import keep_items\n"
    "for n in itertools.count():\n"
    "    keep_items(open_engine(sys.argv[1]), FolderStore(Path(sys.argv[2])), [b'%d' % n * 400])\n"
)


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of objects")
    parser.add_argument("--labels", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labelline-keeping-") as folder:
        home = Path(folder) / "home"
        migrate(catalog_url(home))
        engine, store = open_engine(catalog_url(home)), FolderStore(home / "objects")
        for _ in range(int(options.gigabytes * 1e9 / OBJECT_BYTES)):
            keep_items(engine, store, [os.urandom(OBJECT_BYTES)])
        report = check_objects(engine, [store])
        fsck = {"mb_per_s": round(report.mb_per_s), "gigabytes": report.bytes / 1e9, "remaining": report.remaining}
        print(f"fsck: {report.mb_per_s:.0f} MB/s (goal 300), {report.bytes / 1e9:.2f} GB, {report.remaining} wrong")
        backup = measure_backup(Path(folder), home, engine, store, options.labels)
        print(f"backup of {options.labels:,} labels beside a writer: {backup}")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"fsck": fsck, "backup": backup}, indent=1) + "\n")


def measure_backup(folder: Path, home: Path, engine: Engine, store: FolderStore, labels: int) -> dict[str, object]:
    """Back up beside a process that takes items in as fast as it can, and restore."""
    fill(engine, next(iter(store.keys("items/"))).rpartition("/")[2].removesuffix(".jpg"), labels)
    url, place = catalog_url(home), open_place(str(folder / "backups"))
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(store.root)])
    try:
        time.sleep(3)
        began = time.monotonic()
        back_up(BackupSource(home, engine, (store,)), place, lambda _line: None)
        first_s, began = time.monotonic() - began, time.monotonic()
    finally:
        writer.kill()
        writer.wait()
    back_up(BackupSource(home, engine, (store,)), place, lambda _line: None)
    again_s, began = time.monotonic() - began, time.monotonic()
    first = place.names()[0]
    done = restore(place, choose_backup(place, first, print), RestoreTarget(folder / "again"), lambda _line: None)
    with reading(open_engine(catalog_url(folder / "again"))) as session:
        back = session.exec(select(func.count()).select_from(Label)).one()
    return {
        "first_s": round(first_s, 1),
        "again_s": round(again_s, 1),
        "restore_s": round(time.monotonic() - began, 1),
        "labels_back": back,
        "objects": done.objects,
        "wrong": done.check.remaining + len(done.problems),
    }


def fill(engine: Engine, item_id: str, labels: int) -> None:
    """Write labels of one item."""
    with writing(engine) as session:
        session.execute(insert(Batch), [{"id": "b", "collection": "bench"}])
        place = {"item_id": item_id, "batch_id": "b", "class_name": "car", "origin": "person"}
        box = {"x_min": 0.0, "y_min": 0.0, "x_max": 4.0, "y_max": 4.0}
        for start in range(0, labels, CHUNK):
            numbers = range(start, min(start + CHUNK, labels))
            session.execute(insert(Label), [{"id": f"l{n}", "region": f"r{n}", **place, **box} for n in numbers])


if __name__ == "__main__":
    main()
