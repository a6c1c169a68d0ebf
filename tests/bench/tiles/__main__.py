"""Bench: tiled detection beside SAHI and supervision's slicer, in one run, with the same weights, tiles and thresholds.

    python -m tests.bench.tiles            # all sets of pictures and all tables, half an hour on two cores
    python -m tests.bench.tiles --images 12 --only race --who sahi supervision
    python -m tests.bench.tiles --only sets --sets coco bccd

The race is on `aerial_cars`, where times count; the other sets (`sets.py`) tell whether anything is lost elsewhere.
On a machine with CUDA the same race runs on the GPU (float16 where that agrees, channels last, full batches), beside
the bare batched forward pass of the same network on the same pictures. Prints tables and writes
`.labelline/bench/tiles.json`: by device (`cpu` or `cuda`) what each contestant reached, with intervals, the share of
seen objects that merging `kept`, and as `goal` which of ours is the fastest that loses nothing; the same in `sets` by
set, and `everywhere`, which loses nothing on any; then `seams`, `merging`, `scaling` and `calibration`.
"""

import argparse
import contextlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from infra.demo.run import STARTER
from tasks.detect.backends.runner import threads_here
from tests.bench.tiles.calibration import measure_calibration
from tests.bench.tiles.contestants import device
from tests.bench.tiles.kept import lossless_everywhere
from tests.bench.tiles.merging import measure_merging
from tests.bench.tiles.race import ELSEWHERE, bare_forward, known_contestants, race
from tests.bench.tiles.scaling import measure_scaling
from tests.bench.tiles.seams import measure_seams
from tests.bench.tiles.sets import evenly, sets_of
from tests.bench.tiles.tables import print_tables

OUTPUT = Path(".labelline/bench/tiles.json")

PARTS = ("race", "sets", "seams", "merging", "scaling", "calibration")
OTHER_SETS = ("rolled", "coco", "bccd", "drawn")
PACKAGES = ("torch", "ultralytics", "sahi", "supervision", "openvino", "onnxruntime", "opencv-python", "numpy")


def main() -> None:
    """Run the race and the other measurements, print the tables and write them down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    parser.add_argument("--images", type=int, default=0, help="how many, evenly chosen; all by default")
    parser.add_argument("--score", type=float, default=0.25, help="boxes below are kept by nobody")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    parser.add_argument("--who", nargs="*", choices=known_contestants(), default=(), help="only these, and ours")
    parser.add_argument("--sets", nargs="*", choices=OTHER_SETS, default=OTHER_SETS, help="beside aerial_cars")
    options = parser.parse_args()
    report: dict[str, Any] = {
        "versions": versions(),
        "processor": processor(),
        "threads": threads_here(),
        "load_before": os.getloadavg()[0],
    }
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "race": lambda: run_race(options),
        "sets": lambda: {"sets": run_sets(options)},
        "seams": lambda: {"seams": measure_seams()},
        "merging": lambda: {"merging": measure_merging()},
        "scaling": lambda: {"scaling": measure_scaling(STARTER)},
        "calibration": lambda: {"calibration": measure_calibration(STARTER)},
    }
    started = time.perf_counter()
    for name, measure in parts.items():
        if options.only in (None, name):
            report.update(measure())
    if "sets" in report and device() in report:
        report["everywhere"] = lossless_everywhere(report[device()], report["sets"])
        report["everywhere_precise"] = lossless_everywhere(report[device()], report["sets"], least_kept=0.0)
    report["seconds"] = time.perf_counter() - started
    print_tables(report)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1))
    print(f"written to {OUTPUT} after {report['seconds']:.0f} s")


def run_race(options: argparse.Namespace) -> dict[str, Any]:
    """Race on aerial_cars, and let the network alone run on the same pictures."""
    with tempfile.TemporaryDirectory(prefix="labelline-bench-") as folder:
        pictures = evenly(sets_of(options.data, Path(folder), OUTPUT.parent)["aerial_cars"](), options.images)
        result = race(pictures, options.score, options.who, Path(folder))
    return {device(): result, "bare_forward": bare_forward(pictures)}


def run_sets(options: argparse.Namespace) -> dict[str, Any]:
    """Race on the other sets, one after the other."""
    found = {}
    for name in options.sets:
        with tempfile.TemporaryDirectory(prefix="labelline-bench-") as folder:
            pictures = evenly(sets_of(options.data, Path(folder), OUTPUT.parent)[name](), options.images)
            found[name] = race(pictures, options.score, options.who or ELSEWHERE, Path(folder))
    return found


def versions() -> dict[str, str]:
    """Return the versions of what takes part, of what is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def processor() -> str:
    """Return the processor's name and those of its features that matter here."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if flag in facts.get("flags", "").split()]
    return f"{facts.get('model name', platform.processor())} ({', '.join(wide)})"


if __name__ == "__main__":
    main()
