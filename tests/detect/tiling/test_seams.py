"""What makes tiled detection good or bad: one object, one box, with its own edges; and neighbours stay neighbours."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.detect.options import TilingOptions
from tasks.detect.tiling.seams import Merged, Seen, merge_views
from tasks.detect.tiling.tiles import regions_of
from tasks.kinds.geometry import paired_iou
from tests.detect.scenes import seen_of
from tests.examples import examples

SIZE_WH = (1920, 1400)


def merge(objects, *, size_wh=SIZE_WH, class_ids=None, seed=0, snug=False, join=1, **options) -> tuple[Merged, Seen]:
    chosen = TilingOptions(**options)
    regions = regions_of(size_wh, chosen.tile_px, chosen.overlap_share, chosen.whole_image, snug, join)
    seen = seen_of(np.asarray(objects, dtype=np.float64).reshape(-1, 4), regions, class_ids, seed)
    return merge_views(seen, regions, chosen), seen


@st.composite
def one_object(draw, longest=900):
    width, height = draw(st.integers(12, longest)), draw(st.integers(12, longest))
    x_min, y_min = draw(st.integers(0, SIZE_WH[0] - width)), draw(st.integers(0, SIZE_WH[1] - height))
    return [x_min, y_min, x_min + width, y_min + height]


def test_no_detections_merge_into_none():
    merged, _ = merge([])
    assert len(merged) == 0
    assert merged.parts() == []


@given(
    one_object(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.1, 0.2, 0.5]),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=examples(100, long=8000))
def test_one_object_in_many_tiles_comes_back_once(box, whole_image, snug, join, overlap_share, seed):
    merged, seen = merge([box], whole_image=whole_image, overlap_share=overlap_share, seed=seed, snug=snug, join=join)
    assert len(merged) == 1
    assert paired_iou(merged.boxes_xyxy_px, np.array([box], dtype=float))[0] > 0.97
    assert merged.scores[0] == seen.scores.max()
    assert merged.parts()[0].tolist() == list(range(len(seen)))


@given(st.integers(0, 2**32 - 1), st.integers(0, 99))
@settings(deadline=None, max_examples=examples(60))
def test_the_order_of_tiles_and_detections_changes_nothing(seed, scores_seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 1100, (40, 2))
    objects = np.hstack([corners, corners + rng.uniform(10, 300, (40, 2))])
    options = TilingOptions()
    regions = regions_of(SIZE_WH, 640, 0.2, True)
    seen = seen_of(objects, regions, rng.integers(0, 3, 40), scores_seed)
    shuffled = rng.permutation(len(seen))
    a, b = merge_views(seen, regions, options), merge_views(seen[shuffled], regions, options)
    assert np.array_equal(a.boxes_xyxy_px, b.boxes_xyxy_px)
    assert np.array_equal(a.scores, b.scores)
    assert np.array_equal(a.class_ids, b.class_ids)
    assert np.array_equal(a.best, shuffled[b.best])
    assert np.array_equal(a.merged_into[shuffled], b.merged_into)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=examples(60))
def test_every_detection_ends_in_exactly_one_box(seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 1100, (60, 2))
    merged, seen = merge(np.hstack([corners, corners + rng.uniform(3, 200, (60, 2))]), class_ids=rng.integers(0, 2, 60))
    parts = merged.parts()
    assert all(len(some) for some in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(seen)))
    assert all(row in merged.merged_into[[merged.best[row]]] for row in range(len(merged)))
    assert (np.diff(merged.scores) <= 0).all()


@pytest.mark.parametrize("join", [1, 2, 3])
@pytest.mark.parametrize("phase", range(0, 430, 37))
def test_parked_neighbours_are_never_swallowed(phase, join):
    cars = [[phase + 44 * n, 400 + 10 * (n % 2), phase + 44 * n + 40, 480] for n in range(34)]
    merged, _ = merge(cars, join=join)
    assert len(merged) == len(cars)


def test_half_covered_neighbours_of_one_class_both_stay():
    merged, _ = merge([[600, 300, 700, 360], [640, 320, 690, 370]])
    assert len(merged) == 2


@pytest.mark.parametrize(("right_px", "boxes"), [(604, 2), (612, 1)])
def test_fragments_are_of_one_object_where_most_of_the_smaller_lies_in_the_other(right_px, boxes):
    regions = regions_of((1152, 640), 640, 0.2, False)  # two tiles, and both see x from 512 to 640
    cut_by_the_left, cut_by_the_right = [560, 100, 640, 150], [512, 100, right_px, 150]  # 55 and 65 % of 80 px
    seen = Seen(
        np.array([cut_by_the_left, cut_by_the_right], dtype=float), np.array([0.9, 0.8]), np.zeros(2, int), np.arange(2)
    )
    assert len(merge_views(seen, regions, TilingOptions(seam_iou=0.2))) == boxes


def test_two_rows_of_cars_across_a_seam_are_not_joined_crosswise():
    cars = [
        [380 + 300 * column, 100 + 26 * row, 380 + 300 * column + 260, 122 + 26 * row]
        for column in (0, 1)
        for row in range(20)
    ]
    merged, _ = merge(cars, whole_image=False)
    assert len(merged) == len(cars)
    assert np.allclose(np.unique(merged.boxes_xyxy_px, axis=0), np.unique(np.array(cars, dtype=float), axis=0))


def test_what_is_larger_than_a_tile_takes_the_edges_of_the_whole_image_pass():
    regions = regions_of(SIZE_WH, 640, 0.2, True)
    seen = seen_of(np.array([[100.0, 100.0, 1000.0, 700.0]]), regions)
    coarse = np.array([103.0, 98.0, 1004.0, 695.0])
    seen.boxes_xyxy_px[regions.whole[seen.views]] = coarse
    merged = merge_views(seen, regions, TilingOptions())
    assert merged.boxes_xyxy_px.tolist() == [coarse.tolist()]
    assert regions.kind(seen.views[merged.best[0]]) == "whole"


@pytest.mark.parametrize(("whole_score", "boxes"), [(0.4, 2), (0.9, 1)])
def test_a_doubtful_whole_image_box_of_another_size_does_not_take_a_complete_join(whole_score, boxes):
    # A white cell of `bccd` that two tiles saw, and a box over it and all around it that the whole image showed.
    regions = regions_of((640, 480), 320, 0.2, True)
    views = [regions.xyxy_px.tolist().index(tile) for tile in ([160, 160, 480, 480], [320, 160, 640, 480])]
    edges = np.array([[260.0, 188, 480, 420], [323.0, 191, 490, 412], [203.0, 89, 577, 417]])
    scores = np.array([0.76, 0.37, whole_score])
    seen = Seen(edges, scores, np.zeros(3, dtype=np.int64), np.array([*views, len(regions.whole) - 1]))
    merged = merge_views(seen, regions, TilingOptions(tile_px=320))
    assert len(merged) == boxes
    cell = np.array([[246.0, 211, 477, 415]] * boxes)
    assert (paired_iou(merged.boxes_xyxy_px, cell).max() > 0.7) == (whole_score < 0.76)


def test_what_fits_a_tile_takes_the_edges_that_a_tile_saw():
    regions = regions_of(SIZE_WH, 640, 0.2, True)
    box = np.array([[60.0, 80.0, 120.0, 130.0]])
    seen = seen_of(box, regions)
    seen.boxes_xyxy_px[regions.whole[seen.views]] += [3, -2, 4, 3]
    seen.scores[regions.whole[seen.views]] = 0.99
    merged = merge_views(seen, regions, TilingOptions())
    assert merged.boxes_xyxy_px.tolist() == box.tolist()
    assert merged.scores.tolist() == [0.99]
    assert not merged.seam[0]


def test_a_join_is_known_to_be_one_and_names_its_parts():
    merged, seen = merge([[200, 100, 700, 180]], whole_image=False)
    assert merged.seam.tolist() == [True]
    assert set(seen.views[merged.parts()[0]].tolist()) == {0, 1}


def test_two_classes_at_one_place_are_one_object_with_the_better_name():
    regions = regions_of((640, 640), 640, 0.2, True)
    boxes = np.array([[100.0, 100, 200, 150], [101.0, 101, 201, 151], [400.0, 400, 440, 440]])
    seen = Seen(boxes, np.array([0.4, 0.6, 0.5]), np.array([0, 1, 1]), np.zeros(3, dtype=np.int64))
    assert merge_views(seen, regions, TilingOptions()).class_ids.tolist() == [1, 1]
    apart = merge_views(seen, regions, TilingOptions(rival_iou=1.0))
    assert sorted(apart.class_ids.tolist()) == [0, 1, 1]


def test_fragments_of_different_classes_are_not_joined():
    regions = regions_of((1152, 640), 640, 0.2, False)
    boxes = np.array([[300.0, 100, 640, 150], [512.0, 100, 900, 150]])
    seen = Seen(boxes, np.array([0.5, 0.6]), np.array([0, 1]), np.array([0, 1]))
    assert len(merge_views(seen, regions, TilingOptions(whole_image=False))) == 2
    same = Seen(boxes, seen.scores, np.zeros(2, dtype=np.int64), seen.views)
    merged = merge_views(same, regions, TilingOptions(whole_image=False))
    assert merged.boxes_xyxy_px.tolist() == [[300, 100, 900, 150]]


def test_a_fragment_that_stops_short_of_the_seam_is_still_one():
    regions = regions_of((1152, 640), 640, 0.2, False)
    boxes = np.array([[300.0, 101, 637, 150], [515.0, 100, 900, 152]])
    seen = Seen(boxes, np.array([0.5, 0.6]), np.zeros(2, dtype=np.int64), np.array([0, 1]))
    merged = merge_views(seen, regions, TilingOptions(whole_image=False))
    assert merged.boxes_xyxy_px.tolist() == [[300, 100, 900, 152]]


def test_objects_at_every_phase_against_the_grid_leave_no_duplicates():
    wrong = total = 0
    for side in range(50, 901, 85):
        for phase in range(0, 512, 13):
            box = [100 + phase, 60 + phase // 2, 100 + phase + side, 60 + phase // 2 + max(20, side * 2 // 5)]
            merged, _ = merge([box], seed=phase)
            good = len(merged) == 1 and paired_iou(merged.boxes_xyxy_px, np.array([box], dtype=float))[0] > 0.95
            wrong, total = wrong + (not good), total + 1
    assert wrong / total <= 0.01


def test_a_hundred_thousand_detections_merge_in_seconds():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 19_900, (40_000, 2))
    objects = np.hstack([corners, corners + rng.uniform(10, 60, (40_000, 2))])
    options = TilingOptions(tile_px=1024)
    regions = regions_of((20_000, 20_000), 1024, 0.2, True)
    seen = seen_of(objects, regions)
    assert len(seen) > 95_000
    start = time.thread_time()  # of a processor: how busy the machine is does not count
    merged = merge_views(seen, regions, options)
    assert time.thread_time() - start < 10  # it takes 0.5 s
    assert abs(len(merged) - len(objects)) < 0.02 * len(objects)
