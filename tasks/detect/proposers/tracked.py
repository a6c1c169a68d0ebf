"""A detector's boxes in all frames of a sequence, with whose each is: what a tracker makes of a detector."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

import numpy as np

from blocks.database.tables import Item
from tasks.detect.proposers.protocol import Looked, Looker
from tasks.intake.images import Pixels
from tasks.track.clip import FollowedBox
from tasks.track.sequence import ReadFrames
from tasks.track.trackers import SEE_FRAMES, Detected, track_frames

AT_ONCE = 64
"""Frames of which boxes and pictures are held at a time."""


def tracked_boxes(
    tracker: str, sequence: str, frames: Sequence[Item], looker: Looker, read: ReadFrames
) -> dict[str, list[FollowedBox]]:
    """Return what a detector sees in a sequence, by item id: its score is each box's trust, its track may be ''.

    Frames that cannot be read are missing.

    Args:
        tracker: Its name.
        sequence: Whose frames: no two sequences share a track.
        frames: In order.
        looker: The detector.
        read: Pixels of some of them, for trackers that look at pictures.

    Raises:
        BadOption: There is no such tracker.
    """
    mark = track_mark(sequence)
    found: dict[str, list[FollowedBox]] = {}
    for named in track_frames(tracker, _detected(frames, looker, read if tracker in SEE_FRAMES else None)):
        seen = named.detected
        found[frames[seen.place].id] = [
            FollowedBox(class_name, (x_min, y_min, x_max, y_max), f"{mark}-{track}" if track else "", score)
            for class_name, (x_min, y_min, x_max, y_max), track, score in zip(
                seen.class_names, seen.boxes_xyxy_px.tolist(), named.tracks, seen.scores.tolist(), strict=True
            )
        ]
    return found


def track_mark(sequence: str) -> str:
    """Return what the tracks of a sequence begin with, and those of no other."""
    return sha256(sequence.encode()).hexdigest()[:16]


def _detected(frames: Sequence[Item], looker: Looker, read: ReadFrames | None) -> Iterator[Detected]:
    for start in range(0, len(frames), AT_ONCE):
        some = frames[start : start + AT_ONCE]
        pixels: Mapping[int, Pixels] = dict(read(start, start + len(some) - 1)) if read else {}
        rows = {one.item_id: one.rows for one in _looked(looker, some)}
        for place, item in enumerate(some, start=start):
            if item.id not in rows or (read and place not in pixels):
                continue
            mine = rows[item.id]
            edges = [(row["x_min"], row["y_min"], row["x_max"], row["y_max"]) for row in mine]
            yield Detected(
                place,
                tuple(row["class_name"] for row in mine),
                np.array(edges, np.float64).reshape(-1, 4),
                np.array([row["score"] for row in mine], np.float64),
                pixels.get(place),
            )


def _looked(looker: Looker, items: Sequence[Item]) -> Iterable[Looked]:
    return (one for one in looker.look(items, looker.classes) if isinstance(one, Looked))
