"""Everything that consensus says rests on which boxes are held for one object, so that is tested by itself."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from blocks.errors import BadInput
from tasks.kinds.boxes.kind import BOXES
from tasks.kinds.geometry import edges_of, iou_of_all
from tasks.review.consensus.box_matching import PersonAnswer, match_boxes
from tests.examples import examples
from tests.review.people import HERE, THERE, box, moved, said

corners = st.integers(0, 60).map(float)
sides = st.integers(5, 60).map(float)
boxes = st.builds(
    lambda x, y, w, h, c: box((x, y, x + w, y + h), c), corners, corners, sides, sides, st.sampled_from(["car", "van"])
)
answers_of_people = st.lists(st.lists(boxes, max_size=4), max_size=4).map(
    lambda many: [PersonAnswer(f"p{index}", tuple(drawn)) for index, drawn in enumerate(many)]
)


def test_nobody_answered_nothing_is_there() -> None:
    assert match_boxes("q", []).objects == ()


def test_who_drew_nothing_has_answered_all_the_same() -> None:
    matched = match_boxes("q", [said("ben"), said("ada", HERE)])
    assert matched.people == ("ada", "ben")
    assert [one.people for one in matched.objects] == [("ada",)]


def test_boxes_of_one_object_come_together_and_others_stay_apart() -> None:
    matched = match_boxes("q", [said("ada", HERE, THERE), said("ben", moved(THERE, 5), moved(HERE, 4))])
    assert [one.people for one in matched.objects] == [("ada", "ben"), ("ada", "ben")]
    assert [one.boxes[1].x_min for one in matched.objects] == [104.0, 405.0]


def test_two_boxes_of_one_person_are_never_one_object() -> None:
    matched = match_boxes("q", [said("ada", HERE, moved(HERE, 3)), said("ben", moved(HERE, 2))])
    assert sorted(len(one.people) for one in matched.objects) == [1, 2]


def test_neighbours_that_overlap_are_told_apart_by_the_optimum_not_by_the_nearest() -> None:
    # Greedy would give ben's first box to ada's second (IoU 0.71 instead of 0.6), and leave two boxes alone.
    ada = said("ada", (0, 0, 100, 50), (42, 0, 142, 50))
    ben = said("ben", (25, 0, 125, 50), (67, 0, 167, 50))
    assert [one.people for one in match_boxes("q", [ada, ben]).objects] == [("ada", "ben"), ("ada", "ben")]


def test_three_people_are_grouped_by_all_their_overlaps_not_by_a_chain() -> None:
    chain = [said("ada", HERE), said("ben", moved(HERE, 30)), said("chi", moved(HERE, 75))]
    assert sorted(one.people for one in match_boxes("q", chain).objects) == [("ada", "ben"), ("chi",)]


def test_of_two_boxes_in_one_place_those_of_one_class_belong_together() -> None:
    ada = said("ada", box(HERE, "car"), box(HERE, "van"))
    ben = said("ben", box(HERE, "van"), box(HERE, "car"))
    classes = [{drawn.class_name for drawn in one.boxes} for one in match_boxes("q", [ada, ben]).objects]
    assert sorted(map(sorted, classes)) == [["car"], ["van"]]


def test_two_answers_of_one_person_are_refused_by_name() -> None:
    with pytest.raises(BadInput, match="two answers of 'ada'"):
        match_boxes("q", [said("ada", HERE), said("ada")])
    with pytest.raises(BadInput, match="two answers of 'ben'"):  # and nobody else's name
        match_boxes("q", [said("ada", HERE), said("ben", HERE), said("chi"), said("ben")])


@given(answers_of_people, st.randoms(use_true_random=False))
@settings(max_examples=examples(60), deadline=None)
def test_the_order_of_answers_and_boxes_changes_nothing(answers: list[PersonAnswer], chance: random.Random) -> None:
    shuffled = [PersonAnswer(one.person, tuple(chance.sample(one.boxes, len(one.boxes)))) for one in answers]
    chance.shuffle(shuffled)
    assert match_boxes("q", shuffled) == match_boxes("q", answers)


@given(answers_of_people)
@settings(max_examples=examples(60), deadline=None)
def test_every_box_is_in_one_group_with_at_most_one_box_a_person(answers: list[PersonAnswer]) -> None:
    matched = match_boxes("q", answers)
    grouped = sorted(
        (name, drawn.model_dump_json())
        for one in matched.objects
        for name, drawn in zip(one.people, one.boxes, strict=True)
    )
    assert grouped == sorted((one.person, drawn.model_dump_json()) for one in answers for drawn in one.boxes)
    assert all(len(set(one.people)) == len(one.people) for one in matched.objects)


@given(st.lists(boxes, min_size=1, max_size=5), st.lists(boxes, min_size=1, max_size=5))
@settings(max_examples=examples(60), deadline=None)
def test_for_two_people_it_is_the_optimal_assignment(first: list, second: list) -> None:
    one_class = [[drawn.model_copy(update={"class_name": "car"}) for drawn in drawn_by] for drawn_by in (first, second)]
    overlaps = iou_of_all(edges_of(one_class[0]), edges_of(one_class[1]))
    gain = np.where(overlaps >= BOXES.same_from, overlaps - BOXES.same_from + 0.05, 0.0)  # at the limit is the same
    best = gain[linear_sum_assignment(gain, maximize=True)].sum()
    matched = match_boxes("q", [PersonAnswer("ada", tuple(one_class[0])), PersonAnswer("ben", tuple(one_class[1]))])
    pairs = [edges_of(one.boxes) for one in matched.objects if len(one.boxes) == 2]
    assert sum(iou_of_all(pair[:1], pair[1:])[0, 0] - BOXES.same_from + 0.05 for pair in pairs) == pytest.approx(best)


def test_a_crowded_picture_of_many_people_takes_no_time() -> None:
    grid = [(x * 40.0, y * 40.0, x * 40.0 + 36, y * 40.0 + 36) for x in range(16) for y in range(16)]
    answers = [said(f"p{who}", *(moved(edges, who, -who) for edges in grid)) for who in range(4)]
    matched = match_boxes("q", answers)
    assert len(matched.objects) == 256
    assert all(len(one.people) == 4 for one in matched.objects)
