"""The contestants of the tile bench: each takes a few images and gives their boxes, with the same weights and tiles.

SAHI and supervision are given the settings that are fastest here, found out on two images before the race: pictures per
call, and torch's threads (ultralytics sets one thread where nobody says otherwise). They run the weights as they are,
in torch; and once more as ultralytics exports them for OpenVINO, the fastest that either can be given on a CPU: loaded
by ultralytics, OpenVINO rounds to bfloat16 where the processor can, as our `openvino-bf16` does.
"""

import contextlib
import io
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv
from PIL import Image

from tasks.detect.backends.runner import threads_here
from tasks.detect.backends.safe_weights import quiet_ultralytics, version_of
from tasks.detect.models import load_detector
from tasks.detect.options import Backend, TilingOptions
from tasks.detect.stream import Found, ImageSource, find_objects
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


def labelline(
    weights: Path,
    min_score: float,
    name: str = "labelline",
    backend: Backend = "auto",
    **looks: float | bool,
) -> Contestant:
    """Return our own stream of tiles; `looks` are options of `TilingOptions` that differ from the race's."""
    detector = load_detector(weights, version_of(weights), TILE_PX, backend)
    options = TilingOptions(
        tile_px=TILE_PX,
        overlap_share=OVERLAP_SHARE,
        min_score=min_score,
        backend=backend,
        batch_size=8 if device() == "cpu" else 32,
        decode_threads=2 if device() == "cpu" else 8,
        **looks,
    )
    # What the peers keep of a class nobody asked for costs them nothing here either: all are asked for all classes.
    wanted = range(len(detector.classes))

    def ask(paths: Sequence[Path]) -> Answers:
        sources = [ImageSource(str(path), size_wh(path), partial(read, path)) for path in paths]
        answers = {}
        for found in find_objects(sources, detector, wanted, options):
            assert isinstance(found, Found), found
            answers[found.name] = _merged(found)
        return [answers[str(path)] for path in paths]

    setting = ", ".join(
        [str(getattr(detector, "runner", backend)), *(f"{key} {value}" for key, value in looks.items())]
    )
    return Contestant(name, setting, ask)


def sahi(weights: Path, min_score: float, images: Sequence[Path], name: str = "sahi") -> Contestant:
    """Return SAHI's sliced prediction with its defaults otherwise: GREEDYNMM, IOS 0.5, a pass over the whole image."""
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    model = AutoDetectionModel.from_pretrained(
        "ultralytics", model_path=str(weights), confidence_threshold=min_score, device=device(), image_size=TILE_PX
    )

    def ask(paths: Sequence[Path], batch_size: int) -> Answers:
        answers = []
        for path in paths:
            image = np.ascontiguousarray(read(path)[..., ::-1])
            said = get_sliced_prediction(
                image, model, TILE_PX, TILE_PX, OVERLAP_SHARE, OVERLAP_SHARE, batch_size=batch_size, verbose=0
            )
            answers.append(_of_sahi(said.object_prediction_list))
        return answers

    return _fastest(name, ask, images, weights)


def supervision(weights: Path, min_score: float, images: Sequence[Path], name: str = "supervision") -> Contestant:
    """Return supervision's slicer, defaults otherwise: suppression at IoU 0.5, no pass over the whole image."""
    model = _yolo(weights)

    def look(tiles: Any) -> Any:
        many = isinstance(tiles, list)
        said = model.predict(tiles if many else [tiles], conf=min_score, imgsz=TILE_PX, device=device(), verbose=False)
        found = [sv.Detections.from_ultralytics(each) for each in said]
        return found if many else found[0]

    def ask(paths: Sequence[Path], batch_size: int) -> Answers:
        overlap_px = round(TILE_PX * OVERLAP_SHARE)
        slicer = sv.InferenceSlicer(
            look, slice_wh=(TILE_PX, TILE_PX), overlap_wh=(overlap_px, overlap_px), batch_size=batch_size
        )
        return [slicer(read(path)) for path in paths]

    return _fastest(name, ask, images, weights)


def whole_frame(weights: Path, min_score: float) -> Contestant:
    """Return ultralytics on whole images, made smaller: what one has without tiles."""
    model = _yolo(weights)

    def ask(paths: Sequence[Path]) -> Answers:
        return [
            sv.Detections.from_ultralytics(
                model.predict(read(path), conf=min_score, imgsz=TILE_PX, device=device(), verbose=False)[0]
            )
            for path in paths
        ]

    return Contestant("whole_frame", "ultralytics, one picture per call", ask)


def export_for_peers(weights: Path, folder: Path) -> Path:
    """Export weights for OpenVINO with ultralytics' own exporter, and return the model's folder."""
    copy = folder / weights.name  # it writes beside the weights
    shutil.copy(weights, copy)
    with contextlib.redirect_stdout(io.StringIO()):
        return Path(_yolo(copy).export(format="openvino", imgsz=TILE_PX, dynamic=True, verbose=False))


def device() -> str:
    """Return `cuda` where torch sees a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def read(path: Path) -> Pixels:
    """Return the upright pixels of a file; the same reader for all."""
    return decode_upright(path.read_bytes())


def _fastest(
    name: str, ask: Callable[[Sequence[Path], int], Answers], images: Sequence[Path], weights: Path
) -> Contestant:
    """Try settings on two images of the race, and return the contestant with the fastest."""
    import torch

    exported = weights.is_dir()
    sizes = (1, 4, 8) if device() == "cpu" else (1, 8, 32)
    many = device() == "cpu" and not exported  # an exported network brings its own threads
    threads = sorted({1, threads_here()}) if many else [threads_here()]
    tried: list[tuple[float, int, int]] = []
    some = [images[0], images[len(images) // 2]]
    for count in threads:
        torch.set_num_threads(count)
        for size in sizes:
            ask(some, size)
            started = time.perf_counter()
            ask(some, size)
            tried.append((time.perf_counter() - started, size, count))
    _, size, count = min(tried)

    def ask_at_best(paths: Sequence[Path]) -> Answers:
        torch.set_num_threads(count)
        return ask(paths, size)

    library = "OpenVINO" if exported else f"torch, {count} threads"
    return Contestant(name, f"{library}, {size} tiles per call", ask_at_best)


def _yolo(weights: Path) -> Any:
    quiet_ultralytics()
    from ultralytics import YOLO

    return YOLO(str(weights), task="detect")


def size_wh(path: Path) -> tuple[int, int]:
    """Return width and height of an image file."""
    with Image.open(path) as image:  # reads the header only
        return image.size


def _merged(found: Found) -> sv.Detections:
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
