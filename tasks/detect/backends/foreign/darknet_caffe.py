"""Detectors of the days before ONNX, run by OpenCV where it still can: Darknet (YOLO v2 to v4) and Caffe (SSD).

OpenCV 5 has dropped both readers. A model is several files with one stem: `x.weights` with `x.cfg`, or `x.caffemodel`
with `x.prototxt`; and `x.names`, its classes, one a line. The plan is text and the weights are numbers: neither runs
code. What is checked before OpenCV sees them: that they are there, their size, and the side of the pictures that the
plan names.
"""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blocks.errors import BadOption, BadWeights
from blocks.storage.outside_files import decode_text, read_bounded
from tasks.detect.backends.onnx_runners import OpenCvRunner
from tasks.detect.backends.runner import Arrays, NetworkFacts, Runner
from tasks.detect.backends.safe_weights import MAX_BYTES, MAX_CLASSES, PLANS, check_names
from tasks.detect.options import Backend
from tasks.intake.images import Pixels

MAX_PLAN_BYTES = 10_000_000

CAFFE_MEAN, CAFFE_SCALE = 127.5, 1 / 127.5
"""What SSD on MobileNet was trained with; Caffe's plans for use do not say it."""


def open_with_opencv(path: Path, backend: Backend = "auto") -> tuple[Runner, NetworkFacts]:
    """Open a Darknet or Caffe network in OpenCV.

    Args:
        path: The `.weights` or `.caffemodel` file, its plan and names beside it.
        backend: `auto` or `opencv`; nothing else reads them.

    Raises:
        BadWeights: A file is missing, or OpenCV cannot read it.
        BadOption: The installed OpenCV reads no such files, or another back end was asked for.
    """
    if backend not in ("auto", "opencv"):
        raise BadOption(f"back end {backend!r} runs no {path.suffix} file: expected opencv")
    plan, names = _beside(path, PLANS[path.suffix]), _beside(path, ".names")
    reader = getattr(cv2.dnn, "readNetFromDarknet" if path.suffix == ".weights" else "readNetFromCaffe", None)
    if reader is None:
        raise BadOption(f"OpenCV {cv2.__version__} reads no {path.suffix} files any more: expected OpenCV 4")
    text = decode_text(read_bounded(names, BadWeights, MAX_PLAN_BYTES), names.name, BadWeights)
    classes = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not 1 <= len(classes) <= MAX_CLASSES:
        count = f"{len(classes):,} classes" if classes else "no class"
        raise BadWeights(f"{names.name} names {count}: expected 1 to {MAX_CLASSES:,}, one a line")
    check_names(classes, names.name)
    imgsz = _side(plan)
    kind = _DarknetRunner if path.suffix == ".weights" else _CaffeRunner
    try:
        runner = kind(lambda _size: reader(str(plan), str(path)), imgsz)
        said = runner.run(np.zeros((1, imgsz, imgsz, 3), dtype=np.uint8))[0]
    except cv2.error as error:
        raise BadWeights(f"OpenCV cannot read {path.name} with {plan.name}: {str(error)[:200]}") from error
    _check_output(said, path, len(classes))
    if path.suffix == ".weights":
        return runner, NetworkFacts(classes=classes, imgsz=imgsz, square=True, layout="darknet")
    return runner, NetworkFacts(classes=classes, imgsz=imgsz, square=True, layout="ssd", suppressed=True)


class _DarknetRunner(OpenCvRunner):
    """Gives one array (1, places, 5 + classes): centre and size as shares of the picture, objectness, class scores."""

    def _blob(self, pictures: Pixels) -> Any:
        return cv2.dnn.blobFromImages(list(pictures), 1 / 255, swapRB=True)

    def _outputs(self, said: Any) -> Arrays:
        return [np.concatenate([np.asarray(each, dtype=np.float32) for each in said])[None]]


class _CaffeRunner(OpenCvRunner):
    """Gives one array (1, boxes, 7): picture, class from 1 (0 is background), score, corners as shares."""

    def _blob(self, pictures: Pixels) -> Any:
        return cv2.dnn.blobFromImages(list(pictures), CAFFE_SCALE, mean=(CAFFE_MEAN,) * 3)

    def _outputs(self, said: Any) -> Arrays:
        return [np.array(said[0], dtype=np.float32).reshape(1, -1, 7)]


def _beside(path: Path, ending: str) -> Path:
    for each, most in ((path, MAX_BYTES), (path.with_suffix(ending), MAX_PLAN_BYTES)):
        if not each.is_file():
            raise BadWeights(f"there is no {each}: expected {path.name} with {path.stem}{ending} beside it")
        if not 0 < each.stat().st_size <= most:
            raise BadWeights(f"{each.name} is {each.stat().st_size:,} bytes: expected 1 to {most:,}")
    return path.with_suffix(ending)


def side_of(path: Path) -> int:
    """Return the side in pixels of the square pictures that a Darknet or Caffe model sees, by its plan."""
    return _side(_beside(path, PLANS[path.suffix]))


def _side(plan: Path) -> int:
    """Return the side of the square pictures that a plan names."""
    text = read_bounded(plan, BadWeights, MAX_PLAN_BYTES).decode("utf-8", "replace")
    if plan.suffix == ".cfg":
        sizes = [re.search(rf"^\s*{name}\s*=\s*(\d+)", text, re.M) for name in ("height", "width")]
        sides = [int(found.group(1)) for found in sizes if found]
    else:
        sides = [int(size) for size in re.findall(r"(?:input_dim|dim):\s*(\d+)", text)[2:4]]
    if len(sides) != 2 or sides[0] != sides[1] or not 32 <= sides[0] <= 8192:
        raise BadWeights(f"{plan.name} takes pictures of {sides} (height, width): expected a square of 32 to 8192")
    return sides[0]


def _check_output(said: Any, path: Path, classes: int) -> None:
    found = said.shape[2] - 5 if path.suffix == ".weights" else None
    if found is not None and found != classes:
        raise BadWeights(f"{path.name} finds {found} classes and {path.stem}.names names {classes}: give one for each")
