"""A whole sequence, shot by shot and gap by gap: tracks from key frame to key frame, and boxes for all frames between.

Nothing is followed across a cut. One gap of frames is held at a time, as its flow, so memory does not grow with a
video's length.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.intake.images import Pixels
from tasks.kinds.geometry import Floats
from tasks.track.clip import FollowedBox, KeyFrame, Seen, follow_beyond, follow_gap, with_own_track, with_tracks
from tasks.track.motion import FlowMotion, Motion
from tasks.track.shots import Shot, shots_between

LOG = logging.getLogger(__name__)

LONGEST_GAP = 240
"""Frames between two key frames that are followed; of a longer gap the ends, so far as `FARTHEST`."""

FARTHEST = 60
"""Frames beyond the first and the last key frame that are followed."""

ReadFrames = Callable[[int, int], Iterable[tuple[int, Pixels]]]
"""Given two places, both included: the frames there, in order, those that can be read."""

Detect = Callable[[int, int], Seen]
"""Given two places, both included: the detections there."""


@dataclass(frozen=True, slots=True)
class SequenceReader:
    """How a sequence is read.

    Attributes:
        frames: How many it has.
        read: Pixels of some of them.
        detect: What a detector sees in some of them.
        cuts: Places at which another shot begins, in order.
    """

    frames: int
    read: ReadFrames
    detect: Detect
    cuts: Sequence[int] = ()


def follow_sequence(
    keys: Sequence[KeyFrame], reader: SequenceReader, named: dict[int, KeyFrame] | None = None
) -> Iterator[tuple[int, list[FollowedBox]]]:
    """Yield what is followed in a sequence, by place, in no order that counts; key frames are not among it.

    Args:
        keys: In the order of their places; none: nothing is yielded.
        reader: How the sequence is read.
        named: Gets the key frames by place, each box with its track, as they are reached.
    """
    named = {} if named is None else named
    for shot in shots_between(reader.frames, reader.cuts):
        inside = [key for key in keys if shot[0] <= key.place <= shot[1]]
        if inside:
            yield from _follow_shot(inside, shot, reader, named)


def _follow_shot(
    keys: Sequence[KeyFrame], shot: Shot, reader: SequenceReader, named: dict[int, KeyFrame]
) -> Iterator[tuple[int, list[FollowedBox]]]:
    first = named[keys[0].place] = _with_own_tracks(keys[0])
    yield from _beyond(first, -min(first.place - shot[0], FARTHEST), reader)
    for number, later in enumerate(keys[1:], start=1):
        gap = later.place - first.place
        if gap <= LONGEST_GAP:
            motion, seen = _look(first.place, later.place, reader)
            known = with_tracks(first, later, motion, seen)
            yield from follow_gap(first, known, motion, seen).items()
            first = named[later.place] = known
        else:
            yield from _beyond(first, FARTHEST, reader)
            first = named[later.place] = _with_own_tracks(later)
            yield from _beyond(first, -FARTHEST, reader)
        LOG.info("followed to key frame %d of %d", number + 1, len(keys))
    yield from _beyond(first, min(shot[1] - first.place, FARTHEST), reader)


def _with_own_tracks(frame: KeyFrame) -> KeyFrame:
    return replace(frame, boxes=tuple(map(with_own_track, frame.boxes)))


def _beyond(frame: KeyFrame, steps: int, reader: SequenceReader) -> Iterable[tuple[int, list[FollowedBox]]]:
    if not steps:
        return ()
    ends = sorted((frame.place, frame.place + steps))
    return follow_beyond(frame, steps, *_look(ends[0], ends[1], reader)).items()


def _look(start: int, stop: int, reader: SequenceReader) -> tuple[Motion, Seen]:
    return FlowMotion.of(reader.read(start, stop)), reader.detect(start, stop)


def nothing_seen(start: int, stop: int) -> Mapping[str, Sequence[Floats]]:
    """Return what no detector sees."""
    del start, stop
    return {}


def seen_by_class(found: Sequence[Sequence[tuple[str, tuple[float, float, float, float]]]]) -> dict[str, list[Floats]]:
    """Return by class the boxes (m, 4) of each frame, of a frame's classes with edges each; m may be 0."""
    names = {name for frame in found for name, _ in frame}
    return {
        name: [np.array([edges for each, edges in frame if each == name]).reshape(-1, 4) for frame in found]
        for name in sorted(names)
    }
