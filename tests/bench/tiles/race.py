"""The race of the tile bench: everybody finds what is asked for, on one set of pictures after the other.

The contestants take turns on small groups of images, in changing order, so that a machine that slows down slows all of
them down; how much faster one is than another is the median over the groups. CPU seconds stand beside wall time: on a
shared machine they lie less. Reading the files counts, for all alike.

Settings are chosen on one half of the pictures and reported on the other: the peers' pictures per call and threads, and
which of ours is the fastest that loses nothing.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from tasks.detect.backends.choice import installed
from tasks.detect.backends.row_detector import RowDetector
from tasks.detect.backends.safe_weights import quiet_ultralytics, version_of
from tasks.detect.models import load_detector
from tasks.detect.options import Backend
from tasks.detect.tiling.seams import Seen
from tasks.detect.tiling.tiles import Ints, regions_of
from tasks.detect.tiling.views import cut_views, rounded_up
from tasks.intake.images import Pixels
from tasks.kinds.boxes.average_precision import average_precision
from tests.bench.tiles import contestants
from tests.bench.tiles.contestants import OVERLAP_SHARE, Answer, Asked, Contestant
from tests.bench.tiles.kept import BASELINE, PEERS, kept_share, merged_by_peers, reached_goal
from tests.bench.tiles.precision import judge_boxes, with_intervals, without_cut
from tests.bench.tiles.sets import PictureSet

GROUP = 13
"""Pictures in one turn: in the line a shard has up to 64, here eight turns each let nobody have the quiet minute."""
JOIN = 3
"""Tiles side by side that are looked at as one: 1920 px, so that no picture but two of aerial_cars has a seam."""

ELSEWHERE = (BASELINE, *PEERS, "labelline_joined", "labelline_rounded_joined", "labelline_int8_joined")
"""Who races on the other sets too, unless somebody is named: float32 beside the peers, and what merges least."""

BARE_IMAGES = 8
BARE_BATCH = 32


def race(pictures: PictureSet, min_score: float, who: Collection[str], folder: Path) -> dict[str, Any]:
    """Let contestants find what a set asks for, and return their rates and precision.

    Args:
        pictures: The set.
        min_score: Boxes below are kept by nobody.
        who: Names of those who race against our own float32; empty: all.
        folder: For what is exported.
    """
    quiet_ultralytics()  # SAHI would import it loudly, and leave one thread to everybody
    chosen, reported = pictures.halves()
    pictures = pictures.some([*chosen, *reported])
    halves = (range(len(chosen)), range(len(chosen), len(pictures)))
    names = load_detector(pictures.weights, version_of(pictures.weights), pictures.tile_px, "torch").classes
    asked = Asked(pictures.weights, tuple(names.index(name) for name in pictures.classes), min_score, pictures.tile_px)
    known = _contestants(asked, pictures.paths[: len(chosen)] or pictures.paths, folder)
    tallies = {name: _Tally(ready(name), asked) for name, ready in known.items() if not who or name in (BASELINE, *who)}
    for tally in tallies.values():
        tally.contestant.ask(_one_of_each_size(pictures.paths))  # what is built for a size once is no part of the race
    starts = [(half, start) for half, places in enumerate(halves) for start in places[::GROUP]]
    for number, (half, start) in enumerate(starts):
        turn = list(tallies.values())
        for tally in turn[number % len(turn) :] + turn[: number % len(turn)]:
            tally.take_turn(pictures.paths[start : min(start + GROUP, halves[half].stop)], half)
    rows = _judged(tallies, pictures, range(len(pictures)))
    for name, tally in tallies.items():
        rows[name] = tally.summary(pictures, tallies[BASELINE]) | rows[name]
    chosen_by, reported_by = (
        {name: row | {"images_per_second": tallies[name].rate(half)} for name, row in mine.items()}
        for half, mine in enumerate(_judged(tallies, pictures, places) for places in halves)
    )
    return {
        "device": _device_name(),
        "images": len(pictures),
        "score": min_score,
        "tile_px": pictures.tile_px,
        "cut": sum(len(parts) for parts in pictures.cut),
        "goal": reached_goal(chosen_by, reported_by),
        "goal_of_precision": reached_goal(chosen_by, reported_by, least_kept=0.0),
        "merged_by_peers": merged_by_peers(tallies[BASELINE].seen, pictures.truths, len(pictures.classes)),
        **rows,
    }


def known_contestants() -> tuple[str, ...]:
    """Return the names of all who can race here, in the order of the table."""
    return tuple(_contestants(Asked(Path(), (), 0.0, 0), (), Path()))


def _contestants(asked: Asked, paths: Sequence[Path], folder: Path) -> dict[str, Callable[[str], Contestant]]:
    """Return who can race here: by name, what gets one ready."""

    def ours(backend: Backend = "auto", **looks: float | bool) -> Callable[[str], Contestant]:
        return lambda name: contestants.labelline(asked, name, backend, **looks)

    ready: dict[str, Callable[[str], Contestant]] = {
        BASELINE: ours(),
        "sahi": lambda _: contestants.sahi(asked, paths),
        "supervision": lambda _: contestants.supervision(asked, paths),
        "whole_frame": lambda _: contestants.whole_frame(asked),
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
        exported = cache(partial(contestants.export_for_peers, asked, folder))
        ready["sahi_openvino"] = lambda name: contestants.sahi(exported(), paths, name)
        ready["supervision_openvino"] = lambda name: contestants.supervision(exported(), paths, name)
    return ready


class _Tally:
    """What one contestant has done so far, with class ids of the truth."""

    def __init__(self, contestant: Contestant, asked: Asked) -> None:
        self.contestant = contestant
        self.numbers = np.full(max(asked.class_ids) + 1, -1)
        self.numbers[list(asked.class_ids)] = np.arange(len(asked.class_ids))
        self.seconds: tuple[list[float], list[float]] = ([], [])
        self.cpu_s = 0.0
        self.boxes: list[sv.Detections] = []
        self.seen: list[Seen] = []
        self.looked = [0, 0]

    def take_turn(self, group: Sequence[Path], half: int) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        answers = self.contestant.ask(group)
        self.seconds[half].append(time.perf_counter() - wall)
        self.cpu_s += time.process_time() - cpu
        self.looked[half] += len(answers)
        for answer in answers:
            self._note(answer)

    def _note(self, answer: Answer) -> None:
        said, seen = answer.boxes, answer.seen
        class_ids = self.numbers[np.asarray(said.class_id, dtype=np.int64)] if len(said) else np.zeros(0, np.int64)
        scores = said.confidence if said.confidence is not None else np.zeros(0, dtype=np.float32)
        named = sv.Detections(xyxy=said.xyxy, confidence=scores, class_id=class_ids, metadata=said.metadata)
        self.boxes.append(named)
        if seen is not None:
            numbers: Ints = self.numbers[seen.class_ids]
            self.seen.append(Seen(seen.boxes_xyxy_px, seen.scores, numbers, seen.views))

    def rate(self, half: int) -> float:
        """Images per second on one half."""
        return self.looked[half] / max(sum(self.seconds[half]), 1e-9)

    def summary(self, pictures: PictureSet, ours: "_Tally") -> dict[str, Any]:
        mine, theirs = (np.array([*each.seconds[0], *each.seconds[1]]) for each in (self, ours))
        found = [without_cut(*each) for each in zip(self.boxes, pictures.truths, pictures.cut, strict=True)]
        precision = average_precision(found, pictures.truths, pictures.classes)
        return {
            "setting": self.contestant.setting,
            "images_per_second": len(pictures) / mine.sum(),
            "labelline_is_faster_by": float(np.median(mine / theirs)),
            "cpu_seconds_per_image": self.cpu_s / len(pictures),
            **precision.numbers,
            "by_class": {
                name: {"truths": int(row["truths"]), "ap50": row["ap50"]} for name, row in precision.by_class.items()
            },
            "boxes": sum(len(each) for each in found),
        }


def _judged(tallies: Mapping[str, _Tally], pictures: PictureSet, places: Iterable[int]) -> dict[str, dict[str, Any]]:
    """Return by contestant what it found on some of the pictures, with intervals; of ours also what merging kept."""
    chosen = list(places)
    some = pictures.some(chosen)
    judged = {
        name: judge_boxes(
            [
                without_cut(tally.boxes[place], truth, cut)
                for place, truth, cut in zip(chosen, some.truths, some.cut, strict=True)
            ],
            some.truths,
            len(some.classes),
        )
        for name, tally in tallies.items()
    }
    rows = with_intervals(judged, PEERS)
    for name, tally in tallies.items():
        if tally.seen:
            boxes, seen = ([each[place] for place in chosen] for each in (tally.boxes, tally.seen))
            rows[name]["kept"] = kept_share(boxes, seen, some.truths)
    return rows


def bare_forward(everything: PictureSet) -> dict[str, Any]:
    """Return images per second of the network alone on the same pictures, cut beforehand; on a GPU they lie there.

    What the whole line reaches of it says what reading, cutting, sending, suppressing and merging cost. The GPU half is
    written for any CUDA machine and, for want of one, has not run on any.
    """
    weights, tile_px = everything.weights, everything.tile_px
    paths = everything.paths[:: max(1, len(everything) // BARE_IMAGES)]
    pictures = _pictures_by_size(paths, tile_px)
    if contestants.device() == "cuda":
        rate = _bare_on_gpu(weights, pictures, tile_px)
        return {"images_per_second": len(paths) / rate, "setting": f"torch, float16, {BARE_BATCH} pictures per call"}
    detector = load_detector(weights, version_of(weights), tile_px)
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


def _pictures_by_size(paths: Sequence[Path], tile_px: int) -> list[Pixels]:
    """Return all pictures that our tiles make of some images, stacked by size."""
    sizes: dict[tuple[int, ...], list[Pixels]] = {}
    for path in paths:
        image = contestants.read(path)
        regions = regions_of((image.shape[1], image.shape[0]), tile_px, OVERLAP_SHARE, whole_image=True)
        for view in cut_views(image, regions, tile_px, snug=True):
            picture = rounded_up(view.pixels)
            sizes.setdefault(picture.shape, []).append(picture)
    return [np.stack(same) for same in sizes.values()]


def _bare_on_gpu(weights: Path, pictures: Sequence[Pixels], tile_px: int) -> float:
    """Return the seconds that the network alone takes for all pictures, in the best of some rounds."""
    import torch

    from tasks.detect.backends.torch_network import open_graph

    graph = open_graph(weights, tile_px)[0].to("cuda").to(memory_format=torch.channels_last)
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
