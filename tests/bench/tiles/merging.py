"""Time and peak memory of merging very many boxes: ours, and SAHI's GREEDYNMM and NMM on the same ones.

Each measurement runs in a process of its own, so that one's memory is not another's, and is stopped after a while.
`python -m tests.bench.tiles.merging WHO COUNT` is such a process.
"""

import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

from tasks.detect.options import TilingOptions
from tasks.detect.tiling.seams import Seen, merge_views
from tasks.detect.tiling.tiles import Regions, regions_of
from tests.bench.peak_memory import peak_mb

COUNTS = (33_000, 100_000)
WHO = ("labelline", "GREEDYNMM", "NMM")
STOP_AFTER_S = 90
SIDE_PX, TILE_PX = 20_000, 1024


def measure_merging() -> dict[str, dict[str, dict[str, Any]]]:
    """Return seconds and peak megabytes by number of boxes and merge; seconds are None where it was stopped."""
    return {str(count): {who: _in_a_process(who, count) for who in WHO} for count in COUNTS}


def _in_a_process(who: str, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.tiles.merging", who, str(count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=STOP_AFTER_S, check=False)
    except subprocess.TimeoutExpired:
        return {"seconds": None, "peak_mb": None, "why": f"stopped after {STOP_AFTER_S} s"}
    if done.returncode:
        return {"seconds": None, "peak_mb": None, "why": (done.stderr.splitlines() or ["killed"])[-1][:200]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _detections(count: int) -> tuple[Seen, Regions]:
    """What an exact detector reports of small objects all over a large image, cut by the tiles: `count` boxes."""
    dice = np.random.default_rng(0)
    regions = regions_of((SIDE_PX, SIDE_PX), TILE_PX, 0.2, whole_image=False)
    corners = dice.uniform(0, SIDE_PX - 70, (count, 2))
    objects = np.hstack([corners, corners + dice.uniform(10, 60, (count, 2))])
    boxes, views = [], []
    for view, edges in enumerate(regions.xyxy_px):
        low, high = np.maximum(objects[:, :2], edges[:2]), np.minimum(objects[:, 2:], edges[2:])
        visible = (high - low > 2).all(axis=1)
        boxes.append(np.hstack([low, high])[visible])
        views.append(np.full(int(visible.sum()), view))
    chosen = np.sort(dice.permutation(sum(map(len, boxes)))[:count])
    scores = dice.uniform(0.3, 0.95, count)
    return Seen(np.vstack(boxes)[chosen], scores, dice.integers(0, 3, count), np.concatenate(views)[chosen]), regions


def _merge(who: str, count: int) -> dict[str, Any]:
    seen, regions = _detections(count)
    if who == "labelline":
        before = peak_mb()
        started, cpu = time.perf_counter(), time.process_time()
        kept = len(merge_views(seen, regions, TilingOptions(tile_px=TILE_PX)))
    else:
        from sahi.postprocess.combine import GreedyNMMPostprocess, NMMPostprocess
        from sahi.prediction import ObjectPrediction

        said = [
            ObjectPrediction(bbox=box.tolist(), category_id=int(number), category_name="a", score=float(score))
            for box, number, score in zip(seen.boxes_xyxy_px, seen.class_ids, seen.scores, strict=True)
        ]
        kind = GreedyNMMPostprocess if who == "GREEDYNMM" else NMMPostprocess
        merge = kind(match_threshold=0.5, match_metric="IOS", class_agnostic=False)
        before = peak_mb()
        started, cpu = time.perf_counter(), time.process_time()
        kept = len(merge(said))
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_s,
        "peak_mb": peak_mb(),
        "added_mb": peak_mb() - before,
        "boxes": kept,
    }


if __name__ == "__main__":
    print(json.dumps(_merge(sys.argv[1], int(sys.argv[2]))))
