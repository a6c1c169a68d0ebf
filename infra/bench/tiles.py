"""Bench: tiled detection beside SAHI and supervision's slicer, in one run, with the same weights, tiles and thresholds.

    python -m infra.bench.tiles            # all of aerial_cars, about ten minutes on two idle cores
    python -m infra.bench.tiles --images 12

The contestants take turns on small groups of images, so that a machine that slows down slows all of them down. Rates
are medians over the groups. CPU seconds stand beside them: on a shared machine they lie less. On a machine with CUDA
the same race runs on the GPU. Prints tables and writes `.labelline/bench/tiles.json`.
"""

import argparse
import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from infra.bench import tiles_contestants as contestants
from infra.bench.tiles_contestants import Contestant
from infra.bench.tiles_merging import measure_merging
from infra.bench.tiles_scaling import measure_scaling
from infra.bench.tiles_seams import measure_seams
from infra.bench.tiles_tables import print_tables
from infra.demo.run import STARTER
from tasks.dataset.truth import Truth, read_truth
from tasks.detect.choice import installed
from tasks.detect.coco import COCO_CLASSES
from tasks.detect.networks import Backend, threads_here
from tasks.train.evaluate import average_precision

OUTPUT = Path(".labelline/bench/tiles.json")
GROUP = 6
COARSE_SCORE = 0.02
CLASSES = ("car", "truck", "bus")
"""Those of aerial_cars that COCO has. A minibus is none of COCO's, so minibuses stay out of the truth for all alike."""

PACKAGES = ("torch", "ultralytics", "sahi", "supervision", "openvino", "onnxruntime", "opencv-python", "numpy")


def main() -> None:
    """Run the race and the other measurements, print the tables and write them down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    parser.add_argument("--images", type=int, default=0, help="how many, evenly chosen; all by default")
    parser.add_argument("--score", type=float, default=0.25, help="boxes below are kept by nobody")
    parser.add_argument("--only", choices=["race", "seams", "merging", "scaling"], help="one part of it")
    options = parser.parse_args()
    report: dict[str, Any] = {"versions": versions(), "threads": threads_here(), "load": os.getloadavg()}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "race": lambda: {"devices": race(options.data, options.images, options.score)},
        "seams": lambda: {"seams": measure_seams()},
        "merging": lambda: {"merging": measure_merging()},
        "scaling": lambda: {"scaling": measure_scaling(STARTER)},
    }
    for name, measure in parts.items():
        if options.only in (None, name):
            report.update(measure())
    print_tables(report)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1))


def versions() -> dict[str, str]:
    """Return the versions of what takes part, of what is installed."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def race(data: Path, images: int, min_score: float) -> dict[str, Any]:
    """Let all contestants find the vehicles of aerial_cars, and return their rates and precision by device."""
    import torch

    weights = data / "weights" / "yolov8n-coco.pt"
    truth = read_truth(data / "aerial_cars")
    names = sorted(truth.boxes)
    if images:
        names = [names[place] for place in np.linspace(0, len(names) - 1, images).round().astype(int)]
    paths = [truth.pictures[name] for name in names]
    racing = [
        contestants.labelline(weights, min_score),
        contestants.sahi(weights, min_score, paths),
        contestants.supervision(weights, min_score, paths),
        contestants.whole_frame(weights, min_score),
        replace(contestants.labelline(weights, min_score, coarse_score=COARSE_SCORE), name="labelline_coarse"),
    ]
    rounded: Backend = "torch-fp16" if torch.cuda.is_available() else "openvino-bf16"
    if rounded == "torch-fp16" or installed("openvino"):
        racing.append(replace(contestants.labelline(weights, min_score, rounded), name="labelline_rounded"))
    results = {each.name: _Tally(each) for each in racing}
    for each in racing:
        each.ask(paths[:1])
    for number, start in enumerate(range(0, len(paths), GROUP)):
        group = paths[start : start + GROUP]
        for place in range(len(racing)):
            results[racing[(place + number) % len(racing)].name].take_turn(group)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    rows = {name: tally.summary(_truths(truth, names)) for name, tally in results.items()}
    return {device: {"images": len(paths), "score": min_score, **rows, "bare_forward": bare_forward(weights)}}


