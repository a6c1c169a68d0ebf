"""What a run is compared with: labelling by hand, drawn in the same way as its own people draw."""

import pytest

from infra.demo.outcome import share_of_by_hand
from tasks.review.questions.kinds.boxes.extreme_points import Drawing
from tasks.settle.effort import Effort, QueueTime


@pytest.mark.parametrize(
    ("drawing", "by_hand_s"), [("corners", 10 * 25.5 + 2 * 7.8), ("extreme_points", 10 * 7.0 + 2 * 7.8)]
)
def test_a_run_is_compared_with_drawing_in_the_same_way(drawing: Drawing, by_hand_s: float) -> None:
    time = QueueTime(queue="mark-missed", person="ada@example.org", answers=2, seconds=60.0)
    counts = {"questions_asked": 2, "questions_answered": 2, "images": 2, "boxes_whole_frame": 0, "boxes_tiled": 0}
    effort = Effort(batch_id="b", times=(time,), labels=10, **counts)
    assert share_of_by_hand(effort, drawing) == pytest.approx(60 / by_hand_s, abs=1e-4)


def test_without_labels_and_pictures_there_is_nothing_to_compare_with() -> None:
    counts = {"questions_asked": 0, "questions_answered": 0, "images": 0, "boxes_whole_frame": 0, "boxes_tiled": 0}
    assert share_of_by_hand(Effort(batch_id="b", times=(), labels=0, **counts), "corners") is None
