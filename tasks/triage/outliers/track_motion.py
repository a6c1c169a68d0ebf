"""Which boxes of a track are odd: it jumps there, changes places with another, or does not move as the picture does.

- A jump: in its own sides, the middle is far from the line between where the track is before and after.
- A swap: from one frame to the next two of a class each go on where the other leads, and not where they lead.
- Against the flow: from this frame to the next what is in the box moves otherwise than the box. The object may be
  hidden there, or the box beside it. `tasks/track/between.py` measures it, in sides of the box from frame to frame.

Only neighbours of `NEAR` frames or less are compared: of frames that lie farther apart nothing is known.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.kinds.geometry import Floats, iou_of_all, paired_iou
from tasks.triage.track_reasons import against_flow, jumps, may_have_swapped

NEAR = 3
"""Frames before and after a box by which it is judged."""

JUMPS_FROM = 0.5
"""Of its own sides. Boxes of careful hands lie within 0.1, people who walk behind one another within 0.3."""

SWAPS_FROM = 0.5
"""IoU from which on one goes on where the other leads."""

STAYS_BELOW = 0.25
"""IoU with where it leads itself, below which a track does not go on."""

AGAINST_FLOW_FROM = 0.1
"""Of the sides of a box, from one frame to the next."""


@dataclass(frozen=True, slots=True)
class TrackedBox:
    """A proposal in its place.

    Attributes:
        id: Of the proposal.
        sequence: Of which video.
        place: Its frame, from 0.
        track: Whose it is.
        class_name: What it is.
        edges_px: Shape (4,).
        against_flow: How far it moves otherwise than the picture, in its sides a frame; 0: as it does, or unknown.
    """

    id: str
    sequence: str
    place: int
    track: str
    class_name: str
    edges_px: Floats
    against_flow: float = 0.0

    @property
    def middle_px(self) -> Floats:
        """Shape (2,)."""
        return np.asarray((self.edges_px[:2] + self.edges_px[2:]) / 2)

    @property
    def side_px(self) -> float:
        """The root of its area, 1 or more."""
        return max(1.0, float(np.sqrt(np.prod(self.edges_px[2:] - self.edges_px[:2]))))


def odd_motion_reasons(boxes: Iterable[TrackedBox]) -> dict[str, list[str]]:
    """Say of tracked boxes why they are odd, by proposal id; those that are not are absent."""
    found: dict[str, list[str]] = defaultdict(list)
    tracks: dict[tuple[str, str], list[TrackedBox]] = defaultdict(list)
    for box in boxes:
        tracks[box.sequence, box.track].append(box)
        if box.against_flow >= AGAINST_FLOW_FROM:
            found[box.id].append(against_flow(box.class_name))
    for track in tracks.values():
        track.sort(key=lambda box: box.place)
        for box, sides in _jumps(track):
            found[box.id].append(jumps(sides, box.class_name))
    for box, other in _swaps(tracks.values()):
        found[box.id].append(may_have_swapped(other.class_name))
    return dict(found)


def _jumps(track: Sequence[TrackedBox]) -> list[tuple[TrackedBox, float]]:
    """Return the boxes of a track that jump, and by how many sides: of a jump and its neighbours, the jump."""
    inner = list(zip(track, track[1:], track[2:], strict=False))
    by = [_jump(*three) if three[2].place - three[0].place <= 2 * NEAR else 0.0 for three in inner]
    highest = [max(by[max(0, at - 1) : at + 2]) for at in range(len(by))]
    return [(three[1], by[at]) for at, three in enumerate(inner) if by[at] >= JUMPS_FROM and by[at] == highest[at]]


def _jump(before: TrackedBox, box: TrackedBox, after: TrackedBox) -> float:
    share = (box.place - before.place) / (after.place - before.place)
    expected = before.middle_px * (1 - share) + after.middle_px * share
    return float(np.hypot(*(box.middle_px - expected))) / box.side_px


def _swaps(tracks: Iterable[Sequence[TrackedBox]]) -> list[tuple[TrackedBox, TrackedBox]]:
    """Return the boxes from which on two tracks may be one another's, each with the other's."""
    steps: dict[tuple[str, int, int, str], list[tuple[Floats, TrackedBox]]] = defaultdict(list)
    for track in tracks:
        for before, box, after in zip(track, track[1:], track[2:], strict=False):
            if after.place - before.place <= 2 * NEAR:
                pace = (box.middle_px - before.middle_px) / (box.place - before.place)
                leads_to = box.edges_px + np.tile(pace * (after.place - box.place), 2)
                steps[box.sequence, box.place, after.place, box.class_name].append((leads_to, after))
    found = []
    for some in steps.values():
        if len(some) < 2:
            continue
        leads, there = np.stack([one for one, _ in some]), np.stack([box.edges_px for _, box in some])
        own, other = paired_iou(leads, there), iou_of_all(leads, there)
        strays = own < STAYS_BELOW
        for one, two in zip(*np.nonzero((other >= SWAPS_FROM) & (other.T >= SWAPS_FROM)), strict=True):
            if one != two and strays[one] and strays[two]:
                found.append((some[one][1], some[two][1]))
    return found


def by_proposal(found: Mapping[str, Sequence[str]], ids: Sequence[str]) -> list[list[str]]:
    """Return the reasons of some proposals, in their order; empty where one is not odd."""
    return [list(found.get(id_, ())) for id_ in ids]
