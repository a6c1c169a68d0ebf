"""Fused edges lie where the exact people drew them, and one slip moves nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.kinds.boxes.fusion import EXPECTED_NOISE, GroupedBoxes, fuse, learn_noise


def drawn(boxes: list[list[float]], person: list[int], about: list[int]) -> GroupedBoxes:
    edges = np.array(boxes, float).reshape(-1, 4)
    return GroupedBoxes(edges, np.array(person, np.int64), np.array(about, np.int64), max(about, default=-1) + 1)


def hands(noise: list[float], objects: int, seed: int) -> tuple[GroupedBoxes, np.ndarray]:
    """Everybody draws every object; returns what they drew and the true edges."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 900, (objects, 2))
    side = rng.uniform(40, 120, (objects, 2))
    true = np.hstack([low, low + side])
    about = np.repeat(np.arange(objects), len(noise))
    person = np.tile(np.arange(len(noise)), objects)
    off = rng.normal(0, 1, (len(about), 4)) * np.array(noise)[person, None] * np.tile(side, 2)[about]
    return GroupedBoxes(true[about] + off, person, about, objects), true


def test_nothing_drawn_is_nothing_fused() -> None:
    fused = fuse(drawn([], [], []), np.array([0.03]))
    assert fused.edges_xyxy_px.shape == (0, 4)
    assert fused.edge_error.shape == (0,)


def test_one_box_stays_as_it_is_and_is_as_uncertain_as_its_hand() -> None:
    fused = fuse(drawn([[10, 10, 110, 60]], [0], [0]), np.array([0.03]))
    assert fused.edges_xyxy_px[0] == pytest.approx([10, 10, 110, 60])
    assert fused.edge_error[0] == pytest.approx(0.03)


def test_two_equal_hands_meet_in_the_middle_and_are_surer_than_one() -> None:
    fused = fuse(drawn([[10, 10, 110, 60], [12, 10, 110, 62]], [0, 1], [0, 0]), np.array([0.03, 0.03]))
    assert fused.edges_xyxy_px[0] == pytest.approx([11, 10, 110, 61])
    assert fused.edge_error[0] < 0.03


def test_the_exact_hand_counts_for_more() -> None:
    fused = fuse(drawn([[10, 10, 110, 60], [14, 10, 110, 60]], [0, 1], [0, 0]), np.array([0.01, 0.1]))
    assert fused.edges_xyxy_px[0, 0] < 10.2


def test_a_slip_on_one_edge_moves_it_little_and_the_others_not_at_all() -> None:
    boxes = [[10, 10, 110, 60], [11, 10, 110, 60], [10, 10, 110, 60], [40, 10, 110, 60]]
    fused = fuse(drawn(boxes, [0, 1, 2, 3], [0] * 4), np.full(4, 0.03))
    assert fused.edges_xyxy_px[0, 0] == pytest.approx(10.6, abs=0.7)  # the mean is 17.75
    assert fused.edges_xyxy_px[0, 1:] == pytest.approx([10, 110, 60])


@given(st.lists(st.floats(-15, 15), min_size=1, max_size=5), st.lists(st.floats(0.01, 0.2), min_size=5, max_size=5))
def test_a_fused_edge_lies_between_those_drawn(shifts: list[float], noise: list[float]) -> None:
    boxes = [[100 + shift, 100, 200, 160] for shift in shifts]
    fused = fuse(drawn(boxes, list(range(len(shifts))), [0] * len(shifts)), np.array(noise))
    assert 100 + min(shifts) - 1e-6 <= fused.edges_xyxy_px[0, 0] <= 100 + max(shifts) + 1e-6


def test_noise_is_recovered_and_fusing_by_it_beats_the_mean_and_the_best_hand() -> None:
    noise = [0.02, 0.04, 0.08]
    boxes, true = hands(noise, 300, seed=1)
    learnt, _ = learn_noise(boxes, 3, {})
    assert learnt == pytest.approx(noise, abs=0.01)
    fused = np.abs(fuse(boxes, learnt).edges_xyxy_px - true).mean()
    mean = np.abs(boxes.edges_xyxy_px.reshape(-1, 3, 4).mean(axis=1) - true).mean()
    best = np.abs(boxes.edges_xyxy_px[boxes.person == 0] - true).mean()
    assert fused < min(mean, best)


def test_boxes_that_nobody_else_drew_teach_nothing() -> None:
    learnt, pooled = learn_noise(drawn([[10, 10, 110, 60]], [0], [0]), 2, {})
    assert learnt == pytest.approx([EXPECTED_NOISE] * 2)
    assert pooled == pytest.approx(EXPECTED_NOISE)


def test_given_noise_stays_as_given() -> None:
    boxes, _ = hands([0.02, 0.05], 50, seed=2)
    assert learn_noise(boxes, 2, {1: 0.003})[0][1] == 0.003
