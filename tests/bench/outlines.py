"""Outlines from four clicks: how alike they are to what is there, how many corners they have, and how long they take.

Drawn blobs, cells as under a microscope and faint flaws, each clicked exactly and by a hand that is off by 1.5 px; and,
where they are, flaws of real tiles. Settings were chosen on the first 60 of each family and of the real ones; what
counts is measured on others. What is written in `.labelline/bench/video.json` under `outlines`:

    python -m tests.bench.outlines

How long networks that a line may name take, by seeded random numbers: no published weights are here.

    python -m tests.bench.outlines --networks mobile_sam sam2.1_t sam_b
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blocks.shapes import Polygon
from infra.gateway.ml.windows import clipped, surroundings, window_for
from tasks.detect.prompted.outline import outline_of
from tasks.detect.prompted.sam import Embedded, PromptedNetwork, open_sam
from tasks.kinds.geometry import Floats
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import corners_of
from tasks.kinds.outlines.valid import outlined
from tasks.suggest.outlining.extremes import Extremes, curve, octagon
from tasks.suggest.outlining.grab import grow
from tests.detect.prompted.networks import save_blank
from tests.suggest.outlining.scenes import FAMILIES, OneObject, clicks_on

OUTPUT = Path(".labelline/bench/video.json")
TILES = Path("magnetic_tile")
CHOSEN_ON, EACH, OUTLINES = 60, 120, 10
OFF_PX = {"exact": 0.0, "hand": 1.5}
LARGE_WH, LARGE_SIDES_PX = (8000, 6000), (350, 700, 4000)
LEAST_SIDE_PX = 8
"""Of a flaw of the real tiles: nobody clicks four points on less."""


def main() -> None:
    """Measure, and write it beside what else is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    parser.add_argument("--networks", nargs="+", help="Only measure how long these networks take")
    given = parser.parse_args()
    if given.networks:
        print(json.dumps({name: network_times(name) for name in given.networks}, indent=1))
        return
    report = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    report["outlines"] = outlines(given.data)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["outlines"], indent=1))


def outlines(data: Path) -> dict[str, Any]:
    """Return mean mask IoU by family and hand, of each way to an outline; corners; and milliseconds."""
    families: dict[str, Callable[[], Iterator[OneObject]]] = {
        name: partial(map, draw, range(CHOSEN_ON, CHOSEN_ON + EACH)) for name, draw in FAMILIES.items()
    }
    if (data / TILES).is_dir():
        families["tiles"] = lambda: iter(tiles(data / TILES)[CHOSEN_ON:])
    else:
        print(f"tiles: skipped, {data / TILES} is not there (set LABELLINE_DATA)")
    return {name: {hand: measure(some(), off) for hand, off in OFF_PX.items()} for name, some in families.items()}


