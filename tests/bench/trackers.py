"""How well trackers follow what a detector sees, by their library's own figures: HOTA, MOTA, IDF1 and switches.

PETS09 S2L1, 795 frames of people walking; YOLOv8n's boxes from 0.1 on, at 640 pixels, and each tracker with the
settings that its library gives it. Nothing was chosen on these frames.

    python -m tests.bench.trackers
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from tasks.detect.models import load_detector
from tasks.intake.video.frames import Damage, read_frames
from tasks.kinds.tracks.accuracy import TrackedFrame, tracking_accuracy
from tasks.track.trackers import NAMES, Detected, track_frames
from tests.bench.video import PETS, SIDE_PX, WEIGHTS, read_tracks

OUTPUT = Path(".labelline/bench/trackers.json")
DETECTED_FROM = 0.1
FRAMES = 795


def main() -> None:
    """Measure where the data are there, write it, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    data = parser.parse_args().data
    if not (data / PETS / "vtest.avi").is_file():
        print(f"skipped: {data / PETS} is not there (set LABELLINE_DATA)")
        return
    report = measure(data)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def measure(data: Path, frames: int = FRAMES) -> dict[str, Any]:
    """Return the figures of each tracker over the first so many frames, and its milliseconds a frame."""
    seen = detect(data / WEIGHTS, data / PETS / "vtest.avi", frames)
    truth = true_frames(data / PETS / "gt.txt", frames)
    return {name: worth(name, seen, truth) for name in NAMES}


def worth(name: str, seen: list[Detected], truth: list[TrackedFrame]) -> dict[str, float]:
    """Return how well a tracker follows what was seen."""
    began = time.process_time()
    named = list(track_frames(name, seen))
    took_ms = 1000 * (time.process_time() - began) / len(seen)
    numbers: dict[str, int] = {}
    said = []
    for one in named:
        mine = [at for at, track in enumerate(one.tracks) if track]
        ids = [numbers.setdefault(one.tracks[at] or "", len(numbers)) for at in mine]
        said.append(TrackedFrame(one.detected.boxes_xyxy_px[mine], np.array(ids, np.int64)))
    found = {key: round(value, 3) for key, value in tracking_accuracy(said, truth).items()}
    return {**found, "tracks": len(numbers), "cpu_ms_per_frame": round(took_ms, 2)}


def detect(weights: Path, film: Path, frames: int) -> list[Detected]:
    """Return the people that a detector sees in each frame, with its pixels."""
    detector = load_detector(weights, "0" * 12, SIDE_PX)
    person = detector.classes.index("person")
    found = []
    for shown in read_frames(film, Damage()):
        if shown.number == frames:
            break
        seen = detector.predict([shown.pixels], DETECTED_FROM, class_ids=[person])[0]
        boxes = np.asarray(seen.xyxy, dtype=np.float64).reshape(-1, 4)
        scores = np.asarray(seen.confidence, dtype=np.float64).reshape(-1)
        found.append(Detected(shown.number, ("person",) * len(boxes), boxes, scores, shown.pixels))
    return found


def true_frames(path: Path, frames: int) -> list[TrackedFrame]:
    """Return whose each true box is, frame by frame."""
    there: list[list[tuple[int, Any]]] = [[] for _ in range(frames)]
    for number, track in enumerate(read_tracks(path)):
        for frame, box in track:
            if frame < frames:
                there[frame].append((number, box))
    return [
        TrackedFrame(np.array([box for _, box in some]).reshape(-1, 4), np.array([n for n, _ in some], np.int64))
        for some in there
    ]


if __name__ == "__main__":
    main()
