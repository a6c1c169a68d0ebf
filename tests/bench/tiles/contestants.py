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
from dataclasses import dataclass, replace
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
from tasks.detect.tiling.seams import Seen
from tasks.intake.images import Pixels, decode_upright
from tests.bench.tiles.kept import MERGED_INTO

OVERLAP_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """What all contestants are asked, alike.

    Attributes:
        weights: The detector's.
        class_ids: Its classes that are scored: no other takes part, with anybody, as no other does in the line.
        min_score: Boxes that score less are kept by nobody.
        tile_px: Side of a tile.
    """

    weights: Path
    class_ids: tuple[int, ...]
    min_score: float
    tile_px: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a contestant says of a picture, with class ids of the detector.

    Attributes:
        boxes: One for each object.
        seen: What its views saw before they were merged; None where it does not say.
    """

    boxes: sv.Detections
    seen: Seen | None = None


Answers = list[Answer]
Ask = Callable[[Sequence[Path]], Answers]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to find objects.

    Attributes:
        name: As in the table.
        setting: What was chosen for it, in words.
        ask: Reads images and returns what it finds in them.
    """

    name: str
    setting: str
    ask: Ask


def labelline(asked: Asked, name: str = "labelline", backend: Backend = "auto", **looks: float | bool) -> Contestant:
    """Return our own stream of tiles; `looks` are options of `TilingOptions` that differ from the race's."""
    detector = load_detector(asked.weights, version_of(asked.weights), asked.tile_px, backend)
    options = TilingOptions(
        tile_px=asked.tile_px,
        overlap_share=OVERLAP_SHARE,
        min_score=asked.min_score,
        backend=backend,
        batch_size=8 if device() == "cpu" else 32,
        decode_threads=2 if device() == "cpu" else 8,
        **looks,
    )

    def ask(paths: Sequence[Path]) -> Answers:
        sources = [ImageSource(str(path), size_wh(path), partial(read, path)) for path in paths]
        answers = {}
        for found in find_objects(sources, detector, asked.class_ids, options):
            assert isinstance(found, Found), found
            answers[found.name] = Answer(_merged(found), found.seen)
        return [answers[str(path)] for path in paths]

    setting = ", ".join(
        [str(getattr(detector, "runner", backend)), *(f"{key} {value}" for key, value in looks.items())]
    )
    return Contestant(name, setting, ask)


def sahi(asked: Asked, images: Sequence[Path], name: str = "sahi") -> Contestant:
    """Return SAHI's sliced prediction with its defaults otherwise: GREEDYNMM, IOS 0.5, a pass over the whole image."""
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    model = AutoDetectionModel.from_pretrained(
        "ultralytics",
        model_path=str(asked.weights),
        confidence_threshold=asked.min_score,
        device=device(),
        image_size=asked.tile_px,
    )
    unasked = [int(number) for number in model.category_mapping if int(number) not in asked.class_ids]
    how = {
        "slice_height": asked.tile_px,
        "slice_width": asked.tile_px,
        "overlap_height_ratio": OVERLAP_SHARE,
        "overlap_width_ratio": OVERLAP_SHARE,
        "exclude_classes_by_id": unasked,  # before it merges
        "verbose": 0,
    }

    def ask(paths: Sequence[Path], batch_size: int) -> Answers:
        answers = []
        for path in paths:
            image = np.ascontiguousarray(read(path)[..., ::-1])
            said = get_sliced_prediction(image, model, batch_size=batch_size, **how)
            answers.append(Answer(_of_sahi(said.object_prediction_list)))
        return answers

    return _fastest(name, ask, images, asked.weights)


def supervision(asked: Asked, images: Sequence[Path], name: str = "supervision") -> Contestant:
    """Return supervision's slicer, defaults otherwise: suppression at IoU 0.5, no pass over the whole image."""
    model, how = _yolo(asked.weights), _of_predict(asked)

    def look(tiles: Any) -> Any:
        many = isinstance(tiles, list)
        said = model.predict(tiles if many else [tiles], **how)
        found = [sv.Detections.from_ultralytics(each) for each in said]
        return found if many else found[0]

    def ask(paths: Sequence[Path], batch_size: int) -> Answers:
        overlap_px = round(asked.tile_px * OVERLAP_SHARE)
        slicer = sv.InferenceSlicer(
            look,
            slice_wh=(asked.tile_px, asked.tile_px),
            overlap_wh=(overlap_px, overlap_px),
            batch_size=batch_size,
        )
        return [Answer(slicer(read(path))) for path in paths]

    return _fastest(name, ask, images, asked.weights)


def whole_frame(asked: Asked) -> Contestant:
    """Return ultralytics on whole images, made smaller: what one has without tiles."""
    model, how = _yolo(asked.weights), _of_predict(asked)

    def ask(paths: Sequence[Path]) -> Answers:
        return [Answer(sv.Detections.from_ultralytics(model.predict(read(path), **how)[0])) for path in paths]

    return Contestant("whole_frame", "ultralytics, one picture per call", ask)


def export_for_peers(asked: Asked, folder: Path) -> Asked:
    """Export weights for OpenVINO with ultralytics' own exporter, and return the same with the model's folder."""
    copy = folder / asked.weights.name  # it writes beside the weights
    shutil.copy(asked.weights, copy)
    with contextlib.redirect_stdout(io.StringIO()):
        exported = _yolo(copy).export(format="openvino", imgsz=asked.tile_px, dynamic=True, verbose=False)
    return replace(asked, weights=Path(exported))


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


def _of_predict(asked: Asked) -> dict[str, Any]:
    """Return what ultralytics is asked: it leaves other classes out before it suppresses."""
    return {
        "conf": asked.min_score,
        "imgsz": asked.tile_px,
        "classes": list(asked.class_ids),
        "device": device(),
        "verbose": False,
    }


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
        metadata={MERGED_INTO: merged.merged_into},
    )


def _of_sahi(said: Sequence[Any]) -> sv.Detections:
    return sv.Detections(
        xyxy=np.array([each.bbox.to_xyxy() for each in said], dtype=np.float32).reshape(-1, 4),
        confidence=np.array([each.score.value for each in said], dtype=np.float32),
        class_id=np.array([each.category.id for each in said], dtype=np.int64),
    )