def network_times(name: str) -> dict[str, float]:
    """Return how long a network takes for a picture, in seconds, and for an outline of it, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        network = open_sam(save_blank(Path(folder) / "weights.pt", name), name)
    picture = np.random.default_rng(0).integers(0, 255, (960, 1280, 3), np.uint8)
    clicks = Extremes((640, 300), (900, 480), (640, 700), (400, 480))
    box = clipped(surroundings(clicks.points), (0, 0, 1280, 960))
    network.find(network.embed(picture), clicks, box)  # the first of each takes longer
    peak_mb = _peak_mb()
    began, worked = time.perf_counter(), time.process_time()
    embedded = network.embed(picture)
    middle, half = time.perf_counter(), time.process_time()
    for _ in range(OUTLINES):
        network.find(embedded, clicks, box)
    ended, rested = time.perf_counter(), time.process_time()
    return {
        "picture_s": round(middle - began, 1),
        "picture_cpu_s": round(half - worked, 1),
        "outline_ms": round(1000 * (ended - middle) / OUTLINES),
        "outline_cpu_ms": round(1000 * (rested - half) / OUTLINES),
        **{f"outline_of_{side}px_cpu_ms": large_outline_ms(network, embedded, side) for side in LARGE_SIDES_PX},
        "peak_mb_for_these": (_peak_mb() - peak_mb),
    }


def large_outline_ms(network: PromptedNetwork, embedded: Embedded, side: int) -> int:
    """Return what one outline of a round object in a picture of 48 megapixels takes, in milliseconds of CPU.

    What the network of random numbers finds is thrown away, and a disc of the same cells is outlined instead.
    """
    half = side / 2
    clicks = Extremes((4000, 3000 - half), (4000 + half, 3000), (4000, 3000 + half), (4000 - half, 3000))
    left, top, right, bottom = window_for(LARGE_WH, clicks.points)
    seen = Extremes(*((x - left, y - top) for x, y in clicks.points))
    box = clipped(surroundings(seen.points), (0, 0, right - left, bottom - top))
    worked = time.process_time()
    found = network.find(Embedded(embedded.features, (right - left, bottom - top)), seen, box)
    rows, columns = found.shape
    down, across = (np.arange(rows) + 0.5) / rows - 0.5, (np.arange(columns) + 0.5) / columns - 0.5
    share = half / max(box[2] - box[0], box[3] - box[1])
    assert outline_of(np.hypot(across, down[:, None]) < share, seen, box) is not None
    return round(1000 * (time.process_time() - worked))


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def measure(objects: Iterator[OneObject], off_px: float) -> dict[str, Any]:
    """Return the mean IoU of each way, and corners and time of the way that is offered."""
    alike: dict[str, list[float]] = {"box": [], "octagon": [], "curve": [], "offered": []}
    corners, took_ms, cpu_ms, by_colour = [], [], [], 0
    for number, one in enumerate(objects):
        size = one.inside.shape[1], one.inside.shape[0]
        extremes = Extremes.of(clicks_on(one.inside, np.random.default_rng(number), off_px), size)
        began, worked = time.perf_counter(), time.process_time()
        grown = grow(one.picture, extremes)
        took_ms.append(1000 * (time.perf_counter() - began))
        cpu_ms.append(1000 * (time.process_time() - worked))
        corners.append(corners_of(grown.polygon))
        by_colour += grown.by == "grabcut"
        truth = Raster(0, 0, one.inside)
        x_min, y_min, x_max, y_max = extremes.edges
        box = np.array([(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)])
        for name, line in (("box", box), ("octagon", octagon(extremes)), ("curve", curve(extremes))):
            alike[name].append(mask_iou(rasterised(_polygon(line)), truth))
        alike["offered"].append(mask_iou(rasterised(grown.polygon), truth))
    return {
        "objects": len(corners),
        **{name: round(statistics.fmean(values), 3) for name, values in alike.items()},
        "by_colour": round(by_colour / len(corners), 2),
        "corners_median": statistics.median(corners),
        "corners_most": max(corners),
        "ms_median": round(statistics.median(took_ms), 1),
        "ms_p95": round(float(np.percentile(took_ms, 95)), 1),
        "cpu_ms_median": round(statistics.median(cpu_ms), 1),
    }


def tiles(folder: Path) -> list[OneObject]:
    """Return the flaws of real tiles, in an order by lot that is always the same."""
    found = []
    for path in sorted(folder.glob("*/*.png")):
        mask, picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), cv2.imread(str(path.with_suffix(".jpg")))
        if mask is None or picture is None:
            continue
        count, numbers, places, _ = cv2.connectedComponentsWithStats((mask > 127).astype(np.uint8))
        large = (
            n
            for n in range(1, count)
            if min(places[n, cv2.CC_STAT_WIDTH], places[n, cv2.CC_STAT_HEIGHT]) >= LEAST_SIDE_PX
        )
        found += [OneObject(np.asarray(picture, np.uint8), np.asarray(numbers == n, np.bool_)) for n in large]
    return [found[at] for at in np.random.default_rng(0).permutation(len(found))]


def _polygon(line: Floats) -> Polygon:
    return outlined([(float(x), float(y)) for x, y in line])


if __name__ == "__main__":
    main()
