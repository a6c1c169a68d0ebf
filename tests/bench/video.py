"""How many boxes people draw in a video whose others are followed, how well, and how fast.

PETS09 S2L1, 795 frames of people walking. Of each track the first, every k-th and the last box are as in the truth; the
others are followed by `tasks/track`: from flow alone, and with YOLOv8n's detections. For each way it is looked for the
largest k at which 95 % of the frames between have an IoU of 0.7 or more, and told how many boxes of 1,000 people draw
then. The settings were chosen on frames 0 to 399; what counts is measured on frames 400 to 794, without part in it.

A second clip had no part either: film stills of starwars, every sixth frame of its shots. Boxes of one class that
overlap by 0.3 from one still to the next are a track there, if there are six or more. No detector knows them. What all
stills cost people, with a detector that learns meanwhile, is measured by the line's own path (`video_film.py`).

    python -m tests.bench.video
"""

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from blocks.errors import BadTruth
from blocks.storage.outside_files import parse_xml
from tasks.detect.models import load_detector
from tasks.intake.images import Pixels, decode_upright
from tasks.intake.video.frames import Damage, read_frames
from tasks.kinds.geometry import Floats, paired_iou
from tasks.track.between import follow, straight
from tasks.track.motion import FlowMotion, Motion
from tests.bench.conversions import conversions
from tests.bench.outlines import outlines
from tests.bench.video_film import label_film
from tests.bench.video_people import Labelling, label_clip

OUTPUT = Path(".labelline/bench/video.json")
STILLS = Path("starwars")
PETS, WEIGHTS = Path("video_pets09"), Path("weights/yolov8n-coco.pt")
TRUTH_SCALE = 0.625
RIGHT_IOU, ENOUGH = 0.7, 0.95
STEPS = range(20, 7, -1)
WAYS = ("line", "flow + line", "flow + detector + line")
CHOSEN_ON, HELD_OUT = (0, 400), (400, 795)
DETECTED_FROM = 0.2
SIDE_PX = 640
NOTHING = np.zeros((0, 4))
STILLS_APART, STILLS_MEET, STILLS_LEAST = 6, 0.3, 6


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip with all that following needs, looked at once.

    Attributes:
        tracks: Of each its frames with their boxes (4,), in order.
        motion: Between all neighbouring frames.
        detections: By frame, shape (m, 4).
    """

    tracks: Sequence[Sequence[tuple[int, Floats]]]
    motion: Motion
    detections: Sequence[Floats]


@dataclass(frozen=True, slots=True)
class Worth:
    """What following at one step is worth.

    Attributes:
        iou: Of all frames between with the truth.
        drawn: Boxes that people draw.
        boxes: All.
    """

    iou: Floats
    drawn: int
    boxes: int

    @property
    def per_1000(self) -> float:
        """Boxes that people draw of 1,000."""
        return 1000 * self.drawn / self.boxes


def main() -> None:
    """Measure what the data are there for, write it, and say of the rest why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    data = parser.parse_args().data
    report: dict[str, Any] = {"pets09": None}
    if (data / PETS / "vtest.avi").is_file():
        report["pets09"] = pets(data)
    else:
        print(f"pets09: skipped, {data / PETS} is not there (set LABELLINE_DATA)")
    report["starwars"] = starwars(data / STILLS) | label_film(data, STILLS.name) if (data / STILLS).is_dir() else None
    report["conversions"] = conversions()
    report["outlines"] = outlines(data)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def pets(data: Path) -> dict[str, Any]:
    """Return what people draw on PETS09 by each way of following, and milliseconds a frame."""
    began = time.perf_counter()
    motion = FlowMotion.of(_frames(data / PETS / "vtest.avi"))
    flow_ms = 1000 * (time.perf_counter() - began) / HELD_OUT[1]
    began = time.perf_counter()
    detections = detect(data / WEIGHTS, data / PETS / "vtest.avi")
    detect_ms = 1000 * (time.perf_counter() - began) / HELD_OUT[1]
    whole = Clip(read_tracks(data / PETS / "gt.txt"), motion, detections)
    began = time.perf_counter()
    at_15 = measure(whole, 15, (0, HELD_OUT[1]), "flow + detector + line")
    follow_ms = 1000 * (time.perf_counter() - began) / HELD_OUT[1]
    report: dict[str, Any] = {
        "ms_per_frame": {
            "read_and_flow": round(flow_ms, 1),
            "detector": round(detect_ms, 1),
            "paths": round(follow_ms, 1),
        },
        "at_step_15": {"mean_iou": round(float(at_15.iou.mean()), 3), "share": _share(at_15)},
    }
    for name, frames in (("chosen_on", CHOSEN_ON), ("held_out", HELD_OUT), ("all", (0, HELD_OUT[1]))):
        report[name] = {way: boxes_needed(whole, frames, way) for way in WAYS}
    report["people"] = _people(whole)
    report["boxes_per_1000"] = report["held_out"]["flow + detector + line"]["boxes_per_1000"]
    return report


def _people(clip: Clip) -> dict[str, Any]:
    truth: dict[int, list[tuple[int, Floats]]] = {}
    for number, track in enumerate(clip.tracks):
        for frame, box in track:
            truth.setdefault(frame, []).append((number, box))
    return label_clip(Labelling(HELD_OUT[1], truth, clip.motion, clip.detections))


