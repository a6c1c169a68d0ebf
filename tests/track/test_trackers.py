"""Trackers by name: whose a detector's boxes are from frame to frame, class by class."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from blocks.errors import BadOption
from tasks.track.asked_for import PropagateAsked, TrackAsked, propagate_asked, track_asked
from tasks.track.trackers import NAMES, Detected, check_tracker, track_frames
from tests.track.scenes import Scene, Walker

SCENE = Scene((Walker((10, 15), (4.0, 0), seed=1), Walker((150, 90), (-4.0, 0), seed=2)), frames=21)
SURE = 0.9


def seen(
    places: range, names: tuple[str, ...] = ("car", "car"), skipped: frozenset[int] = frozenset()
) -> Iterator[Detected]:
    """Both walkers in each frame, one frame in two the other way round."""
    for place in places:
        if place in skipped:
            continue
        order = [0, 1] if place % 2 else [1, 0]
        boxes = np.array([SCENE.walkers[one].box(place) for one in order])
        yield Detected(place, tuple(names[one] for one in order), boxes, np.full(2, SURE), SCENE.draw(place))


def of_walkers(name: str, frames: Iterator[Detected]) -> tuple[set[str | None], set[str | None]]:
    """The tracks that each walker had, once trackers had seen enough to begin one."""
    found: tuple[set[str | None], set[str | None]] = (set(), set())
    for one in track_frames(name, frames):
        if one.detected.place < 5:
            continue
        for box, track in zip(one.detected.boxes_xyxy_px, one.tracks, strict=True):
            walker = int(np.argmin([np.abs(box - each.box(one.detected.place)).sum() for each in SCENE.walkers]))
            found[walker].add(track)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_walker_keeps_a_track_of_its_own(name: str) -> None:
    one, other = of_walkers(name, seen(range(21)))
    assert len(one) == len(other) == 1
    assert None not in one | other
    assert one != other


@pytest.mark.parametrize("name", NAMES)
def test_a_track_is_of_one_class(name: str) -> None:
    one, other = of_walkers(name, seen(range(21), ("car", "bus")))
    assert {str(track).partition("-")[0] for track in one} == {"car"}
    assert {str(track).partition("-")[0] for track in other} == {"bus"}


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_that_cannot_be_read_is_one_in_which_nothing_is_seen(name: str) -> None:
    one, other = of_walkers(name, seen(range(21), skipped=frozenset({10})))
    assert len(one - {None}) == len(other - {None}) == 1  # some take two frames to be sure again
    assert one - {None} != other - {None}


def test_frames_without_boxes_have_no_tracks_and_no_frames_none_at_all() -> None:
    nothing = Detected(0, (), np.zeros((0, 4)), np.zeros(0))
    assert [one.tracks for one in track_frames("sort", [nothing])] == [()]
    assert list(track_frames("sort", [])) == []


def test_two_sequences_share_nothing() -> None:
    first = [one.tracks for one in track_frames("bytetrack", seen(range(21)))]
    assert [one.tracks for one in track_frames("bytetrack", seen(range(21)))] == first


def test_a_name_that_is_none_and_a_missing_package_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadOption, match="'bitetrack' is no tracker \\(known: sort, bytetrack"):
        check_tracker("bitetrack")
    monkeypatch.setitem(sys.modules, "trackers", None)
    with pytest.raises(BadOption, match=r"pip install 'labelline\[video\]'"):
        list(track_frames("sort", seen(range(2))))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("track:bytetrack:best.pt", TrackAsked("bytetrack", "best.pt")),
        ("track:sort", TrackAsked("sort", "")),
        ("track:sort:C:/w.pt", TrackAsked("sort", "C:/w.pt")),
        ("propagate:best.pt", PropagateAsked("best.pt")),
        ("propagate", PropagateAsked("")),
    ],
)
def test_what_is_typed_is_read_and_said_again(typed: str, meant: TrackAsked | PropagateAsked) -> None:
    assert (track_asked(typed) or propagate_asked(typed)) == meant
    assert str(meant) == typed


def test_anything_else_asks_for_no_tracker() -> None:
    assert track_asked("champion") is None
    assert track_asked("tracker.pt") is None
