"""What a back end is: something that runs one network on a stack of pictures. All else is the same for all of them.

A runner knows nothing of boxes, and what reads its output (`decode.py`) knows nothing of libraries, so that each new
library is one small file and each new family of networks is one function.
"""

import os
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from blocks.frozen import Frozen
from tasks.intake.images import Pixels

Arrays = list[npt.NDArray[np.float32]]


BOUNDED = ("tensorrt",)
"""Back ends that are built for pictures of at most the network's usual size, whatever the network could see."""

LANES_AT_MOST = 8
"""Each lane of a CPU back end keeps its own activations, some hundred megabytes at 640 px."""


class NetworkFacts(Frozen):
    """What one must know of a network to feed it and to read its output."""

    classes: tuple[str, ...] = Field(min_length=1, description="Class names by class id")
    imgsz: int = Field(ge=32, le=8192, description="Longest side in pixels of the pictures that it sees")
    square: bool = Field(
        default=False, description="It sees only squares of that side; others see any multiple of their stride"
    )
    stride: int = Field(default=32, ge=1, le=256, description="Sides of its pictures are multiples of this, in pixels")
    layout: Literal["rows", "yolox", "darknet", "ssd"] = Field(
        default="rows", description="How its output is to be read; see decode.py"
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
