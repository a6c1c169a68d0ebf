"""Which frames people are asked about next, so that the others follow: the first, the last, equal steps, then halves.

After the first key frames of a sequence the middle of each gap is asked, with what was followed as its prefill. Where
people leave it as it is, the gaps at both sides of it are followed well, and nobody is asked there again; where they
correct it, their middles are asked next, until the gaps are too short for that.

Source:
    Equal steps, and not where forward and backward disagree most: that asks inside of occlusions, and cost five times
    as much on the same clip.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

SHORTEST_GAP = 4
"""Steps between key frames from which on a middle is asked."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A frame that people have answered.

    Attributes:
        round: In which round of the sequence's line.
        was_right: Whether they left what was followed as it is; None: nothing was followed there.
    """

    round: int
    was_right: bool | None


def next_key_frames(frames: int, answered: Mapping[int, Answered], step: int) -> list[int]:
    """Return the places of the frames to ask next; empty: all gaps are followed well, or too short.

    Args:
        frames: Of the sequence.
        answered: By place, from 0.
        step: From key frame to key frame at first, in frames.
    """
    if not frames:
        return []
    if not answered:
        return sorted({*range(0, frames, step), frames - 1})
    known = sorted(answered)
    asked = [(one + other) // 2 for one, other in pairwise(known) if _is_open(answered, one, other)]
    return sorted({*asked, *_beyond(frames, known, step)})


def _is_open(answered: Mapping[int, Answered], one: int, other: int) -> bool:
    if other - one < SHORTEST_GAP:
        return False
    newest = max((answered[one], answered[other]), key=lambda end: end.round)
    return not newest.was_right


def _beyond(frames: int, known: list[int], step: int) -> Iterator[int]:
    """Yield frames of a sequence that grew, before the first and after the last one that is known."""
    if known[0] > 0:
        yield 0
    if known[-1] < frames - 1:
        yield from range(known[-1] + step, frames - 1, step)
        yield frames - 1
