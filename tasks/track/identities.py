"""Whose each box of a labelled sequence is: boxes that nobody has named are named, and tracks that broke are mended.

All frames are labelled by then, so what a track did before and after a frame says where it must be in it. The rules:

- A box without a track is of the track that has none in its frame and, by its neighbours before and after, is there.
- Swapped identities, two of a class of which each goes on where the other leads and not where it leads itself, are
  exchanged from there on.
- A split identity, one track that ends and another of its class that begins within `LONGEST_HIDDEN` frames, is one, if
  each leads to where the other is: who drove under a bridge comes out again.
- What no track leads to begins one of its own.
- A track that a person has drawn by itself (`GIVEN`) is neither exchanged with another nor joined to one.

Only places count, no pictures: neighbours are a frame or a few apart. So of each frame only those are looked at who are
there or near, and the time is that of the frames, not of their square.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tasks.kinds.geometry import Floats, iou_of_all, paired_iou
from tasks.kinds.matching import match_optimally
from tasks.track.clip import MEETS_FROM, KeyBox, with_own_track

NEAR = 12
"""Frames before and after a box in which a track must be, for the box to be of it."""

LONGEST_HIDDEN = 60
"""Frames after which one who is gone does not come back."""

PACE_OVER = 12
"""Frames over which it is measured how fast something moves."""

SWAPS_FROM, STAYS_BELOW = 0.5, 0.25
"""IoU from which on one goes on where another leads, and with where it leads itself, below which it does not go on."""

SWAPS_WITHIN = 3
"""Frames from a box to the next of its track within which a swap can be seen."""

LIKE_FROM = 0.5
"""Area over area from which on two may be one, which may be partly hidden."""

GIVEN = "given-"
"""Begins the name of a track that a person has drawn as one, in the film of its sequence."""

NAME_CHARACTERS = 8
"""Of a track's name, as people read it."""

Track = dict[int, KeyBox]
"""By place."""

Frames = Mapping[int, Sequence[KeyBox]]
"""By place, in frames: all that is labelled there."""


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
    there, order = _there(tracks), {name: number for number, name in enumerate(tracks)}
    for place in sorted(frames):
        unnamed = [box for box in frames[place] if not box.track]
        for box, name in zip(unnamed, _whose(place, unnamed, tracks, _near(place, there, order)), strict=True):
            mine = replace(box, track=name) if name else with_own_track(box)
            tracks.setdefault(mine.track or "", {})[place] = mine
            there[place].add(mine.track or "")
            order.setdefault(mine.track or "", len(order))
            named[place, box.id] = mine.track
    exchange_swapped(tracks)
    joined = join_split(tracks)
    for name, track in tracks.items():
        named |= {(place, box.id): joined.get(name, name) for place, box in track.items()}
    return {place: [replace(box, track=named[place, box.id]) for box in boxes] for place, boxes in frames.items()}


def track_in_words(name: str) -> str:
    """Return a track's name as people read it."""
    return f"track {name.removeprefix(GIVEN)[:NAME_CHARACTERS]}"


def _there(tracks: Mapping[str, Track]) -> defaultdict[int, set[str]]:
    """Return the tracks that have a box in a frame, by place."""
    there: defaultdict[int, set[str]] = defaultdict(set)
    for name, track in tracks.items():
        for place in track:
            there[place].add(name)
    return there


def _near(place: int, there: Mapping[int, set[str]], order: Mapping[str, int]) -> list[str]:
    near = {name for at in range(place - NEAR, place + NEAR + 1) for name in there.get(at, ())}
    return sorted(near, key=order.__getitem__)


def _whose(place: int, boxes: Sequence[KeyBox], tracks: Mapping[str, Track], near: Sequence[str]) -> list[str | None]:
    found: list[str | None] = [None] * len(boxes)
    free = [(name, at) for name in near if (at := _expected(place, tracks[name])) is not None] if boxes else []
    if not free:
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
    before = next((at for at in range(place - 1, place - NEAR - 1, -1) if at in track), None)
    after = next((at for at in range(place + 1, place + NEAR + 1) if at in track), None)
    if before is not None and after is not None:
        share = (place - before) / (after - before)
        return np.asarray(track[before].edges * (1 - share) + track[after].edges * share)
    if before is not None:
        return led_to(track, before, place)
    return None if after is None else led_to(track, after, place)


def led_to(track: Track, end: int, place: int) -> Floats:
    """Return where a track leads from its box at one end to a place beyond it (4,), as fast as it moves there."""
    way = 1 if place > end else -1
    far = next((at for at in range(end - way * PACE_OVER, end, way) if at in track), None)
    pace: Floats = np.zeros(2)
    if far is not None:
        pace = (middle_of(track[end].edges) - middle_of(track[far].edges)) / (end - far)
    return np.asarray(track[end].edges + np.tile(pace * (place - end), 2))


