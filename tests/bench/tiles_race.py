"""The race of the tile bench: everybody finds the vehicles of aerial_cars.

The contestants take turns on small groups of images, in changing order, so that a machine that slows down slows all of
them down; how much faster one is than another is the median over the groups. CPU seconds stand beside wall time: on a
shared machine they lie less. Reading the files counts, for all alike.
"""

import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from tasks.dataset.formats.published import Truth, read_truth
from tasks.detect.backends.choice import installed
from tasks.detect.backends.foreign.coco_names import COCO_CLASSES
from tasks.detect.backends.row_detector import RowDetector
from tasks.detect.backends.safe_weights import quiet_ultralytics, version_of
from tasks.detect.models import load_detector
from tasks.detect.options import Backend
from tasks.detect.tiling.tiles import regions_of
from tasks.detect.tiling.views import cut_views, rounded_up
from tasks.intake.images import Pixels
from tasks.kinds.boxes.average_precision import average_precision
from tests.bench import tiles_contestants as contestants
from tests.bench.tiles_contestants import OVERLAP_SHARE, TILE_PX, Contestant

GROUP = 13
"""Pictures in one turn: in the line a shard has up to 64, here eight turns each let nobody have the quiet minute."""
JOIN = 3
"""Tiles side by side that are looked at as one: 1920 px, so that no picture but two of the 103 has a seam."""

CLASSES = ("car", "truck", "bus")
"""Those of aerial_cars that COCO has. A minibus is none of COCO's, so minibuses stay out of the truth for all alike."""

BASELINE = "labelline"
PEERS = ("sahi", "supervision")
PRECISIONS = ("map50", "map50_95")

BARE_IMAGES = 8
BARE_BATCH = 32