def starwars(folder: Path) -> dict[str, Any]:
    """Return how well the tracks of film stills are followed at two steps, by a line and by flow."""
    paths = sorted((folder / "JPEGImages").glob("*.jpg"))
    number = [int("".join(sign for sign in path.stem if sign.isdigit())) for path in paths]
    places = [at + 10 * sum(b - a > STILLS_APART for a, b in pairwise(number[: at + 1])) for at in range(len(paths))]
    motion = FlowMotion.of(
        (place, decode_upright(path.read_bytes())) for place, path in zip(places, paths, strict=True)
    )
    tracks: list[list[tuple[int, Floats]]] = []
    last: dict[int, list[tuple[str, list[tuple[int, Floats]]]]] = {}
    for place, path in zip(places, paths, strict=True):
        for name, box in read_voc(folder / "Annotations" / f"{path.stem}.xml"):
            known = [t for label, t in last.get(place - 1, []) if label == name and t[-1][0] == place - 1]
            near = [t for t in known if paired_iou(t[-1][1][None], box[None])[0] >= STILLS_MEET]
            track = near[0] if near else []
            track.append((place, box))
            tracks += [] if near else [track]
            last.setdefault(place, []).append((name, track))
    tracks = [track for track in tracks if len(track) >= STILLS_LEAST]
    clip = Clip(tracks, motion, [NOTHING] * (places[-1] + 1))
    found: dict[str, Any] = {"tracks": len(tracks), "boxes": sum(map(len, tracks))}
    for step in (3, 5):
        ways = {way: measure(clip, step, (0, places[-1] + 1), way) for way in ("line", "flow + line")}
        found[f"step_{step}"] = {
            way: {"mean_iou": round(float(worth.iou.mean()), 3), "share": _share(worth)} for way, worth in ways.items()
        }
    return found


def read_voc(path: Path) -> list[tuple[str, Floats]]:
    """Return the classes and boxes (4,) of a Pascal VOC file."""
    found: list[tuple[str, Floats]] = []
    for each in parse_xml(path.read_bytes(), path.name, BadTruth).iter("object"):
        edges = [float(each.findtext(f"bndbox/{edge}") or 0) for edge in ("xmin", "ymin", "xmax", "ymax")]
        found.append((each.findtext("name") or "", np.array(edges)))
    return found


def boxes_needed(clip: Clip, frames: tuple[int, int], way: str) -> dict[str, float | None]:
    """Return the largest step at which enough of the frames between are right, and what people draw at it."""
    for step in STEPS:
        found = measure(clip, step, frames, way)
        if _share(found) >= ENOUGH:
            return {"boxes_per_1000": round(found.per_1000, 1), "step": step, "share": _share(found)}
    return {"boxes_per_1000": None, "step": None, "share": None}


def measure(clip: Clip, step: int, frames: tuple[int, int], way: str) -> Worth:
    """Follow every track of a clip between its key frames."""
    iou: list[Floats] = [np.zeros(0)]
    drawn = boxes = 0
    for track in clip.tracks:
        rows = [row for row in track if frames[0] <= row[0] < frames[1]]
        if not rows:
            continue
        keys = sorted({*range(0, len(rows), step), len(rows) - 1})
        drawn, boxes = drawn + len(keys), boxes + len(rows)
        for first, last in pairwise(keys):
            if last - first > 1:
                between = np.stack([box for _, box in rows[first + 1 : last]])
                iou.append(paired_iou(_followed(clip, rows[first], rows[last], way), between))
    return Worth(np.concatenate(iou), drawn, boxes)


def _followed(clip: Clip, first: tuple[int, Floats], last: tuple[int, Floats], way: str) -> Floats:
    steps = last[0] - first[0]
    if way == "line":
        return straight(first[1], last[1], steps)[1:-1]
    seen = clip.detections[first[0] : last[0] + 1] if "detector" in way else [NOTHING] * (steps + 1)
    return follow(first, last, clip.motion, seen).boxes_xyxy_px


def _share(found: Worth) -> float:
    return round(float((found.iou >= RIGHT_IOU).mean()), 4)


def _frames(film: Path) -> Iterator[tuple[int, Pixels]]:
    return ((shown.number, shown.pixels) for shown in read_frames(film, Damage()))


def detect(weights: Path, film: Path) -> list[Floats]:
    """Return the people that a detector sees in each frame, shape (m, 4)."""
    detector = load_detector(weights, "0" * 12, SIDE_PX)
    person = detector.classes.index("person")
    found: list[Floats] = []
    for _, pixels in _frames(film):
        seen = detector.predict([pixels], DETECTED_FROM, class_ids=[person])[0]
        found.append(np.asarray(seen.xyxy, dtype=np.float64).reshape(-1, 4))
    return found


def read_tracks(path: Path) -> list[list[tuple[int, Floats]]]:
    """Return the tracks of a MOTChallenge file, frames from 0, in pixels of the clip as it is here."""
    tracks: dict[int, list[tuple[int, Floats]]] = {}
    for line in path.read_text().splitlines():
        frame, number, left, top, width, height = (float(value) for value in line.split(",")[:6])
        box = np.array([left, top, left + width, top + height]) * TRUTH_SCALE
        tracks.setdefault(int(number), []).append((int(frame) - 1, box))
    return [sorted(track, key=lambda row: row[0]) for track in tracks.values()]


if __name__ == "__main__":
    main()
