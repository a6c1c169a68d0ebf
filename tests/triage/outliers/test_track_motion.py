"""Odd boxes of tracks: jumps, swapped identities and boxes that do not follow the flow, each in words; else nothing."""

import numpy as np
import pytest

from tasks.triage.outliers.track_motion import AGAINST_FLOW_FROM, TrackedBox, odd_motion_reasons
from tasks.triage.reasons import Why, in_plain_words, telling, why_of


def at(place: int, x: float, track: str = "a", *, y: float = 0, off: float = 0, name: str = "car") -> TrackedBox:
    return TrackedBox(f"{track}{place}", "clip", place, track, name, np.array([x, y, x + 40, y + 20.0]), off)


def test_who_drives_evenly_is_not_odd() -> None:
    assert odd_motion_reasons([]) == {}
    assert odd_motion_reasons([at(0, 5)]) == {}
    assert odd_motion_reasons([at(place, 6 * place) for place in range(9)]) == {}


def test_a_box_beside_the_way_of_its_track_jumps() -> None:
    found = odd_motion_reasons([at(place, 6 * place + (45 if place == 4 else 0)) for place in range(9)])
    assert list(found) == ["a4"]
    assert why_of(found["a4"][0]) is Why.JUMPS
    assert found["a4"][0].startswith("jumps by 1.6 of its sides")


def test_frames_far_apart_say_nothing() -> None:
    assert odd_motion_reasons([at(0, 0), at(10, 200), at(20, 0)]) == {}


@pytest.mark.parametrize("swapped", [True, False])
def test_two_that_change_places_may_have_swapped_and_two_that_pass_have_not(swapped: bool) -> None:
    boxes = []
    for place in range(10):
        left, right = 30 * place, 270 - 30 * place
        turned = swapped and place >= 5
        boxes += [at(place, right if turned else left, "a"), at(place, left if turned else right, "b", y=2)]
    found = {id_: said for id_, said in odd_motion_reasons(boxes).items() if any(map(_is_swap, said))}
    assert sorted(found) == (["a5", "b5"] if swapped else [])


def _is_swap(reason: str) -> bool:
    return why_of(reason) is Why.SWAPPED


def test_a_box_that_does_not_follow_the_flow_says_so() -> None:
    found = odd_motion_reasons([at(place, 6 * place, off=2 * AGAINST_FLOW_FROM * (place == 3)) for place in range(6)])
    assert list(found) == ["a3"]
    assert why_of(found["a3"][0]) is Why.AGAINST_FLOW


def test_people_read_these_reasons_beside_their_question() -> None:
    found = odd_motion_reasons([at(place, 6 * place + (45 if place == 4 else 0), off=1) for place in range(9)])
    assert telling(found["a4"]) == found["a4"]
    assert in_plain_words(found["a4"][1]) == "jumps from where this car was before and is after"
