"""Key frames of a film: few of them say where a track is in all frames, and what comes back is read as it was seen."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadRegion
from tasks.review.questions.kinds.films.key_frames import SAME_PERCENT, AnsweredTrack, Place, read_track, sparse

FRAMES = 30
CLASSES = ("car",)


def entry(keys: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    value = {"sequence": keys, "labels": ["car"], "framesCount": FRAMES, "duration": 3.0}
    return {"id": "t", "type": "videorectangle", "from_name": "track", "to_name": "video", "value": value} | changes


def key(frame: int, x: float = 10.0, *, enabled: bool = True) -> dict[str, Any]:
    return {"frame": frame, "enabled": enabled, "x": x, "y": 10.0, "width": 5.0, "height": 5.0, "rotation": 0}


def answered(*keys: dict[str, Any]) -> AnsweredTrack:
    return read_track(entry(list(keys)), FRAMES, CLASSES)


def x_at(track: AnsweredTrack, frame: int, ends_at: int | None = None) -> float | None:
    place = track.place_at(frame, ends_at)
    return place and place[0]


def test_between_two_key_frames_it_moves_straight() -> None:
    track = answered(key(3, 10.0), key(7, 30.0, enabled=False))
    assert [x_at(track, frame) for frame in range(2, 9)] == [None, 10.0, 15.0, 20.0, 25.0, 30.0, None]


def test_a_disabled_key_frame_is_the_last_and_an_enabled_one_begins_it_anew() -> None:
    track = answered(key(1), key(2, enabled=False), key(5, 40.0), key(6, 41.0, enabled=False))
    assert [x_at(track, frame) is not None for frame in range(1, 8)] == [True, True, False, False, True, True, False]


def test_after_the_last_enabled_one_it_stays_to_the_end_unless_it_is_known_where_it_ends() -> None:
    track = answered(key(3, 12.0))
    assert x_at(track, FRAMES) == 12.0
    assert [x_at(track, frame, ends_at=9) for frame in (9, 10)] == [12.0, None]
    assert x_at(answered(key(3), key(20, 13.0)), 20, ends_at=9) == 13.0  # a later key frame says more


def test_key_frames_in_any_order_are_those_of_a_track_that_ends_after_it_begins() -> None:
    track = answered(key(9, 50.0, enabled=False), key(4, 40.0))
    assert [x_at(track, frame) for frame in (3, 4, 9, 10)] == [None, 40.0, 50.0, None]


def test_one_frame_alone_is_a_track() -> None:
    track = answered(key(4, enabled=False))
    assert [x_at(track, frame) is not None for frame in (3, 4, 5)] == [False, True, False]


def test_of_two_key_frames_in_one_frame_the_later_counts() -> None:
    assert x_at(answered(key(4, 1.0), key(4, 2.0)), 4) == 2.0


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "none": (entry([]), "at least 1 item"),
    "before the film": (entry([key(0)]), "greater than or equal to 1"),
    "after the film": (entry([key(1), key(31)]), "key frame 31 in a film of 30"),
    "no number": (entry([key(1) | {"x": "10"}]), "valid number"),
    "endless": (entry([key(1) | {"x": float("inf")}]), "finite"),
    "turned": (entry([key(1) | {"rotation": 12.5}]), "rotated by 12.5"),
    "of no class": (entry([key(1)]) | {"value": {"sequence": [key(1)]}}, "labels"),
    "of two classes": (entry([key(1)]) | {"value": {"sequence": [key(1)], "labels": ["a", "b"]}}, "at most 1 item"),
    "no rectangle": (entry([key(1)], type="timelinelabels"), "pattern"),
    "without a name": (entry([key(1)], id=""), "at least 1 character"),
    "no value": (entry([key(1)], value=None), "value"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_track_of_the_film_is_named(bad: str) -> None:
    given_entry, words = BAD[bad]
    with pytest.raises(BadRegion, match=words):
        read_track(given_entry, FRAMES, CLASSES)


@pytest.mark.parametrize("strange", [None, 7, "track", [], {}])
def test_so_is_what_is_nothing_at_all(strange: object) -> None:
    with pytest.raises(BadRegion, match="no track of this film"):
        read_track(strange, FRAMES, CLASSES)


def test_a_straight_way_needs_two_key_frames_and_a_bend_a_third() -> None:
    straight: dict[int, Place] = {frame: (2.0 * frame, 10.0, 5.0, 5.0) for frame in range(1, 21)}
    bent = straight | {frame: (40.0, 10.0 + frame, 5.0, 5.0) for frame in range(20, 31)}
    everywhere = range(1, FRAMES + 1)
    assert [one["frame"] for one in sparse(straight, everywhere, 10)] == [1, 20]
    assert [one["enabled"] for one in sparse(straight, everywhere, 10)] == [True, False]
    assert [one["time"] for one in sparse(straight, everywhere, 10)] == [0.1, 2.0]
    assert 20 in [one["frame"] for one in sparse(bent, everywhere, 10)]


places = st.tuples(*[st.floats(0, 60), st.floats(0, 60), st.floats(1, 40), st.floats(1, 40)])


@given(st.dictionaries(st.integers(1, FRAMES), places, min_size=1), st.sets(st.integers(1, FRAMES)))
def test_read_back_it_is_where_it_was_and_nowhere_else(boxes: dict[int, Place], others: set[int]) -> None:
    asked = sorted(boxes.keys() | others)
    track = read_track(entry(sparse(boxes, asked, 10)), FRAMES, CLASSES)
    for frame in asked:
        place = track.place_at(frame)
        assert (place is None) == (frame not in boxes)
        if place:
            assert max(abs(a - b) for a, b in zip(place, boxes[frame], strict=True)) <= SAME_PERCENT
