"""Choosing a round of pages among 100,000 items: seconds (goal 10) and peak memory, beside 10,000 items.

A catalogue is filled with made-up items, their vectors of 1,280 numbers, and labels of 2,000 of them in 100 classes. A
round is then opened as a line in rounds does it, in a process of its own: labels read and learnt, chances measured,
items compared. Nothing is embedded: vectors are there already, as after any earlier round.

    python -m tests.bench.rounds
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database.engine import open_engine, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Source, utc_now
from blocks.database.vector_tables import ItemVector
from blocks.servers.experiments import Experiments
from blocks.shapes import Whole, shape_columns
from blocks.storage.stores import FolderStore
from tasks.monitor.active_learning.label_rounds import open_round
from tasks.suggest.embedders.registry import DEFAULT
from tasks.suggest.paging.plan import RoundOptions
from tests.bench.peak_memory import peak_mb

SIZES, LABELLED, CLASSES, NUMBERS, CHUNK = (10_000, 100_000), 2_000, 100, 1_280, 5_000
WAYS = ("suggest", "suggest:ridge-lda")
OUTPUT = Path(".labelline/bench/rounds.json")


def fill(engine: Engine, items: int) -> None:
    """Write items with their vectors, and labels of the first of them."""
    draw = np.random.default_rng(0)
    means = draw.standard_normal((CLASSES, NUMBERS)).astype(np.float32)
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "first", "collection": "lot", "settled_at": utc_now()}])
    facts = {"media_type": "image/jpeg", "size_bytes": 1, "width": 640, "height": 480, "orientation": 1, "plain": True}
    for start in range(0, items, CHUNK):
        numbers = range(start, min(items, start + CHUNK))
        ids = [f"{number:064x}" for number in numbers]
        vectors = (means[[n % CLASSES for n in numbers]] + 2 * draw.standard_normal((len(ids), NUMBERS))).astype(
            "float16"
        )
        labelled = [(number, one) for number, one in zip(numbers, ids, strict=True) if number < LABELLED]
        rows: list[tuple[Any, list[dict[str, Any]]]] = [
            (Item, [{"id": one, "key": one, "name": one[-8:], "sequence": one[-8:], **facts} for one in ids]),
            (Source, [{"collection": "lot", "uri": one, "item_id": one, "state": "taken"} for one in ids]),
            (
                ItemVector,
                [
                    {"item_id": one, "embedder": DEFAULT.name, "vector": vector.tobytes()}
                    for one, vector in zip(ids, vectors, strict=True)
                ],
            ),
            (BatchItem, [{"batch_id": "first", "item_id": one, "position": number} for number, one in labelled]),
            (
                Label,
                [
                    {"id": one, "item_id": one, "region": "whole", "class_name": f"c{number % CLASSES}"}
                    | {"origin": "person", "batch_id": "first", **shape_columns(Whole())}
                    for number, one in labelled
                ],
            ),
        ]
        with writing(engine) as session:
            for table, some in rows:
                upsert(session, table, some)


def measure(folder: Path, way: str) -> dict[str, Any]:
    """Open one round, and return what it took."""
    engine, store = open_engine(f"sqlite:///{folder}/catalog.sqlite"), FolderStore(folder / "objects")
    experiments = Experiments(f"sqlite:///{folder}/mlflow.sqlite")
    experiments.client.search_registered_models()  # its tables are made once, by whoever comes first
    before_mb, started = peak_mb(), time.monotonic()
    found = open_round(engine, store, experiments, "lot", way, "classes", RoundOptions())
    seconds = time.monotonic() - started
    return {
        "way": way,
        "chosen": found.batch.size,
        "seconds": round(seconds, 1),
        "peak_mb": round(peak_mb()),
        "before_mb": round(before_mb),
    }


def main() -> None:
    """Measure every size and learner in a process of its own, and print and write the table."""
    rows = []
    for items in SIZES:
        for way in WAYS:
            with tempfile.TemporaryDirectory(prefix="labelline-rounds-") as name:
                migrate(f"sqlite:///{name}/catalog.sqlite")
                engine = open_engine(f"sqlite:///{name}/catalog.sqlite")
                fill(engine, items)
                engine.dispose()
                program = [sys.executable, "-m", "tests.bench.rounds", name, way]
                told = subprocess.run(program, check=True, capture_output=True).stdout.splitlines()[-1]
                rows.append({"items": items, **json.loads(told)})
            print(rows[-1], flush=True)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
    else:
        main()
