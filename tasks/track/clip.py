"""From the labels of two key frames to proposals for the frames between them: who is who, and where everybody is.

The rules of identity:

- Two labels with one track are one object; with two tracks, or of two classes, never.
- Others are one object if they meet: followed from one key frame, the one arrives where the other is.
- Who enters or leaves between key frames is followed from its one label, as far as something supports it.
- Who is hidden between two labels of one object is there all the time; that it cannot be seen lowers its trust.
- Where two followed boxes of a class lie on one another, they may have swapped: neither is trusted.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.kinds.geometry import Floats, iou_of_all
from tasks.kinds.matching import match_optimally
from tasks.track.between import KNOWN, Weights, follow
from tasks.track.motion import Motion
from tasks.track.open_ended import follow_on

MEETS_FROM = 0.3
"""From this IoU on, followed from both sides, two labels are of one object."""

MAY_SWAP_FROM = 0.5
"""From this IoU on two boxes may change places and nobody would see it."""


@dataclass(frozen=True, slots=True)
class KeyBox:
    """A label in a key frame.

    Attributes:
        id: Of the label's region.
        class_name: Its class.
        box_xyxy_px: Its edges.
        track: Whose it is; None: nobody has said.
    """

    id: str
    class_name: str
    box_xyxy_px: tuple[float, float, float, float]
    track: str | None = None

    @property
    def edges(self) -> Floats:
        """Shape (4,)."""
        return np.array(self.box_xyxy_px, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A frame of which all is known.

    Attributes:
        place: Among the frames of its sequence, from 0.
        boxes: All that there is; may be empty.
    """

    place: int
    boxes: tuple[KeyBox, ...]


@dataclass(frozen=True, slots=True)
class FollowedBox:
    """A box in a frame between, with how far it can be trusted, and how far it moves otherwise than the picture."""

    class_name: str
    box_xyxy_px: tuple[float, float, float, float]
    track: str
    trust: float
    against_flow: float = 0.0


Seen = Mapping[str, Sequence[Floats]]
"""By class the detector's boxes (m, 4) of each frame of a gap, both key frames included; a class may be missing."""


def with_tracks(first: KeyFrame, last: KeyFrame, motion: Motion, seen: Seen, weights: Weights = KNOWN) -> KeyFrame:
    """Return the later of two key frames with the tracks of the earlier one, whose boxes all have one."""
    gain = _gains(first, last, motion, seen, weights)
    pairs = {column: row for row, column in match_optimally(gain)}
    boxes = tuple(
        replace(box, track=first.boxes[pairs[at]].track) if at in pairs else with_own_track(box)
        for at, box in enumerate(last.boxes)
    )
    return replace(last, boxes=boxes)


def with_own_track(box: KeyBox) -> KeyBox:
    """Return a box that has a track: the one it has, or a new one of its own."""
    return box if box.track else replace(box, track=hashlib.sha256(box.id.encode()).hexdigest()[:12])


def follow_gap(
    first: KeyFrame, last: KeyFrame, motion: Motion, seen: Seen, weights: Weights = KNOWN
) -> dict[int, list[FollowedBox]]:
    """Return what is in the frames between two key frames, by place; every frame between is there.

    Args:
        first: The earlier one, each box with a track.
        last: The later one, from `with_tracks`.
        motion: How things move between neighbouring frames, by place.
        seen: What a detector sees.
        weights: See there.
    """
    steps = last.place - first.place
    found: dict[int, list[FollowedBox]] = {place: [] for place in range(first.place + 1, last.place)}
    later = {box.track: box for box in last.boxes}
    for box in first.boxes:
        there = later.pop(box.track, None)
        if there is None:
            _add_open(found, first.place, box, steps, motion, seen, weights)
            continue
        ends = (first.place, box.edges), (last.place, there.edges)
        path = follow(*ends, motion, _seen(seen, box.class_name, steps), weights)
        known = zip(path.boxes_xyxy_px, path.trust, path.against_flow, strict=True)
        for at, (edges, trust, against) in enumerate(known, start=first.place + 1):
            found[at].append(_followed(box, edges, trust, float(against)))
    for box in later.values():
        _add_open(found, last.place, box, -steps, motion, seen, weights)
    return {place: _doubted(boxes) for place, boxes in found.items()}


