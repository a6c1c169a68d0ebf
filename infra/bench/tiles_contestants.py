"""The contestants of the tile bench: each takes a few images and gives their boxes, with the same weights and tiles.

SAHI and supervision are given the settings that are fastest here, found out on two images before the race: pictures per
call, and torch's threads (ultralytics sets one thread where nobody says otherwise).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv
from PIL import Image

from tasks.detect.models import load_detector
from tasks.detect.networks import Backend, threads_here
from tasks.detect.options import TilingOptions
from tasks.detect.stream import Found, Source, find_objects
from tasks.detect.weights import quiet_ultralytics, version_of
from tasks.intake.images import Pixels, decode_upright

TILE_PX, OVERLAP_SHARE = 640, 0.2

Answers = list[sv.Detections]
Ask = Callable[[Sequence[Path]], Answers]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to find objects.

    Attributes:
        name: As in the table.
        setting: What was chosen for it, in words.
        ask: Reads images and returns their boxes with class ids of the detector.
    """

    name: str
    setting: str
    ask: Ask


def labelline(weights: Path, min_score: float, backend: Backend = "auto", coarse_score: float = 0.0) -> Contestant:
    """Return our own stream of tiles; with a coarse score, it skips tiles where the whole image shows nothing."""
    detector = load_detector(weights, version_of(weights), TILE_PX, backend)
    options = TilingOptions(
        tile_px=TILE_PX,
        overlap_share=OVERLAP_SHARE,
        min_score=min_score,
        backend=backend,
        coarse_score=coarse_score,
    )
    # What the peers keep of a class nobody asked for costs them nothing here either: all are asked for all classes.
    wanted = range(len(detector.classes))

    def ask(paths: Sequence[Path]) -> Answers:
        sources = [Source(str(path), _size_wh(path), partial(_read, path)) for path in paths]
        return [_merged(found) for found in find_objects(sources, detector, wanted, options)]

    setting = str(getattr(detector, "runner", backend)) + (f", coarse pass at {coarse_score}" if coarse_score else "")
    return Contestant("labelline", setting, ask)


def sahi(weights: Path, min_score: float, images: Sequence[Path]) -> Contestant:
    """Return SAHI's sliced prediction with its defaults otherwise: GREEDYNMM, IOS 0.5, a pass over the whole image."""
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    model = AutoDetectionModel.from_pretrained(
        "ultralytics", model_path=str(weights), confidence_threshold=min_score, device=_device(), image_size=TILE_PX
    )

    def ask(paths: Sequence[Path], batch_size: int) -> Answers:
        answers = []
        for path in paths:
            image = np.ascontiguousarray(_read(path)[..., ::-1])
            said = get_sliced_prediction(
                image, model, TILE_PX, TILE_PX, OVERLAP_SHARE, OVERLAP_SHARE, batch_size=batch_size, verbose=0
            )
            answers.append(_of_sahi(said.object_prediction_list))
        return answers

    return _fastest("sahi", ask, images)


def supervision(weights: Path, min_score: float, images: Sequence[Path]) -> Contestant:
    """Return supervision's slicer, defaults otherwise: suppression at IoU 0.5, no pass over the whole image."""
    model = _yolo(weights)

    def look(tiles: Any) -> Any:
        many = isinstance(tiles, list)
        said = model.predict(tiles if many else [tiles], conf=min_score, imgsz=TILE_PX, device=_device(), verbose=False)
        found = [sv.Detections.from_ultralytics(each) for each in said]
        return found if many else found[0]

    def ask(paths: Sequence[Path], batch_size: int) -> Answers:
        overlap_px = round(TILE_PX * OVERLAP_SHARE)
        slicer = sv.InferenceSlicer(
            look, slice_wh=(TILE_PX, TILE_PX), overlap_wh=(overlap_px, overlap_px), batch_size=batch_size
        )
        return [slicer(_read(path)) for path in paths]

    return _fastest("supervision", ask, images)


def whole_frame(weights: Path, min_score: float) -> Contestant:
    """Return ultralytics on whole images, made smaller: what one has without tiles."""
    model = _yolo(weights)

    def ask(paths: Sequence[Path]) -> Answers:
        return [
            sv.Detections.from_ultralytics(
                model.predict(_read(path), conf=min_score, imgsz=TILE_PX, device=_device(), verbose=False)[0]
            )
            for path in paths
        ]

    return Contestant("whole_frame", "ultralytics, one picture per call", ask)


def _fastest(name: str, ask: Callable[[Sequence[Path], int], Answers], images: Sequence[Path]) -> Contestant:
    """Try settings on two images, and return the contestant with the fastest."""
    import torch

    sizes = (1, 4, 8) if _device() == "cpu" else (1, 8, 32)
    threads = sorted({1, threads_here()}) if _device() == "cpu" else [torch.get_num_threads()]
    tried: list[tuple[float, int, int]] = []
    for count in threads:
        torch.set_num_threads(count)
        for size in sizes:
            ask(images[:1], size)
            started = time.perf_counter()
            ask(images[:2], size)
            tried.append((time.perf_counter() - started, size, count))
    _, size, count = min(tried)

    def ask_at_best(paths: Sequence[Path]) -> Answers:
        torch.set_num_threads(count)
        return ask(paths, size)

    return Contestant(name, f"torch, {size} tiles per call, {count} threads", ask_at_best)


def _yolo(weights: Path) -> Any:
    quiet_ultralytics()
    from ultralytics import YOLO

    return YOLO(str(weights))


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _read(path: Path) -> Pixels:
    return decode_upright(path.read_bytes())


def _size_wh(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:  # reads the header only
        return image.size


def _merged(found: Any) -> sv.Detections:
    assert isinstance(found, Found), found
    merged = found.merged
    return sv.Detections(
        xyxy=merged.boxes_xyxy_px.astype(np.float32),
        confidence=merged.scores.astype(np.float32),
        class_id=merged.class_ids,
    )


def _of_sahi(said: Sequence[Any]) -> sv.Detections:
    return sv.Detections(
        xyxy=np.array([each.bbox.to_xyxy() for each in said], dtype=np.float32).reshape(-1, 4),
        confidence=np.array([each.score.value for each in said], dtype=np.float32),
        class_id=np.array([each.category.id for each in said], dtype=np.int64),
    )
