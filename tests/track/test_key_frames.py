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