def follow_beyond(
    frame: KeyFrame, steps: int, motion: Motion, seen: Seen, weights: Weights = KNOWN
) -> dict[int, list[FollowedBox]]:
    """Return what is in the frames after the last key frame, or before the first (negative steps), by place."""
    way = 1 if steps > 0 else -1
    found: dict[int, list[FollowedBox]] = {frame.place + way * step: [] for step in range(1, abs(steps) + 1)}
    for box in frame.boxes:
        _add_open(found, frame.place, box, steps, motion, seen, weights)
    return {place: _doubted(boxes) for place, boxes in found.items()}


def _add_open(
    found: dict[int, list[FollowedBox]],
    place: int,
    box: KeyBox,
    steps: int,
    motion: Motion,
    seen: Seen,
    weights: Weights,
) -> None:
    way = 1 if steps > 0 else -1
    ahead = follow_on(place, box.edges, steps, motion, _seen(seen, box.class_name, steps), weights)
    for step in range(1, ahead.supported + 1):
        if place + way * step in found:
            edges, trust = ahead.boxes_xyxy_px[step - 1], ahead.trust[step - 1]
            found[place + way * step].append(_followed(box, edges, trust))


def _gains(first: KeyFrame, last: KeyFrame, motion: Motion, seen: Seen, weights: Weights) -> Floats:
    steps = last.place - first.place
    gain = np.zeros((len(first.boxes), len(last.boxes)))
    if not gain.size:
        return gain
    arrived = _arrivals(first, steps, motion, seen, weights), _arrivals(last, -steps, motion, seen, weights)
    edges_a, edges_b = (np.stack([box.edges for box in frame.boxes]) for frame in (first, last))
    meets = np.maximum(iou_of_all(arrived[0], edges_b), iou_of_all(arrived[1], edges_a).T)
    for row, one in enumerate(first.boxes):
        for column, other in enumerate(last.boxes):
            if other.track is not None:
                gain[row, column] = 2.0 if other.track == one.track else 0.0
            elif one.class_name == other.class_name and meets[row, column] >= MEETS_FROM:
                gain[row, column] = meets[row, column]
    return gain


def _arrivals(frame: KeyFrame, steps: int, motion: Motion, seen: Seen, weights: Weights) -> Floats:
    runs = [
        follow_on(frame.place, box.edges, steps, motion, _seen(seen, box.class_name, steps), weights)
        for box in frame.boxes
    ]
    return np.stack([run.boxes_xyxy_px[-1] for run in runs])


def _seen(seen: Seen, class_name: str, steps: int) -> Sequence[Floats]:
    """Return the detections of a class in the order of the steps."""
    boxes = seen.get(class_name) or [np.zeros((0, 4))] * (abs(steps) + 1)
    return boxes if steps > 0 else boxes[::-1]


def _followed(box: KeyBox, edges: Floats, trust: float, against_flow: float = 0.0) -> FollowedBox:
    x_min, y_min, x_max, y_max = edges.tolist()
    return FollowedBox(box.class_name, (x_min, y_min, x_max, y_max), box.track or "", float(trust), against_flow)


def _doubted(boxes: Sequence[FollowedBox]) -> list[FollowedBox]:
    """Return boxes, best first; those that may have swapped are trusted half."""
    edges = np.array([box.box_xyxy_px for box in boxes]).reshape(-1, 4)
    overlap = iou_of_all(edges, edges)
    np.fill_diagonal(overlap, 0.0)
    crowded = overlap.max(axis=1, initial=0.0) >= MAY_SWAP_FROM
    doubted = [replace(box, trust=box.trust / 2) if near else box for box, near in zip(boxes, crowded, strict=True)]
    return sorted(doubted, key=lambda box: (-box.trust, box.track))
