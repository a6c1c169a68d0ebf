"""Multi-object trackers by name: from a detector's boxes in all frames, whose each of them is.

They are those of the package `trackers` (Apache-2.0), with its own settings. Each class is tracked by itself, so a
track is of one class; what no track claims has none.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blocks.errors import BadOption
from tasks.intake.images import Pixels
from tasks.kinds.geometry import Floats

NAMES: dict[str, str] = {
    "sort": "SORTTracker",
    "bytetrack": "ByteTrackTracker",
    "ocsort": "OCSORTTracker",
    "botsort": "BoTSORTTracker",
    "cbiou": "CBIoUTracker",
}
"""By the name that a person types, the package's class."""

SEE_FRAMES = frozenset({"botsort"})
"""Those that look at the pictures: they tell a camera's motion from those of objects."""


@dataclass(frozen=True, slots=True)
class Detected:
    """What a detector sees in one frame.

    Attributes:
        place: Of the frame in its sequence, from 0.
        class_names: Of n boxes.
        boxes_xyxy_px: Shape (n, 4). n may be 0.
        scores: Shape (n,), 0 to 1.
        pixels: Of the frame; None: nobody needs them.
    """

    place: int
    class_names: tuple[str, ...]
    boxes_xyxy_px: Floats
    scores: Floats
    pixels: Pixels | None = None


@dataclass(frozen=True, slots=True)
class NamedFrame:
    """The same with whose the boxes are.

    Attributes:
        detected: What was seen.
        tracks: Of n boxes; None: it is of none.
    """

    detected: Detected
    tracks: tuple[str | None, ...]


def check_tracker(name: str) -> str:
    """Return the name of a tracker.

    Raises:
        BadOption: There is none of this name.
    """
    if name not in NAMES:
        raise BadOption(f"{name!r:.80} is no tracker (known: {', '.join(NAMES)})")
    return name


def track_frames(name: str, frames: Iterable[Detected]) -> Iterator[NamedFrame]:
    """Say whose the boxes of a sequence are, frame by frame, in order.

    Args:
        name: Of a tracker.
        frames: Of one sequence, rising by place; one that is missing is a frame in which nothing is seen.

    Raises:
        BadOption: There is no such tracker, or the package is not installed.
    """
    make = _maker(check_tracker(name))
    trackers: dict[str, Any] = {}
    expected: int | None = None
    for frame in frames:
        for _ in range(0 if expected is None else frame.place - expected):
            for tracker in trackers.values():
                _update(tracker, np.zeros((0, 4)), np.zeros(0), None)
        expected = frame.place + 1
        tracks: list[str | None] = [None] * len(frame.class_names)
        pixels = frame.pixels if name in SEE_FRAMES else None
        for class_name in sorted(trackers.keys() | set(frame.class_names)):
            mine = [at for at, one in enumerate(frame.class_names) if one == class_name]
            tracker = trackers.setdefault(class_name, make())
            ids = _update(tracker, frame.boxes_xyxy_px[mine], frame.scores[mine], pixels)
            for at, id_ in zip(mine, ids, strict=True):
                tracks[at] = f"{class_name}-{id_}" if id_ >= 0 else None
        yield NamedFrame(frame, tuple(tracks))


def _maker(name: str) -> Callable[[], Any]:
    try:
        import trackers
    except ImportError as error:
        raise BadOption("trackers are those of the package `trackers`: pip install 'labelline[video]'") from error
    made: Callable[[], Any] = getattr(trackers, NAMES[name])
    return made


def _update(tracker: Any, boxes: Floats, scores: Floats, pixels: Pixels | None) -> Sequence[int]:
    """Return the number of each box's track, -1 where it has none."""
    import supervision as sv

    seen = sv.Detections(
        xyxy=boxes.astype(np.float32).reshape(-1, 4),
        confidence=scores.astype(np.float32),
        class_id=np.zeros(len(boxes), dtype=int),
        data={"row": np.arange(len(boxes))},  # they come back in an order of their own
    )
    found = tracker.update(seen) if pixels is None else tracker.update(seen, frame=pixels)
    ids = np.full(len(boxes), -1)
    if len(found):
        ids[found.data["row"]] = -1 if found.tracker_id is None else found.tracker_id
    return [int(id_) for id_ in ids]
