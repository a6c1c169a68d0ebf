"""Memory and time of a long video, by its length: intake, following between key frames, and the film for the browser.

A drawn film of 1920×1080 pixels, ten vehicles on still ground; each length in a process of its own, so that its peak is
its own. People's key frames are every 24th frame's true boxes. No detector: its time is its own.

    python -m tests.bench.long_film --seconds 20 60
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tasks.intake.images import Pixels

OUTPUT = Path(".labelline/bench/long_film.json")
SIZE_WH, RATE, VEHICLES, KEY_STEP = (1920, 1080), 30, 10, 24
PLACES = 1


def main() -> None:
    """Measure each length in a process of its own, write it, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, nargs="+", default=[20, 60], help="lengths of the videos")
    parser.add_argument("--one", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one * RATE)))
        return
    report = []
    for seconds in asked.seconds:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.bench.long_film", "--one", str(seconds)], stdout=subprocess.PIPE, check=True
        )
        report.append({"seconds": seconds, **json.loads(ran.stdout.splitlines()[-1])})
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def measure(frames: int) -> dict[str, Any]:
    """Return the peak of memory after each stage, and its processor milliseconds a frame."""
    from blocks.catalog import migrate
    from blocks.database.engine import open_engine
    from blocks.storage.stores import FolderStore
    from tasks.detect.proposers.propagated import frames_of
    from tasks.intake.images import decode_upright
    from tasks.intake.video.options import VideoOptions
    from tasks.intake.video.playable import make_film
    from tasks.intake.video.take_in import take_in_video
    from tasks.track.clip import KeyBox, KeyFrame
    from tasks.track.sequence import SequenceReader, follow_sequence, nothing_seen

    with tempfile.TemporaryDirectory(prefix="long-film-") as folder:
        path = Path(folder) / "long.mp4"
        write(path, frames)
        url = f"sqlite:///{folder}/catalog.sqlite"
        migrate(url)
        engine, store = open_engine(url), FolderStore(Path(folder) / "objects")
        stages = {"begin": _peak_mb()}
        times: dict[str, float] = {}
        began = time.process_time()
        take_in_video(engine, store, "long", path, Path(path.name), VideoOptions(frames="all"))
        times["intake"], stages["intake"] = time.process_time() - began, _peak_mb()
        items = frames_of(engine, "long", path.name)
        keys = [
            KeyFrame(at, tuple(KeyBox(f"{at}-{n}", "car", box, str(n)) for n, box in enumerate(boxes_at(at))))
            for at in sorted({*range(0, frames, KEY_STEP), frames - 1})
        ]

        def read(start: int, stop: int) -> Iterator[tuple[int, Pixels]]:
            for place in range(start, stop + 1):
                yield place, decode_upright(store.get(items[place].key))

        began = time.process_time()
        followed = sum(len(boxes) for _, boxes in follow_sequence(keys, SequenceReader(frames, read, nothing_seen)))
        times["follow"], stages["follow"] = time.process_time() - began, _peak_mb()
        began = time.process_time()
        for start in range(0, frames, 300):
            make_film(store, items[start : start + 300])
        times["film"], stages["film"] = time.process_time() - began, _peak_mb()
    return {
        "frames": frames,
        "followed_boxes": followed,
        "peak_mb": stages,
        "cpu_ms_per_frame": {name: round(1000 * spent / frames, 1) for name, spent in times.items()},
    }


def write(path: Path, frames: int) -> None:
    """Write a drawn film."""
    import av

    ground = np.random.default_rng(0).integers(60, 140, (SIZE_WH[1] // 8, SIZE_WH[0] // 8, 3), dtype=np.uint8)
    picture = cv2.resize(ground, SIZE_WH, interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "23"})
        stream.pix_fmt, stream.width, stream.height = "yuv420p", *SIZE_WH
        for at in range(frames):
            drawn = picture.copy()
            for number, (left, top, right, bottom) in enumerate(boxes_at(at)):
                colour = (40 + 20 * number, 220 - 15 * number, 80)
                cv2.rectangle(drawn, (round(left), round(top)), (round(right), round(bottom)), colour, -1)
            frame = av.VideoFrame.from_ndarray(drawn, format="bgr24")
            frame.pts, frame.time_base = at, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def boxes_at(frame: int) -> list[tuple[float, float, float, float]]:
    """Return where the vehicles are: to and fro, each on a lane of its own."""
    found = []
    for number in range(VEHICLES):
        way = (frame * (3 + number % 4) + 150 * number) % (2 * (SIZE_WH[0] - 120))
        left = float(min(way, 2 * (SIZE_WH[0] - 120) - way))
        top = 40.0 + 100 * number
        found.append((left, top, left + 90, top + 50))
    return found


def _peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, PLACES)


if __name__ == "__main__":
    main()