class _Tally:
    """What one contestant has done so far."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.rates: list[float] = []
        self.wall_s = self.cpu_s = 0.0
        self.found: list[sv.Detections] = []

    def take_turn(self, group: Sequence[Path]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.found.extend(self.contestant.ask(group))
        taken = time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu
        self.wall_s += taken
        self.rates.append(len(group) / taken)

    def summary(self, truths: list[sv.Detections]) -> dict[str, Any]:
        kept = [_named(each) for each in self.found]
        precision = average_precision(kept, truths, CLASSES)
        return {
            "setting": self.contestant.setting,
            "images_per_second": float(np.median(self.rates)),
            "images_per_second_mean": len(self.found) / self.wall_s,
            "cpu_seconds_per_image": self.cpu_s / len(self.found),
            "recall50_any_class": _recall(kept, truths),
            **{key: precision[key] for key in ("map50", "map50_95", "map50_any_class", "map50_95_any_class")},
            "boxes": sum(len(each) for each in kept),
        }


def _recall(found: list[sv.Detections], truths: list[sv.Detections]) -> float:
    """Return the share of true boxes that some box of any class overlaps by an IoU of 0.5."""
    hit = [
        (sv.box_iou_batch(truth.xyxy, said.xyxy) >= 0.5).any(axis=1).sum() if len(said) and len(truth) else 0
        for said, truth in zip(found, truths, strict=True)
    ]
    return float(sum(hit) / max(1, sum(len(truth) for truth in truths)))


def bare_forward(weights: Path, batch: int = 8) -> dict[str, float] | None:
    """Return tiles per second of the network alone in torch on the GPU, pictures there already; None without one."""
    import torch

    from tasks.detect.torch_network import open_graph

    if not torch.cuda.is_available():
        return None
    graph = open_graph(weights, contestants.TILE_PX)[0].to("cuda").to(memory_format=torch.channels_last)
    rates = {}
    for size in (batch, 4 * batch):
        pictures = torch.rand(size, 3, contestants.TILE_PX, contestants.TILE_PX, device="cuda")
        with torch.inference_mode(), torch.autocast("cuda", torch.float16):
            for _ in range(5):
                graph(pictures)
            torch.cuda.synchronize()
            started = time.perf_counter()
            for _ in range(30):
                graph(pictures)
            torch.cuda.synchronize()
        rates[str(size)] = 30 * size / (time.perf_counter() - started)
    return rates


def _named(said: sv.Detections) -> sv.Detections:
    """Return the boxes of the classes that count, numbered as in the truth."""
    numbers = np.full(len(COCO_CLASSES), -1)
    for number, name in enumerate(CLASSES):
        numbers[COCO_CLASSES.index(name)] = number
    class_ids = numbers[np.asarray(said.class_id, dtype=np.int64)] if len(said) else np.zeros(0, dtype=np.int64)
    kept = class_ids >= 0
    assert said.confidence is not None or not len(said)
    scores = said.confidence if said.confidence is not None else np.zeros(0, dtype=np.float32)
    return sv.Detections(xyxy=said.xyxy[kept], confidence=scores[kept], class_id=class_ids[kept])


def _truths(truth: Truth, names: Sequence[str]) -> list[sv.Detections]:
    found = []
    for name in names:
        boxes = [box for box in truth.boxes[name] if box.class_name in CLASSES]
        found.append(
            sv.Detections(
                xyxy=np.array([box.box_xyxy_px for box in boxes], dtype=np.float32).reshape(-1, 4),
                confidence=np.ones(len(boxes), dtype=np.float32),
                class_id=np.array([CLASSES.index(box.class_name) for box in boxes], dtype=np.int64),
            )
        )
    return found


if __name__ == "__main__":
    main()
