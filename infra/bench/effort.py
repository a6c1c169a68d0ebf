"""`make bench-effort`: human seconds to labels and to a detector, against labelling by hand and against random order.

A cell is one data set, one way of asking and one seed. Finished cells are kept by key under
`.labelline/bench/effort-cells`, so a bench that was stopped goes on with the next one; `--fresh` begins anew. In full
it takes hours on two cores; `--quick` thins the pictures, trains three epochs and shows that all of it runs: its
numbers mean nothing.
"""

import argparse
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blocks.catalog import migrate
from blocks.database import open_engine
from blocks.experiments import Experiments
from blocks.home import labelline_home
from blocks.stores import FolderStore
from infra.annotators.people import People
from infra.bench.effort_data import ALL, Pictures, read_cells, take_in_pictures, thinned
from infra.bench.effort_people import Crew
from infra.bench.effort_tables import curves_jpeg, print_tables, summarize
from infra.bench.effort_trial import Trial, keep_weights
from tasks.audit.bands import Promise
from tasks.monitor.choose import Selection

MANUAL = "manual"
ARMS = (MANUAL, "random", "entropy", "gain-per-second")
QUICK_ARMS = ARMS[:3]
VERSION = 1
"""Part of every key: raise it when the same cell would get other numbers."""

NEAR = 0.98
"""A detector is as good as the manual one from this share of its mAP50 on."""


@dataclass(frozen=True)
class Scale:
    """How much of the bench is run."""

    name: str
    pictures: int | None
    rounds: int | None
    per_round: int | None
    epochs: int | None
    yardstick: int


FULL = Scale("full", None, None, None, None, yardstick=20)
QUICK = Scale("quick", 20, 2, 5, 3, yardstick=3)


@dataclass(frozen=True)
class Bench:
    """Where the bench finds and keeps things."""

    data: Path
    home: Path
    scale: Scale

    @property
    def cells(self) -> Path:
        """The folder of finished cells."""
        return self.home / "effort-cells"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cells that are missing, and print and write what all of them show."""
    parser = argparse.ArgumentParser(description="Human seconds against labelling by hand and against random order.")
    parser.add_argument("--quick", action="store_true", help="one seed, few pictures, three epochs: shows that it runs")
    parser.add_argument("--fresh", action="store_true", help="forget the finished cells")
    parser.add_argument("--data", nargs="*", choices=sorted(ALL), default=sorted(ALL), help="only these data sets")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=None, help="only these ways of asking")
    parser.add_argument("--seeds", type=int, default=None, help="how many seeds (3; with --quick 1)")
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    beside = Path(__file__).parents[3] / "shared" / "data"
    data = Path(os.environ.get("LABELLINE_DATA", beside)).resolve()
    bench = Bench(data, labelline_home() / "bench", QUICK if asked.quick else FULL)
    if asked.fresh:
        shutil.rmtree(bench.cells, ignore_errors=True)
    bench.cells.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.seeds or (1 if asked.quick else 3)):
        for name in asked.data:
            for arm in asked.arms or (QUICK_ARMS if asked.quick else ARMS):
                run_missing(bench, ALL[name], arm, seed)
    publish(bench)


def publish(bench: Bench) -> None:
    """Print the tables, and write `effort.json` and the curves from all finished cells of this scale."""
    cells = [cell for cell in read_cells(bench.cells).values() if cell["scale"] == bench.scale.name]
    summary = summarize(cells, near=NEAR)
    (bench.home / "effort.json").write_text(json.dumps({"scale": bench.scale.name, **summary}, indent=2) + "\n")
    (bench.home / "effort.jpg").write_bytes(curves_jpeg(cells))
    print_tables(summary, bench.scale.name)
    print(f"written: {bench.home / 'effort.json'}, {bench.home / 'effort.jpg'}")


def run_missing(bench: Bench, pictures: Pictures, arm: str, seed: int) -> None:
    """Run a cell unless it is finished."""
    path = bench.cells / f"{bench.scale.name}-{pictures.name}-{arm}-{seed}-v{VERSION}.json"
    if path.exists():
        return
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labelline-effort-", ignore_cleanup_errors=True) as scratch:
        cell = run_cell(bench, pictures, arm, seed, Path(scratch))
    cell["wall_s"] = round(time.monotonic() - started)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(cell, indent=2))
    unfinished.rename(path)
    print(f"{path.stem}: mAP50 {cell['map50']:.3f} after {cell['human_seconds'] / 3600:.2f} h, {cell['wall_s']} s")


def run_cell(bench: Bench, pictures: Pictures, arm: str, seed: int, scratch: Path) -> dict[str, Any]:
    """Run one trial from no label to all of them, and return its numbers."""
    trial = open_trial(bench, pictures, arm, seed, scratch)
    scale = bench.scale
    rounds, epochs = scale.rounds or pictures.rounds, scale.epochs or pictures.epochs
    curve = [(0.0, trial.map50())]
    bands: list[str] = []
    if arm == MANUAL:
        trial.label_by_hand(epochs * rounds)
    else:
        size = scale.per_round or pictures.per_round
        selection = Selection(strategy=arm, first=size, per_round=size, yardstick=scale.yardstick, seed=seed)
        for _ in range(rounds):
            if not trial.run_round(selection, epochs):
                break
            curve.append((trial.crew.human_seconds, trial.map50()))
        bands = trial.label_rest(Promise())
        trial.train(epochs)
    curve.append((trial.crew.human_seconds, trial.map50()))
    return {
        "scale": scale.name,
        "data": pictures.name,
        "arm": arm,
        "seed": seed,
        "human_seconds": round(trial.crew.human_seconds, 1),
        "map50": round(curve[-1][1], 4),
        "curve": [(round(seconds, 1), round(value, 4)) for seconds, value in curve],
        "trainings": trial.trainings,
        "certified_classes": bands,
        "certified_error": Promise().epsilon if bands else None,
        **trial.worth(),
    }


def open_trial(bench: Bench, pictures: Pictures, arm: str, seed: int, scratch: Path) -> Trial:
    """Make a catalogue, a store and an MLflow of the trial's own, and take its pictures in."""
    folder = thinned(bench.data, pictures, bench.scale.pictures, scratch / "pictures")
    url = f"sqlite:///{scratch / 'catalog.sqlite'}"
    migrate(url)
    engine, store = open_engine(url), FolderStore(scratch / "objects")
    collection = f"{pictures.name}-{arm}-{seed}"
    world = take_in_pictures(engine, store, collection, pictures, folder)
    crew = Crew(engine, world, collection, world.classes, People(seed=seed))
    experiments = Experiments(f"sqlite:///{scratch / 'mlflow.sqlite'}", str(scratch / "mlartifacts"))
    first = keep_weights(store, bench.data / "weights" / "yolov8n-coco.pt")
    return Trial(engine, store, experiments, pictures, crew, first, seed)


if __name__ == "__main__":
    main()