def race(data: Path, images: int, min_score: float, who: Collection[str] = ()) -> dict[str, Any]:
    """Let contestants find the vehicles of aerial_cars, and return their rates and precision by device.

    Args:
        data: The folder of all data sets.
        images: How many, evenly chosen; 0: all.
        min_score: Boxes below are kept by nobody.
        who: Names of those who race against our own float32; empty: all.
    """
    quiet_ultralytics()  # SAHI would import it loudly, and leave one thread to everybody
    weights = data / "weights" / "yolov8n-coco.pt"
    truth = read_truth(data / "aerial_cars")
    names = sorted(truth.boxes)
    if images:
        names = [names[place] for place in np.linspace(0, len(names) - 1, images).round().astype(int)]
    paths = [truth.pictures[name] for name in names]
    with tempfile.TemporaryDirectory(prefix="labelline-bench-") as folder:
        known = _contestants(weights, min_score, paths, Path(folder))
        tallies = {name: _Tally(ready(name)) for name, ready in known.items() if not who or name in (BASELINE, *who)}
        for tally in tallies.values():
            tally.contestant.ask(_one_of_each_size(paths))  # what is built for a size once is not part of the race
        for number, start in enumerate(range(0, len(paths), GROUP)):
            turn = list(tallies.values())
            for tally in turn[number % len(turn) :] + turn[: number % len(turn)]:
                tally.take_turn(paths[start : start + GROUP])
    ours = tallies[BASELINE]
    rows = {name: tally.summary(_truths(truth, names), ours) for name, tally in tallies.items()}
    result = {"device": _device_name(), "images": len(paths), "score": min_score, "goal": reached_goal(rows), **rows}
    return {contestants.device(): result} | {
        "bare_forward": bare_forward(weights, paths[:: max(1, len(paths) // BARE_IMAGES)])
    }


def reached_goal(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return which of ours is the fastest that finds no less precisely than every peer who races.

    Args:
        rows: By contestant, with `images_per_second`, `map50` and `map50_95`.

    Returns:
        `who` it is, and by peer how many `times` faster; who is None where none is as precise or no peer races.
    """
    peers = {name: rows[name] for name in PEERS if name in rows}
    precise = {
        name: row["images_per_second"]
        for name, row in rows.items()
        if name.startswith(BASELINE) and all(row[key] >= peer[key] for peer in peers.values() for key in PRECISIONS)
    }
    if not peers or not precise:
        return {"who": None, "times": {}}
    who = max(precise, key=lambda name: precise[name])
    return {"who": who, "times": {name: precise[who] / peer["images_per_second"] for name, peer in peers.items()}}


def known_contestants() -> tuple[str, ...]:
    """Return the names of all who can race here, in the order of the table."""
    return tuple(_contestants(Path(), 0.0, (), Path()))


def _contestants(
    weights: Path, min_score: float, paths: Sequence[Path], folder: Path
) -> dict[str, Callable[[str], Contestant]]:
    """Return who can race here: by name, what gets one ready."""

    def ours(backend: Backend = "auto", **looks: float | bool) -> Callable[[str], Contestant]:
        return lambda name: contestants.labelline(weights, min_score, name, backend, **looks)

    ready: dict[str, Callable[[str], Contestant]] = {
        BASELINE: ours(),
        "sahi": lambda _: contestants.sahi(weights, min_score, paths),
        "supervision": lambda _: contestants.supervision(weights, min_score, paths),
        "whole_frame": lambda _: contestants.whole_frame(weights, min_score),
        "labelline_snug": ours(snug=True),
        "labelline_joined": ours(join=JOIN),
    }
    if contestants.device() == "cpu" and installed("openvino"):
        ready["labelline_rounded"] = ours("openvino-bf16")
        ready["labelline_rounded_snug"] = ours("openvino-bf16", snug=True)
        ready["labelline_rounded_joined"] = ours("openvino-bf16", join=JOIN)
        if installed("onnxruntime"):
            ready["labelline_int8"] = ours("openvino-int8")
            ready["labelline_int8_snug"] = ours("openvino-int8", snug=True)
            # As supervision looks: no pass over the whole image.
            ready["labelline_int8_snug_tiles"] = ours("openvino-int8", snug=True, whole_image=False)
            ready["labelline_int8_joined"] = ours("openvino-int8", join=JOIN)
        exported = cache(partial(contestants.export_for_peers, weights, folder))
        ready["sahi_openvino"] = lambda name: contestants.sahi(exported(), min_score, paths, name)
        ready["supervision_openvino"] = lambda name: contestants.supervision(exported(), min_score, paths, name)
    return ready


class _Tally:
    """What one contestant has done so far."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.seconds: list[float] = []
        self.cpu_s = 0.0
        self.found: list[sv.Detections] = []

    def take_turn(self, group: Sequence[Path]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.found.extend(self.contestant.ask(group))
        self.seconds.append(time.perf_counter() - wall)
        self.cpu_s += time.process_time() - cpu

    def summary(self, truths: list[sv.Detections], ours: "_Tally") -> dict[str, Any]:
        kept = [_named(each) for each in self.found]
        precision = average_precision(kept, truths, CLASSES)
        recall = _recall(kept, truths)
        full = _recall([_named(each) for each in ours.found], truths)
        return {
            "setting": self.contestant.setting,
            "images_per_second": len(self.found) / sum(self.seconds),
            "labelline_is_faster_by": float(np.median(np.array(self.seconds) / np.array(ours.seconds))),
            "cpu_seconds_per_image": self.cpu_s / len(self.found),
            **precision.numbers,
            "by_class": {
                name: {"truths": int(row["truths"]), "ap50": row["ap50"]} for name, row in precision.by_class.items()
            },
            "recall50_any_class": recall,
            "recall_lost": 1 - recall / full if full else 0.0,
            "boxes": sum(len(each) for each in kept),
        }


def bare_forward(weights: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """Return images per second of the network alone on the same pictures, cut beforehand; on a GPU they lie there.

    What the whole line reaches of it says what reading, cutting, sending, suppressing and merging cost. The GPU half is
    written for any CUDA machine and, for want of one, has not run on any.
    """
    pictures = _pictures_by_size(paths)
    if contestants.device() == "cuda":
        rate = _bare_on_gpu(weights, pictures)
        return {"images_per_second": len(paths) / rate, "setting": f"torch, float16, {BARE_BATCH} pictures per call"}
    detector = load_detector(weights, version_of(weights), TILE_PX)
    assert isinstance(detector, RowDetector)
    runner = detector.runner
    step = runner.batch_size or BARE_BATCH
    work = [same[start : start + step] for same in pictures for start in range(0, len(same), step)]
    best = float("inf")
    with ThreadPoolExecutor(runner.lanes) as lanes:
        for _ in range(3):
            started = time.perf_counter()
            list(lanes.map(runner.run, work))
            best = min(best, time.perf_counter() - started)
    return {"images_per_second": len(paths) / best, "setting": str(runner)}


def _one_of_each_size(paths: Sequence[Path]) -> list[Path]:
    return list({contestants.size_wh(path): path for path in paths}.values())


def _pictures_by_size(paths: Sequence[Path]) -> list[Pixels]:
    """Return all pictures that our tiles make of some images, stacked by size."""
    sizes: dict[tuple[int, ...], list[Pixels]] = {}
    for path in paths:
        image = contestants.read(path)
        regions = regions_of((image.shape[1], image.shape[0]), TILE_PX, OVERLAP_SHARE, whole_image=True)
        for view in cut_views(image, regions, TILE_PX, snug=True):
            picture = rounded_up(view.pixels)
            sizes.setdefault(picture.shape, []).append(picture)
    return [np.stack(same) for same in sizes.values()]


def _bare_on_gpu(weights: Path, pictures: Sequence[Pixels]) -> float:
    """Return the seconds that the network alone takes for all pictures, in the best of some rounds."""
    import torch

    from tasks.detect.backends.torch_network import open_graph

    graph = open_graph(weights, TILE_PX)[0].to("cuda").to(memory_format=torch.channels_last)
    stacks = [torch.from_numpy(same).to("cuda").permute(0, 3, 1, 2).half() for same in pictures]
    batches = [some for same in stacks for some in torch.split(same, BARE_BATCH)]
    best = float("inf")
    with torch.inference_mode(), torch.autocast("cuda", torch.float16):
        for _ in range(6):  # the first ones choose kernels
            torch.cuda.synchronize()
            started = time.perf_counter()
            for batch in batches:
                graph(batch)
            torch.cuda.synchronize()
            best = min(best, time.perf_counter() - started)
    return best


def _device_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _recall(found: list[sv.Detections], truths: list[sv.Detections]) -> float:
    """Return the share of true boxes that some box of any class overlaps by an IoU of 0.5."""
    hit = [
        (sv.box_iou_batch(truth.xyxy, said.xyxy) >= 0.5).any(axis=1).sum() if len(said) and len(truth) else 0
        for said, truth in zip(found, truths, strict=True)
    ]
    return float(sum(hit) / max(1, sum(len(truth) for truth in truths)))


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
