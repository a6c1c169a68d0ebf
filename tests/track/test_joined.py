"""What is followed and what a detector sees in a frame: one set of boxes, each object once."""

import pytest

from tasks.track.clip import FollowedBox
from tasks.track.joined import BESIDE_SCORE, SURE_FROM, SeenBox, join_seen

HERE, BESIDE, FAR = (10.0, 10.0, 50.0, 50.0), (14.0, 10.0, 54.0, 50.0), (100.0, 10.0, 140.0, 50.0)


def followed(box: tuple[float, float, float, float] = HERE, name: str = "tie", trust: float = 0.4) -> FollowedBox:
    return FollowedBox(name, box, "a", trust)


def test_of_nothing_comes_nothing() -> None:
    assert join_seen([], []) == []


def test_what_only_is_followed_stays_as_it_is() -> None:
    assert join_seen([followed()], []) == [followed()]


def test_what_only_is_seen_has_its_score_and_no_track() -> None:
    assert join_seen([], [SeenBox("tie", FAR, 0.7)]) == [FollowedBox("tie", FAR, "", 0.7)]


def test_what_both_say_is_one_box_between_them_and_trusted_more_than_either() -> None:
    (both,) = join_seen([followed()], [SeenBox("tie", BESIDE, 0.6)])
    assert both.track == "a" and both.trust == pytest.approx(1 - 0.6 * 0.4)
    assert both.box_xyxy_px == (12, 10, 52, 50)


def test_a_weak_detection_moves_no_box() -> None:
    (both,) = join_seen([followed()], [SeenBox("tie", BESIDE, SURE_FROM - 0.01)])
    assert both.box_xyxy_px == HERE and both.trust > 0.4


def test_people_have_named_what_is_followed_so_another_class_there_is_not_shown() -> None:
    assert join_seen([followed()], [SeenBox("falcon", BESIDE, 0.9)]) == [followed()]


def test_a_faint_detection_beside_what_is_followed_asks_nobody_and_one_of_it_still_counts() -> None:
    faint = BESIDE_SCORE - 0.01
    assert join_seen([followed()], [SeenBox("tie", FAR, faint)]) == [followed()]
    assert len(join_seen([followed()], [SeenBox("tie", FAR, BESIDE_SCORE)])) == 2
    (both,) = join_seen([followed()], [SeenBox("tie", BESIDE, faint)])
    assert both.trust > 0.4


def test_each_detection_is_of_one_object_and_the_best_come_first() -> None:
    found = join_seen([followed(trust=0.2)], [SeenBox("tie", HERE, 0.5), SeenBox("tie", FAR, 0.9)])
    assert [(box.track, box.box_xyxy_px) for box in found] == [("", FAR), ("a", HERE)]
