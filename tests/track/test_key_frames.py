"""Key frames are asked at equal steps first, and gaps are halved where people corrected what was followed there."""

from itertools import pairwise

import pytest

from tasks.track.key_frames import SHORTEST_GAP, Answered, next_key_frames

FIRST = Answered(1, None)


@pytest.mark.parametrize(
    ("frames", "asked"),
    [(0, []), (1, [0]), (2, [0, 1]), (9, [0, 8]), (10, [0, 8, 9]), (20, [0, 8, 16, 19])],
)
def test_at_first_equal_steps_with_both_ends(frames: int, asked: list[int]) -> None:
    assert next_key_frames(frames, {}, 8) == asked


def test_then_the_middle_of_each_gap() -> None:
    assert next_key_frames(17, {0: FIRST, 8: FIRST, 16: FIRST}, 8) == [4, 12]


def test_a_middle_that_was_right_closes_both_sides_and_a_corrected_one_halves_them() -> None:
    known = {0: FIRST, 8: FIRST, 16: FIRST, 4: Answered(2, True), 12: Answered(2, False)}
    assert next_key_frames(17, known, 8) == [10, 14]


def test_it_ends_at_the_shortest_gap_even_if_all_is_corrected() -> None:
    known: dict[int, Answered] = {}
    for number in range(1, 20):
        asked = next_key_frames(100, known, 32)
        if not asked:
            break
        assert not set(asked) & set(known)
        known |= dict.fromkeys(asked, Answered(number, None if number == 1 else False))
    places = sorted(known)
    assert max(b - a for a, b in pairwise(places)) < SHORTEST_GAP
    assert number < 10


def test_a_sequence_that_grew_is_asked_beyond_its_ends() -> None:
    known = {2: FIRST, 4: Answered(2, True)}
    assert next_key_frames(10, known, 3) == [0, 7, 9]


def test_a_shot_without_a_key_frame_is_asked_in_its_middle_and_one_of_a_frame_not_at_all() -> None:
    assert next_key_frames(13, {0: FIRST, 12: FIRST}, 24, cuts=[3, 8, 9, 12]) == [5, 10]


@pytest.mark.parametrize(("cut", "most"), [(50, 90), (500, 90)], ids=["before what grew", "within what grew"])
def test_a_sequence_that_grew_is_asked_beyond_its_end_also_where_it_has_a_cut(cut: int, most: int) -> None:
    known = {**dict.fromkeys([0, 24, 48, 72, 96, 99], FIRST), **dict.fromkeys([12, 36, 60, 84], Answered(2, True))}
    without = next_key_frames(2000, known, 24)
    with_one = next_key_frames(2000, known, 24, cuts=[cut])
    assert len(without) - 3 <= len(with_one) <= most
    places = sorted({*known, *with_one})
    assert max(b - a for a, b in pairwise(places)) <= 24 and places[-1] == 1999


def test_a_shot_that_begins_long_before_its_first_key_frame_is_asked_from_its_begin() -> None:
    assert next_key_frames(100, {0: FIRST, 90: Answered(2, True), 99: FIRST}, 24, cuts=[30]) == [24, 29, 30, 54, 78]


def test_no_gap_reaches_across_a_cut() -> None:
    known = {0: FIRST, 8: FIRST}
    assert next_key_frames(9, known, 8) == [4]
    assert next_key_frames(9, known, 8, cuts=[2, 7]) == [4], "the shot between, not the middle of a gap"
    assert next_key_frames(9, known, 8, cuts=[2]) == [2], "the start of the second shot"


def test_the_ends_of_a_shot_are_asked_where_they_are_far_and_the_frame_between_was_not_right() -> None:
    cuts = [10, 20]
    middle = {0: FIRST, 9: Answered(2, True), 29: FIRST, 20: Answered(2, True)}
    assert next_key_frames(30, middle | {15: Answered(2, False)}, 30, cuts) == [10, 19]
    assert next_key_frames(30, middle | {15: Answered(2, True)}, 30, cuts) == []


def test_where_a_detector_learns_the_largest_unknown_parts_are_asked_first_and_equal_ones_evenly() -> None:
    known = {0: FIRST}
    cuts = [1, 11, 13, 15, 17, 19]
    everything = next_key_frames(21, known, 24, cuts)
    assert everything == [5, 11, 13, 15, 17, 19]
    assert next_key_frames(21, known, 24, cuts, most=1) == [5]
    assert next_key_frames(21, known, 24, cuts, most=3) == [5, 11, 15]
    assert next_key_frames(21, known, 24, cuts, most=6) == everything


def test_what_cannot_be_asked_takes_no_place_of_a_round() -> None:
    assert next_key_frames(21, {0: FIRST}, 24, [1, 11, 13], most=1) == [5]
    assert next_key_frames(21, {0: FIRST}, 24, [1, 11, 13], most=1, among=range(6, 21)) == [16]
    assert next_key_frames(9, {}, 4, among=[1, 4, 8]) == [4, 8]
