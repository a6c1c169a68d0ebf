"""Neighbour search and suppression against the obvious slow way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.detect.tiling import overlaps
from tasks.detect.tiling.overlaps import overlapping_pairs, suppress
from tasks.kinds.geometry import areas, paired_iou


def random_boxes(count, seed, spread=3.0):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 500, (count, 2))
    return np.hstack([corners, corners + np.exp(rng.uniform(0, spread * 2, (count, 2)))])


def all_pairs(boxes, groups):
    return [
        (i, j)
        for i in range(len(boxes))
        for j in range(i + 1, len(boxes))
        if groups[i] == groups[j]
        and (np.minimum(boxes[i, 2:], boxes[j, 2:]) > np.maximum(boxes[i, :2], boxes[j, :2])).all()
    ]


@given(st.integers(0, 60), st.integers(1, 3), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_the_neighbour_search_finds_exactly_the_overlapping_pairs(count, classes, seed):
    boxes = random_boxes(count, seed)
    groups = np.random.default_rng(seed).integers(0, classes, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaps, "_FEW", 0)
        first, second = overlapping_pairs(boxes, groups)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == all_pairs(boxes, groups)


def test_few_boxes_and_many_give_the_same_pairs(monkeypatch):
    boxes, groups = random_boxes(150, seed=1), np.zeros(150, dtype=np.int64)
    few = overlapping_pairs(boxes, groups)
    monkeypatch.setattr(overlaps, "_FEW", 0)
    assert all(np.array_equal(a, b) for a, b in zip(few, overlapping_pairs(boxes, groups), strict=True))


def test_a_size_ratio_loses_no_pair_of_similar_boxes(monkeypatch):
    monkeypatch.setattr(overlaps, "_FEW", 0)
    boxes, groups = random_boxes(300, seed=2), np.zeros(300, dtype=np.int64)
    near = set(zip(*(side.tolist() for side in overlapping_pairs(boxes, groups, 2.0)), strict=True))
    first, second = overlapping_pairs(boxes, groups)
    alike = paired_iou(boxes[first], boxes[second]) >= 0.5
    assert alike.any()
    assert set(zip(first[alike].tolist(), second[alike].tolist(), strict=True)) <= near


def test_no_boxes_make_no_pairs():
    first, second = overlapping_pairs(np.zeros((0, 4)), np.zeros(0, dtype=np.int64))
    assert len(first) == len(second) == 0


def test_iou_of_boxes_without_area_is_zero():
    point = np.array([[5.0, 5.0, 5.0, 5.0]])
    assert paired_iou(point, point).tolist() == [0.0]
    assert areas(np.array([[5.0, 5.0, 1.0, 9.0]])).tolist() == [0.0]


@given(st.integers(0, 40), st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
@settings(deadline=None)
def test_suppression_keeps_what_greedy_suppression_keeps(count, seed, share):
    boxes = random_boxes(count, seed, spread=2.5)
    first, second = overlapping_pairs(boxes, np.zeros(count, dtype=np.int64))
    conflict = paired_iou(boxes[first], boxes[second]) >= share * 0.5
    first, second = first[conflict], second[conflict]
    kept = []
    for rank in range(count):
        if not any((winner in kept) for winner, loser in zip(first, second, strict=True) if loser == rank):
            kept.append(rank)
    fallen_to = suppress(count, first, second)
    assert np.flatnonzero(fallen_to == np.arange(count)).tolist() == kept
    assert set(fallen_to.tolist()) <= set(kept)


def test_a_chain_of_rivals_keeps_every_other_one():
    fallen_to = suppress(5, np.arange(4), np.arange(1, 5))
    assert fallen_to.tolist() == [0, 0, 2, 2, 4]
