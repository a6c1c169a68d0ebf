"""`make bench-effort`: human seconds to labels and to a detector, against labelling by hand and against random order.

A cell is one data set, one way of asking and one seed. Finished cells are kept by key under
`.labelline/bench/effort-cells`, so a bench that was stopped goes on with the next one; `--fresh` begins anew. All
trainings are alike (`effort_trial.py` says how), and all ways of asking begin with the same pictures drawn at random. A
cell of bccd takes 5 CPU minutes, one of starwars or aerial_cars 7, by hand 2; with `OMP_NUM_THREADS=1` two data sets
run side by side best. `--quick` thins the pictures, trains a few steps and shows that all of it runs: its numbers mean
nothing.
"""

import argparse
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from blocks.catalog import migrate
from blocks.database.engine import open_engine
from blocks.home import labelline_home
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from infra.annotators.people import People
from tasks.audit.bounds.certify import ThresholdStatus
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import Certification
from tasks.monitor.active_learning.choose import Selection
from tests.bench.choosing import MIXED
from tests.bench.effort_data import ALL, Pictures, make_smaller, read_cells, take_in_pictures
from tests.bench.effort_people import TrialAnnotators
from tests.bench.effort_tables import MANUAL, curves_jpeg, print_tables, summarize
from tests.bench.effort_trial import Trial, keep_weights

STRATEGIES = {
    "random": {"random": 1.0},
    "entropy": {"entropy": 1.0},
    "mixed": MIXED,
}
"""Ways of asking by name."""

ARMS = (MANUAL, *STRATEGIES)
QUICK_ARMS = (MANUAL, "random", "mixed")
VERSION = 4
"""Part of every key: raise it when the same cell would get other numbers."""

NEAR = 0.98
"""A detector is as good as the manual one from this share of its mAP50 on."""


@dataclass(frozen=True)
class Scale:
    """How much of the bench is run; None: what the data set says."""

    name: str
    pictures: int | None
    rounds: tuple[int, ...] | None
    steps: int | None
    holdout: int

    def of(self, pictures: Pictures) -> Pictures:
        """Return a data set with what this scale changes of it."""
        return replace(
            pictures,
            rounds=self.rounds or pictures.rounds,
            steps=self.steps or pictures.steps,
        )


FULL = Scale("full", None, None, None, holdout=10)
QUICK = Scale("quick", 30, (6, 6), 4, holdout=3)


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

    def path_of(self, pictures: Pictures, arm: str, seed: int) -> Path:
        """Where a cell is kept."""
        return self.cells / f"{self.scale.name}-{pictures.name}-{arm}-{seed}-v{VERSION}.json"


