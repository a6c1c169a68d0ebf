"""What a back end is: something that runs one network on a stack of pictures. All else is the same for all of them.

A runner knows nothing of boxes, and what reads its output (`rows.py`) knows nothing of libraries, so that each new
library is one small file and each new family of networks is one function.
"""

import os
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from tasks.intake.images import Pixels

Arrays = list[npt.NDArray[np.float32]]

Backend = Literal[
    "auto",
    "torch",
    "torch-bf16",
    "torch-fp16",
    "openvino",
    "openvino-bf16",
    "openvino-int8",
    "onnxruntime",
    "opencv",
    "tensorrt",
]
"""What can be asked for by name; `auto` is the fastest here of those that agree with torch."""

ROUNDED = ("torch-bf16", "torch-fp16", "openvino-bf16", "openvino-int8")
"""Back ends whose boxes may differ from those of the others: asked for by name, they are part of a recipe."""

BOUNDED = ("tensorrt",)
"""Back ends that are built for pictures of at most the network's usual size, whatever the network could see."""

LANES_AT_MOST = 8
"""Each lane of a CPU back end keeps its own activations, some hundred megabytes at 640 px."""


class NetworkFacts(BaseModel):
    """What one must know of a network to feed it and to read its output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str, ...] = Field(min_length=1, description="Class names by class id")
    imgsz: int = Field(ge=32, le=8192, description="Longest side in pixels of the pictures that it sees")
    square: bool = Field(default=False, description="It sees only squares of that side; others see any multiple of 32")
    layout: Literal["rows", "yolox", "darknet", "ssd"] = Field(
        default="rows", description="How its output is to be read; see rows.py"
    )
    suppressed: bool = Field(default=False, description="Its output needs no suppression any more")
    padding: Literal["centre", "top_left"] = Field(default="centre", description="Where a letterboxed image lies")


class Runner(Protocol):
    """One network in one library on one device. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """Library and number format, such as `openvino` or `torch-bf16`."""
        ...

    @property
    def lanes(self) -> int:
        """How many calls run side by side; more callers only wait."""
        ...

    @property
    def batch_size(self) -> int:
        """How many pictures one call takes at most; 0 for any number."""
        ...

    def run(self, pictures: Pixels) -> Arrays:
        """Run the network on pictures (n, h, w, 3), uint8, blue green red, of one size, and return its outputs."""
        ...


def threads_here() -> int:
    """Return how many threads this process may use: its CPUs, or fewer where OMP_NUM_THREADS says so."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cpus, int(asked))) if asked.isdigit() and int(asked) else cpus


def lanes_here() -> tuple[int, int]:
    """Return how many lanes a CPU back end opens here, and the threads of each.

    Pictures one by one in single-threaded lanes waste nothing on waiting for each other inside a layer.
    """
    threads = threads_here()
    lanes = min(threads, LANES_AT_MOST)
    return lanes, threads // lanes


def as_blob(pictures: Pixels) -> Any:
    """Return pictures (n, h, w, 3) as float32 (n, 3, h, w), values unchanged: what exported networks take."""
    import cv2

    return cv2.dnn.blobFromImages(list(pictures))


def most_apart(one: Sequence[Any], other: Sequence[Any], facts: NetworkFacts) -> tuple[float, float]:
    """Return how far two back ends' outputs for the same pictures lie apart: pixels of a box, and score.

    Boxes are compared where either says that something could be (a score of 0.05), and the best 20 rows in any case;
    scores everywhere. Rows must be in the same order, as they are when both run the same network.
    """
    from tasks.detect.rows import rows_of

    a, b = rows_of(one, facts), rows_of(other, facts)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf"), float("inf")
    score = np.maximum(a[:, 4], b[:, 4])
    least = np.minimum(0.05, np.sort(score, axis=1)[:, -20:][:, :1])
    boxes = np.abs(a[:, :4] - b[:, :4]).max(axis=1)[score >= least]
    return float(boxes.max(initial=0.0)), float(np.abs(a[:, 4] - b[:, 4]).max(initial=0.0))
