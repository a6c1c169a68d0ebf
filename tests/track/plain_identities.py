"""The rules of `tasks/track/identities.py` as they read: each frame held against all of each track, to compare with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tasks.kinds.geometry import Floats, iou_of_all, paired_iou
from tasks.kinds.matching import match_optimally
from tasks.track.clip import MEETS_FROM, KeyBox, with_own_track
from tasks.track.identities import (
    LIKE_FROM,
    LONGEST_HIDDEN,
    NEAR,
    PACE_OVER,
    STAYS_BELOW,
    SWAPS_FROM,
    SWAPS_WITHIN,
    Frames,
    Track,
)


def name_all(frames: Frames) -> dict[int, list[KeyBox]]:
    """Return the boxes of a sequence, each with a track; the order of places and of a frame's boxes stays."""
    tracks: dict[str, Track] = {}
    for place, boxes in frames.items():
        for box in boxes:
            if box.track:
                tracks.setdefault(box.track, {})[place] = box
    named: dict[tuple[int, str], str | None] = {
        (place, box.id): box.track for place, boxes in frames.items() for box in boxes if box.track
    }
    for place in sorted(frames):
        unnamed = [box for box in frames[place] if not box.track]
        for box, name in zip(unnamed, _whose(place, unnamed, tracks), strict=True):
            mine = replace(box, track=name) if name else with_own_track(box)
            tracks.setdefault(mine.track or "", {})[place] = mine
            named[place, box.id] = mine.track
    exchange_swapped(tracks)
    joined = join_split(tracks)
    for name, track in tracks.items():
        named |= {(place, box.id): joined.get(name, name) for place, box in track.items()}
    return {place: [replace(box, track=named[place, box.id]) for box in boxes] for place, boxes in frames.items()}


def _whose(place: int, boxes: Sequence[KeyBox], tracks: Mapping[str, Track]) -> list[str | None]:
    found: list[str | None] = [None] * len(boxes)
    free = [(name, at) for name, track in tracks.items() if (at := _expected(place, track)) is not None]
    if not boxes or not free:
        return found
    gain = iou_of_all(np.stack([box.edges for box in boxes]), np.stack([edges for _, edges in free]))
    for row, box in enumerate(boxes):
        for column, (name, _) in enumerate(free):
            if gain[row, column] < MEETS_FROM or next(iter(tracks[name].values())).class_name != box.class_name:
                gain[row, column] = 0.0
    for row, column in match_optimally(gain):
        found[row] = free[column][0]
    return found


def _expected(place: int, track: Track) -> Floats | None:
    """Return where a track must be in a frame (4,); None: it has a box there, or is not near."""
    if place in track:
        return None
    before = max((at for at in track if place - NEAR <= at < place), default=None)
    after = min((at for at in track if place < at <= place + NEAR), default=None)
    if before is not None and after is not None:
        share = (place - before) / (after - before)
        return np.asarray(track[before].edges * (1 - share) + track[after].edges * share)
    if before is not None:
        return led_to(track, before, place)
    return None if after is None else led_to(track, after, place)


def led_to(track: Track, end: int, place: int) -> Floats:
    """Return where a track leads from its box at one end to a place beyond it (4,), as fast as it moves there."""
    way = 1 if place > end else -1
    seen = [at for at in sorted(track) if 0 < way * (end - at) <= PACE_OVER]
    pace: Floats = np.zeros(2)
    if seen:
        far = seen[0] if way > 0 else seen[-1]
        pace = (middle_of(track[end].edges) - middle_of(track[far].edges)) / (end - far)
    return np.asarray(track[end].edges + np.tile(pace * (place - end), 2))


def middle_of(edges: Floats) -> Floats:
    """Return the middle (2,) of a box (4,)."""
    return np.asarray((edges[:2] + edges[2:]) / 2)


def exchange_swapped(tracks: dict[str, Track]) -> None:
    """Exchange what two tracks are from a frame on, wherever they changed places there; in place."""
    for place in sorted({place for track in tracks.values() for place in track}):
        names, leads, there = [], [], []
        for name, track in tracks.items():
            before = sorted(at for at in track if place - PACE_OVER <= at < place)
            if place in track and len(before) > 1 and place - before[-1] <= SWAPS_WITHIN:
                names.append(name)
                leads.append(led_to(track, before[-1], place))
                there.append(track[place].edges)
        if len(names) < 2:
            continue
        meets = iou_of_all(np.stack(leads), np.stack(there))
        strays = np.diag(meets) < STAYS_BELOW
        crossed = (meets >= SWAPS_FROM) & (meets.T >= SWAPS_FROM) & strays[:, None] & strays[None]
        for row, column in zip(*np.nonzero(np.triu(crossed, 1)), strict=True):
            one, other = names[row], names[column]
            if tracks[one][place].class_name == tracks[other][place].class_name:
                tracks[one], tracks[other] = _exchanged(tracks[one], tracks[other], place)


def _exchanged(one: Track, other: Track, place: int) -> tuple[Track, Track]:
    early, late = (
        [{at: box for at, box in track.items() if (at < place) is is_early} for track in (one, other)]
        for is_early in (True, False)
    )
    return early[0] | late[1], early[1] | late[0]


def join_split(tracks: Mapping[str, Track]) -> dict[str, str]:
    """Return of each track that goes on another one whose that is: the name of the earliest of a chain."""
    ended = sorted((max(track), name) for name, track in tracks.items())
    begun = sorted((min(track), name) for name, track in tracks.items())
    gain = np.zeros((len(ended), len(begun)))
    for row, (end, one) in enumerate(ended):
        for column, (start, other) in enumerate(begun):
            if one != other and 0 < start - end <= LONGEST_HIDDEN:
                gain[row, column] = _meet(tracks[one], end, tracks[other], start)
    goes_on = {begun[column][1]: ended[row][1] for row, column in match_optimally(gain)}
    found: dict[str, str] = {}
    for _, name in begun:
        if name in goes_on:
            found[name] = found.get(goes_on[name], goes_on[name])
    return found


def _meet(one: Track, end: int, other: Track, start: int) -> float:
    """Return how well two tracks lead to one another, 0 to 1; 0: they are not one."""
    first, last = one[end], other[start]
    if first.class_name != last.class_name:
        return 0.0
    # Half hidden at the edge of what hides it: sizes are those that each mostly has.
    sizes = [np.median([_sides(box) for box in track.values()], axis=0) for track in (one, other)]
    areas = sorted(float(np.prod(size)) for size in sizes)
    if areas[0] < LIKE_FROM * areas[1]:
        return 0.0
    size = (sizes[0] + sizes[1]) / 2
    there = _sized(led_to(one, end, start), size), _sized(last.edges, size)
    back = _sized(led_to(other, start, end), size), _sized(first.edges, size)
    meets = paired_iou(np.stack([there[0], back[0]]), np.stack([there[1], back[1]]))
    return float(meets.max()) if meets.max() >= MEETS_FROM else 0.0


def _sides(box: KeyBox) -> Floats:
    return np.asarray(box.edges[2:] - box.edges[:2])


def _sized(edges: Floats, sides: Floats) -> Floats:
    middle = middle_of(edges)
    return np.concatenate([middle - sides / 2, middle + sides / 2])