@dataclass(frozen=True)
class Ground:
    """What the ways of asking share for one data set and seed: a training of one is not made again by another."""

    pictures: Pictures
    original: Path
    smaller: Path
    weights: Path
    scratch: Path
    seed: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cells that are missing, and print and write what all of them show."""
    parser = argparse.ArgumentParser(description="Human seconds against labelling by hand and against random order.")
    parser.add_argument("--quick", action="store_true", help="one seed, few pictures, a few steps: shows that it runs")
    parser.add_argument("--fresh", action="store_true", help="forget the finished cells")
    parser.add_argument("--data", nargs="*", choices=sorted(ALL), default=list(ALL), help="only these data sets")
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
            run_missing(bench, ALL[name], asked.arms or (QUICK_ARMS if asked.quick else ARMS), seed)
            publish(bench)


def publish(bench: Bench) -> None:
    """Print the tables, and write `effort.json` and the curves from all finished cells of this scale."""
    cells = [
        cell
        for cell in read_cells(bench.cells).values()
        if (cell["scale"], cell["version"]) == (bench.scale.name, VERSION)
    ]
    summary = summarize(cells, near=NEAR)
    (bench.home / "effort.json").write_text(json.dumps({"scale": bench.scale.name, **summary}, indent=2) + "\n")
    (bench.home / "effort.jpg").write_bytes(curves_jpeg(cells))
    print_tables(summary, bench.scale.name)
    print(f"written: {bench.home / 'effort.json'}, {bench.home / 'effort.jpg'}")


def run_missing(bench: Bench, pictures: Pictures, arms: Sequence[str], seed: int) -> None:
    """Run the cells of a data set and seed that are not finished."""
    missing = [arm for arm in arms if not bench.path_of(pictures, arm, seed).exists()]
    if not missing:
        return
    with tempfile.TemporaryDirectory(prefix="labelline-effort-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        ground = Ground(
            pictures=bench.scale.of(pictures),
            original=bench.data / pictures.name,
            smaller=make_smaller(bench.data, pictures, bench.scale.pictures, scratch / "pictures"),
            weights=bench.data / "weights" / "yolov8n-coco.pt",
            scratch=scratch,
            seed=seed,
        )
        for arm in missing:
            keep_cell(bench, ground, arm)


def keep_cell(bench: Bench, ground: Ground, arm: str) -> None:
    """Run a cell and keep it."""
    path = bench.path_of(ground.pictures, arm, ground.seed)
    started = time.process_time()  # of the processor: others may pause this bench, or share its cores
    cell = run_cell(bench.scale, ground, arm) | {"cpu_s": round(time.process_time() - started)}
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(cell, indent=2))
    unfinished.rename(path)
    last = cell["curve"][-1]
    hours = cell["human_seconds"] / 3600
    print(f"{path.stem}: mAP50 {last['map50']:.3f} after {hours:.2f} h of people, {cell['cpu_s']} CPU s", flush=True)


def run_cell(scale: Scale, ground: Ground, arm: str) -> dict[str, Any]:
    """Run one trial from no label to all of them, and return its numbers."""
    trial, first = open_trial(ground, arm), ground.pictures.rounds[0]
    start = Selection(ask_first=STRATEGIES["random"], first=first, holdout=scale.holdout, seed=ground.seed)
    found: dict[str, Any] = {}
    if arm == MANUAL:
        trial.label_by_hand(start)
    else:
        selection = start.model_copy(update={"ask_first": STRATEGIES[arm]})
        trial.run_round(start)
        for size in ground.pictures.rounds[1:]:
            trial.run_round(selection.model_copy(update={"per_round": size}))
        before = trial.annotators.human_seconds
        rest, risk_control = trial.label_rest(selection, RiskControlOptions(seed=ground.seed))
        found = {"rest": rest.as_row() | {"human_seconds": round(trial.annotators.human_seconds - before, 1)}}
        found |= certified(risk_control)
    worth = trial.worth()
    return {
        "scale": scale.name,
        "version": VERSION,
        "data": ground.pictures.name,
        "arm": arm,
        "seed": ground.seed,
        "human_seconds": round(trial.annotators.human_seconds, 1),
        "fast_seconds": round(trial.annotators.fast_seconds, 1),
        "seconds_per_correct": round(trial.annotators.human_seconds / max(1, worth.correct), 2),
        "curve": [asdict(point) for point in trial.curve],
        "trainings": [asdict(training) for training in trial.trainings],
        "all": worth.as_row(),
        **found,
    }


def certified(found: Certification | None) -> dict[str, Any]:
    """Return what was certified of the rest: the bound (None: no class got a threshold) and each class in words."""
    thresholds = {} if found is None else found.thresholds
    in_force = [threshold for threshold in thresholds.values() if threshold.standing is ThresholdStatus.CERTIFIED]
    return {
        "certified_error": max((threshold.promise.max_error_rate for threshold in in_force), default=None),
        "thresholds": {name: threshold.reason for name, threshold in thresholds.items()},
    }


def open_trial(ground: Ground, arm: str) -> Trial:
    """Make a catalogue of the trial's own, and take its pictures in."""
    url = f"sqlite:///{ground.scratch / f'catalog-{arm}.sqlite'}"
    migrate(url)
    engine, store = open_engine(url), FolderStore(ground.scratch / "objects")
    collection = f"{ground.pictures.name}-{ground.seed}"
    world = take_in_pictures(engine, store, collection, ground.pictures, ground.smaller, ground.original)
    annotators = TrialAnnotators(engine, world, collection, world.classes, People(seed=ground.seed))
    experiments = Experiments(f"sqlite:///{ground.scratch / 'mlflow.sqlite'}", str(ground.scratch / "mlartifacts"))
    first = keep_weights(store, ground.weights)
    trial = Trial(engine, store, experiments, ground.pictures, annotators, first, ground.seed, detector=first)
    trial.note_point()
    return trial


if __name__ == "__main__":
    main()
