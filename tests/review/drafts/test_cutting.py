"""Parts cover a picture once, hold about a minute's work each, and cut as few objects as can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.kinds.geometry import Floats
from tasks.review.drafts.cutting import Marks, PartOptions, cut_into_parts, spread_out
from tasks.review.questions.expected import LOOK_S
from tasks.review.questions.kinds.boxes.part import middles_in

OPTIONS = PartOptions()
WIDTH, HEIGHT = 1920, 1280


def scattered(count: int, seed: int, side: tuple[float, float] = (20, 60), width: int = WIDTH) -> Floats:
    rng = np.random.default_rng(seed)
    sides = rng.uniform(*side, (count, 2))
    low = rng.uniform(0, 1, (count, 2)) * (np.array([width, HEIGHT]) - sides)
    return np.hstack([low, low + sides])


@given(st.integers(0, 300), st.integers(0, 1000), st.floats(0.1, 30))
def test_every_pixel_and_every_object_is_in_one_part(count: int, seed: int, seconds: float) -> None:
    edges = scattered(count, seed)
    parts = cut_into_parts(WIDTH, HEIGHT, Marks(edges, np.full(count, seconds)), OPTIONS)
    if not parts:
        assert count * max(seconds / (OPTIONS.seconds - LOOK_S), 1 / OPTIONS.boxes) <= 1 + 1e-6
        return
    covered = np.zeros((HEIGHT, WIDTH), np.uint8)
    for part in parts:
        x_min, y_min, x_max, y_max = part.frame
        covered[y_min:y_max, x_min:x_max] += 1
    assert (covered == 1).all()
    held = sum(middles_in(part.frame, edges).astype(int) for part in parts)
    assert (held == 1).all()
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    for part in parts:
        mine = edges[middles_in(part.frame, edges)]
        assert (mine[:, :2] >= part.crop[:2]).all() and (mine[:, 2:] <= part.crop[2:]).all()


def test_a_crowded_picture_comes_in_parts_of_a_minute() -> None:
    edges = scattered(250, seed=1)
    parts = cut_into_parts(WIDTH, HEIGHT, Marks(edges, np.full(250, 2.1)), OPTIONS)
    counts = [int(middles_in(part.frame, edges).sum()) for part in parts]
    assert max(counts) <= OPTIONS.boxes
    assert LOOK_S + 2.1 * max(counts) <= OPTIONS.seconds + 2.1
    assert len(parts) <= 20  # ten full ones would do


def test_cuts_go_between_rows_of_objects() -> None:
    rows = [(x, y, x + 50, y + 30) for y in (100, 400, 700, 1000) for x in range(40, 1850, 75)]
    edges = np.array(rows, np.float64)
    parts = cut_into_parts(WIDTH, HEIGHT, Marks(edges, np.full(len(edges), 2.0)), OPTIONS)
    crossed = [
        number
        for number, (x_min, y_min, x_max, y_max) in enumerate(edges)
        if not any(
            part.frame[0] <= x_min and part.frame[1] <= y_min and x_max <= part.frame[2] and y_max <= part.frame[3]
            for part in parts
        )
    ]
    assert len(parts) >= 4
    assert crossed == []


def test_objects_on_top_of_each_other_stay_in_one_part() -> None:
    edges = np.tile(np.array([[900.0, 600.0, 960.0, 640.0]]), (299, 1))
    assert cut_into_parts(WIDTH, HEIGHT, Marks(edges, np.full(299, 2.0)), OPTIONS) == []


def test_a_picture_with_little_to_do_is_asked_as_a_whole() -> None:
    assert cut_into_parts(WIDTH, HEIGHT, Marks(scattered(20, 2), np.full(20, 2.0)), OPTIONS) == []
    assert cut_into_parts(WIDTH, HEIGHT, Marks(np.zeros((0, 4)), np.zeros(0)), OPTIONS) == []


def test_objects_of_which_only_the_number_is_known_are_spread_evenly() -> None:
    marks = spread_out(WIDTH, HEIGHT, objects=40, seconds_each=7.0)
    assert marks.seconds.sum() == pytest.approx(280)
    parts = cut_into_parts(WIDTH, HEIGHT, marks, OPTIONS)
    sizes = [(part.frame[2] - part.frame[0]) * (part.frame[3] - part.frame[1]) for part in parts]
    assert len(parts) >= 6
    assert max(sizes) < 4 * min(sizes)


def test_no_part_is_smaller_than_what_a_person_can_place() -> None:
    parts = cut_into_parts(200, 150, Marks(scattered(300, 3, (5, 10), 150), np.full(300, 25.5)), OPTIONS)
    assert all(min(part.frame[2] - part.frame[0], part.frame[3] - part.frame[1]) >= 64 for part in parts)
