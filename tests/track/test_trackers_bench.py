"""The bench of trackers: what it tells of a tracker is told of what that was given, and of the truth."""

import numpy as np
import pytest

from tasks.kinds.tracks.accuracy import TrackedFrame
from tasks.track.trackers import Detected
from tests.bench.trackers import worth
from tests.track.scenes import Scene, Walker

SCENE = Scene((Walker((10, 15), (4.0, 0), seed=1), Walker((150, 90), (-4.0, 0), seed=2)), frames=21)
PLACES = range(21)


def boxes_at(place: int) -> np.ndarray:
    return np.stack([one.box(place) for one in SCENE.walkers])


def seen(walkers: int) -> list[Detected]:
    names = ("person",) * walkers
    return [Detected(place, names, boxes_at(place)[:walkers], np.ones(walkers)) for place in PLACES]


TRUTH = [TrackedFrame(boxes_at(place), np.arange(2)) for place in PLACES]


def test_who_sees_all_is_followed_but_for_the_first_frames() -> None:
    found = worth("bytetrack", seen(2), TRUTH)
    assert found["hota"] > 0.9
    assert (found["id_switches"], found["tracks"]) == (0, 2)


def test_who_sees_half_is_told_so() -> None:
    found = worth("bytetrack", seen(1), TRUTH)
    assert found["mota"] == pytest.approx(0.5, abs=0.06)
    assert found["tracks"] == 1
