"""Choosing a round among 100,000 items with embeddings of 512 numbers: seconds and peak memory (goals 30 s, 2 GB).

A catalogue is filled with made-up items, proposals and embeddings; each way of asking then chooses its round in a
process of its own, through the catalogue as the loop does.

    python -m tests.bench.choosing
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert

from blocks.catalog import migrate
from blocks.database.engine import open_engine, writing
from blocks.database.tables import Item, Proposal, Scan, Source
from tasks.monitor.active_learning.choose import Selection, choose_batch
from tests.bench.peak_memory import peak_mb

ITEMS, NUMBERS, BOXES, ROUND = 100_000, 512, 3, 500
CHUNK = 5_000
CLASSES = ("car", "bus", "truck")
MIXED = {"entropy": 0.5, "far-apart": 0.25, "class-balance": 0.25}
"""Doubt, variety and rare classes, by weights that nobody has tuned."""

WAYS = {
    "random": {"random": 1.0},
    "entropy": {"entropy": 1.0},
    "far-apart": {"far-apart": 1.0},
    "mixed": MIXED,
}
SOURCE = ("0123456789ab", "ba9876543210")
OUTPUT = Path(".labelline/bench/choosing.json")


def fill(engine: Engine, items: int = ITEMS) -> None:
    """Write items with a scan, an embedding and proposals each."""
    rng = np.random.default_rng(0)
    for start in range(0, items, CHUNK):
        rows = list(_rows(rng, range(start, min(items, start + CHUNK))))
        with writing(engine) as session:
            for place, table in enumerate((Item, Source, Scan)):
                session.execute(insert(table), [row[place] for row in rows])
            session.execute(insert(Proposal), [box for row in rows for box in row[3]])


def _rows(rng: np.random.Generator, numbers: range) -> Iterator[tuple[Any, ...]]:
    facts = {"media_type": "image/jpeg", "size_bytes": 1, "width": 1000, "height": 800, "plain": True}
    source = {"detector": SOURCE[0], "recipe": SOURCE[1]}
    for number in numbers:
        item_id = f"{number:064x}"
        mine = {"item_id": item_id, **source}
        item = {"id": item_id, "key": item_id, "name": f"{number}", "sequence": f"s{number % 100}", **facts}
        taken = {"collection": "lot", "uri": item_id, "item_id": item_id, "state": "taken"}
        vector = rng.standard_normal(NUMBERS).astype(np.float16).tobytes()
        scan = {**mine, "proposals": BOXES, "whole_frame": 0, "tiles": 4, "embedding": vector}
        scores = np.sort(rng.random(BOXES))[::-1].tolist()
        edges = {"x_min": 0.0, "y_min": 0.0, "x_max": 9.0, "y_max": 9.0, "view": "tile", "merged_from": []}
        boxes = [
            {"id": f"{number:030x}{at:02x}", **mine, **edges, "class_name": CLASSES[(number + at) % 3], "score": score}
            for at, score in enumerate(scores)
        ]
        yield item, taken, scan, boxes


def measure(url: str, way: str) -> dict[str, Any]:
    """Choose one round, and return what it took; the round is left in the catalogue."""
    engine, before_mb = open_engine(url), peak_mb()
    selection = Selection(ask_first=WAYS[way], first=ROUND, pool=1_000_000)
    started = time.monotonic()
    batch = choose_batch(engine, "lot", SOURCE, selection)
    seconds = time.monotonic() - started
    return {
        "way": way,
        "chosen": batch.size,
        "seconds": round(seconds, 1),
        "peak_mb": round(peak_mb()),
        "before_mb": round(before_mb),
    }


def main() -> None:
    """Measure every way in a process of its own, and print and write the table."""
    with tempfile.TemporaryDirectory(prefix="labelline-choosing-") as name:
        filled = Path(name) / "filled.sqlite"
        migrate(f"sqlite:///{filled}")
        engine = open_engine(f"sqlite:///{filled}")
        fill(engine)
        engine.dispose()
        rows = []
        for number, way in enumerate(WAYS):
            catalog = filled.with_name(f"catalog-{number}.sqlite")
            for part in filled.parent.glob(f"{filled.name}*"):  # with what SQLite has not yet written back
                shutil.copyfile(part, part.with_name(part.name.replace(filled.name, catalog.name)))
            program = [sys.executable, "-m", "tests.bench.choosing", f"sqlite:///{catalog}", way]
            rows.append(json.loads(subprocess.run(program, check=True, capture_output=True).stdout.splitlines()[-1]))
            print(rows[-1], flush=True)
            catalog.unlink()
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"items": ITEMS, "numbers": NUMBERS, "ways": rows}, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(*sys.argv[1:])))
    else:
        main()
