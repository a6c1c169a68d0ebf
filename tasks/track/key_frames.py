"""Which frames people are asked about next, so that the others follow: the first, the last, equal steps, then halves.

After the first key frames of a sequence the middle of each gap is asked, with what was followed as its prefill. Where
people leave it as it is, the gaps at both sides of it are followed well, and nobody is asked there again; where they
correct it, their middles are asked next, until the gaps are too short for that. Nothing is followed across a cut: a
shot without a key frame is asked in its middle, or at equal steps where it is longer than one, and a gap ends where its
shot does. So are parts farther than a step from any key frame: of a sequence that grew.

Where a detector learns between the rounds, each asks no more than have been answered so far, those first of which most
is unknown: what it has learnt from them spares work on the others.

Source:
    Equal steps, and not where forward and backward disagree most: that asks inside of occlusions, and cost five times
    as much on the same clip.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.track.shots import Shot, shots_between

SHORTEST_GAP = 4
"""Steps between key frames from which on a middle is asked."""

SHORTEST_SHOT = 2
"""Frames from which on a shot gets a key frame: one that is alone helps no other."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A frame that people have answered.

    Attributes:
        round: In which round of the sequence's line.
        was_right: Whether they left what was followed as it is; None: nothing was followed there.
    """

    round: int
    was_right: bool | None


def next_key_frames(
    frames: int,
    answered: Mapping[int, Answered],
    step: int,
    cuts: Sequence[int] = (),
    most: int | None = None,
    among: Iterable[int] | None = None,
) -> list[int]:
    """Return the places of the frames to ask next; empty: all gaps are followed well, or too short.

    Args:
        frames: Of the sequence.
        answered: By place, from 0.
        step: From key frame to key frame at first, in frames.
        cuts: Places at which another shot begins, in order.
        most: How many at most, once there are answers; None: all.
        among: Places that may be asked; None: all.
    """
    may_be = set(range(frames) if among is None else among)
    if not frames:
        return []
    if not answered:
        return sorted({*range(0, frames, step), frames - 1} & may_be)
    shots = shots_between(frames, cuts)
    found: dict[int, int] = {}
    for shot in shots:
        known = {place: one for place, one in answered.items() if shot[0] <= place <= shot[1]}
        found |= dict(_within(shot, known, step, is_whole=len(shots) == 1))
    return sorted(_largest({place: found[place] for place in found if place in may_be}, most))


def _within(shot: Shot, answered: Mapping[int, Answered], step: int, *, is_whole: bool) -> Iterator[tuple[int, int]]:
    """Yield places to ask in a shot, each with how many frames are unknown around it."""
    length = shot[1] - shot[0] + 1
    if not answered:
        if length > step:
            yield from ((place, step) for place in [*range(shot[0], shot[1], step), shot[1]])
        elif length >= SHORTEST_SHOT:
            yield (shot[0] + shot[1]) // 2, length
        return
    known = sorted(answered)
    for one, other in pairwise(known):
        if _is_open(answered, one, other):
            yield (one + other) // 2, (other - one) // 2
    yield from _before(shot, answered, known[0], step, is_whole=is_whole)
    yield from _after(shot, answered, known[-1], step, is_whole=is_whole)


def _is_open(answered: Mapping[int, Answered], one: int, other: int) -> bool:
    if other - one < SHORTEST_GAP:
        return False
    newest = max((answered[one], answered[other]), key=lambda end: end.round)
    return not newest.was_right


def _before(
    shot: Shot, answered: Mapping[int, Answered], first: int, step: int, *, is_whole: bool
) -> Iterator[tuple[int, int]]:
    """Yield frames before the first known one: equal steps where it is far or the sequence grew, else the end alone."""
    far = first - shot[0]
    if far and (is_whole or far > step):
        yield from ((place, step) for place in range(shot[0], first, step))
    elif far >= SHORTEST_GAP and not answered[first].was_right:
        yield shot[0], far


def _after(
    shot: Shot, answered: Mapping[int, Answered], last: int, step: int, *, is_whole: bool
) -> Iterator[tuple[int, int]]:
    """Yield frames after the last known one, likewise."""
    far = shot[1] - last
    if far and (is_whole or far > step):
        yield from ((place, step) for place in [*range(last + step, shot[1], step), shot[1]])
    elif far >= SHORTEST_GAP and not answered[last].was_right:
        yield shot[1], far


def _largest(found: Mapping[int, int], most: int | None) -> list[int]:
    """Return the places with most unknown around them; of equal ones such that lie evenly in the sequence."""
    if most is None or len(found) <= most:
        return list(found)
    places = sorted(found, key=lambda place: (-found[place], place))
    least = found[places[most - 1]]
    sure = [place for place in places if found[place] > least]
    equal, wanted = [place for place in places if found[place] == least], most - len(sure)
    return sure + [equal[at * len(equal) // wanted] for at in range(wanted)]
