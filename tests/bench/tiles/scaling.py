"""How cost grows with pixels and with images: seconds per megapixel, and peak memory, each in a process of its own.

`python -m tests.bench.tiles.scaling WEIGHTS MEGAPIXELS IMAGES` is such a process. Images are made as they are read, so
that what is measured is what the stream holds.
"""

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from infra.demo.scenes.vehicles import CLASSES
from tasks.intake.images import Pixels
from tests.bench.peak_memory import peak_mb

MEGAPIXELS = (2, 8, 32, 128)
IMAGES = (1, 8, 32)
TILE_PX = 320
"""Small tiles of a small network: what grows is the same, and the bench ends while one waits."""


def measure_scaling(weights: Path) -> dict[str, dict[str, Any]]:
    """Return seconds and memory by megapixels of one image, and by number of images of 2 megapixels."""
    return {
        "by_megapixels": {str(size): _in_a_process(weights, size, 1) for size in MEGAPIXELS},
        "by_images": {str(count): _in_a_process(weights, 2, count) for count in IMAGES},
    }


def _in_a_process(weights: Path, megapixels: int, images: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.tiles.scaling", str(weights), str(megapixels), str(images)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _measure(weights: Path, megapixels: int, images: int) -> dict[str, Any]:
    from tasks.detect.backends.safe_weights import version_of
    from tasks.detect.models import load_detector
    from tasks.detect.options import TilingOptions
    from tasks.detect.stream import Found, ImageSource, find_objects

    detector = load_detector(weights, version_of(weights), TILE_PX)
    asked = [detector.classes.index(name) for name in CLASSES]
    detector.predict([_picture((TILE_PX, TILE_PX))])
    empty_mb = peak_mb()
    height = round((megapixels * 1e6 * 9 / 16) ** 0.5)
    size_wh = (height * 16 // 9, height)
    sources = (ImageSource(str(number), size_wh, partial(_picture, size_wh)) for number in range(images))
    started, cpu = time.perf_counter(), time.process_time()
    tiles = 0
    for found in find_objects(sources, detector, asked, TilingOptions(tile_px=TILE_PX)):
        assert isinstance(found, Found)
        tiles += int((~found.regions.whole).sum())
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "cpu_seconds_per_megapixel": (time.process_time() - cpu) / megapixels / images,
        "tiles": tiles,
        "peak_mb": peak_mb(),
        "added_mb": peak_mb() - empty_mb,
    }


def _picture(size_wh: tuple[int, int]) -> Pixels:
    """Cheap to make, and never all grey: a ramp."""
    ramp = np.arange(size_wh[0], dtype=np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (size_wh[1], size_wh[0], 3)))


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