def middle_of(edges: Floats) -> Floats:
    """Return the middle (2,) of a box (4,)."""
    return np.asarray((edges[:2] + edges[2:]) / 2)


def exchange_swapped(tracks: dict[str, Track]) -> None:
    """Exchange what two tracks are from a frame on, wherever they changed places there; in place."""
    there, order = _there(tracks), {name: number for number, name in enumerate(tracks)}
    for place in sorted(there):
        names, leads, edges = [], [], []
        for name in sorted(there[place], key=order.__getitem__):
            track = tracks[name]
            before = [at for at in range(place - PACE_OVER, place) if at in track]
            if len(before) > 1 and place - before[-1] <= SWAPS_WITHIN:
                names.append(name)
                leads.append(led_to(track, before[-1], place))
                edges.append(track[place].edges)
        if len(names) < 2:
            continue
        meets = iou_of_all(np.stack(leads), np.stack(edges))
        strays = np.diag(meets) < STAYS_BELOW
        crossed = (meets >= SWAPS_FROM) & (meets.T >= SWAPS_FROM) & strays[:, None] & strays[None]
        for row, column in zip(*np.nonzero(np.triu(crossed, 1)), strict=True):
            one, other = names[row], names[column]
            if _is_given(one) or _is_given(other):
                continue
            if tracks[one][place].class_name == tracks[other][place].class_name:
                for at in tracks[one].keys() ^ tracks[other].keys():
                    if at > place:
                        there[at] ^= {one, other}
                tracks[one], tracks[other] = _exchanged(tracks[one], tracks[other], place)


def _is_given(name: str) -> bool:
    return name.startswith(GIVEN)


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
    starts = [start for start, _ in begun]
    sizes: dict[str, Floats] = {}
    gains: dict[tuple[int, int], float] = {}
    for row, (end, one) in enumerate(ended):
        for column in range(bisect_right(starts, end), bisect_right(starts, end + LONGEST_HIDDEN)):
            start, other = begun[column]
            if _is_given(one) or _is_given(other):
                continue
            if tracks[one][end].class_name != tracks[other][start].class_name:
                continue
            for name in {one, other} - sizes.keys():
                sizes[name] = _usual_sides(tracks[name])
            gain = _meet(tracks[one], end, tracks[other], start, (sizes[one], sizes[other]))
            if gain:
                gains[row, column] = gain
    goes_on = {begun[column][1]: ended[row][1] for row, column in _pairs(gains)}
    found: dict[str, str] = {}
    for _, name in begun:
        if name in goes_on:
            found[name] = found.get(goes_on[name], goes_on[name])
    return found


def _pairs(gains: Mapping[tuple[int, int], float]) -> Iterator[tuple[int, int]]:
    """Return the one-to-one pairs of largest total gain: of those that have to do with one another, each on its own."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not gains:
        return
    rows, columns = np.array(list(gains)).T
    nodes = rows, columns + rows.max() + 1
    size = int(nodes[1].max()) + 1
    _, groups = connected_components(coo_array((np.ones(len(gains)), nodes), shape=(size, size)), directed=False)
    by_group: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pair, group in zip(gains, groups[nodes[0]].tolist(), strict=True):
        by_group[group].append(pair)
    for mine in by_group.values():
        some, others = (sorted(set(side)) for side in zip(*mine, strict=True))
        gain = np.zeros((len(some), len(others)))
        for row, column in mine:
            gain[bisect_left(some, row), bisect_left(others, column)] = gains[row, column]
        for at, there in match_optimally(gain):
            yield some[at], others[there]


def _meet(one: Track, end: int, other: Track, start: int, sizes: tuple[Floats, Floats]) -> float:
    """Return how well two tracks of a class, of such sizes (2,), lead to one another, 0 to 1; 0: they are not one."""
    areas = sorted(float(np.prod(size)) for size in sizes)
    if areas[0] < LIKE_FROM * areas[1]:
        return 0.0
    size = (sizes[0] + sizes[1]) / 2
    there = _sized(led_to(one, end, start), size), _sized(other[start].edges, size)
    back = _sized(led_to(other, start, end), size), _sized(one[end].edges, size)
    meets = paired_iou(np.stack([there[0], back[0]]), np.stack([there[1], back[1]]))
    return float(meets.max()) if meets.max() >= MEETS_FROM else 0.0


def _usual_sides(track: Track) -> Floats:
    # Half hidden at the edge of what hides it: the sides (2,) are those that it mostly has.
    return np.asarray(np.median([_sides(box) for box in track.values()], axis=0))


def _sides(box: KeyBox) -> Floats:
    return np.asarray(box.edges[2:] - box.edges[:2])


def _sized(edges: Floats, sides: Floats) -> Floats:
    middle = middle_of(edges)
    return np.concatenate([middle - sides / 2, middle + sides / 2])
