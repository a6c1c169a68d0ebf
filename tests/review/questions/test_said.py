"""What people said to the parts of an item is one answer: joined, newest first, and never half of the truth."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from blocks.database.tables import QuestionState
from blocks.errors import BadRegion
from tasks.review.questions.kinds.boxes.part import PicturePart
from tasks.review.questions.said import Counted, ItemAnswer, QuestionSoFar, WholeItemQuestion, answer_about

LEFT = PicturePart(frame=(0, 0, 100, 100), crop=(0, 0, 120, 100), number=1, of=2)
RIGHT = PicturePart(frame=(100, 0, 200, 100), crop=(80, 0, 200, 100), number=2, of=2)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
POSTED, CLOSED, ANSWERED = QuestionState.POSTED.value, QuestionState.CLOSED.value, QuestionState.ANSWERED.value


def box(id_: str, x: float, wide: float = 20) -> dict[str, Any]:
    edges = {"x_min": x, "y_min": 10.0, "x_max": x + wide, "y_max": 30.0}
    return {"id": id_, "class_name": "car", "untouched": False, **edges}


def said(
    part: PicturePart | None,
    *boxes: dict[str, Any],
    state: str = ANSWERED,
    round_: int = 0,
    prefill: tuple[str, ...] = (),
) -> QuestionSoFar:
    counted = Counted(NOON + timedelta(minutes=round_), f"{part.number if part else 0}:{round_}", list(boxes), True)
    payload = {"type": "boxes", "prefill": list(prefill), "part": part.model_dump(mode="json") if part else None}
    is_answered = state == ANSWERED
    return QuestionSoFar(round_, state, part.subject if part else "", payload, counted if is_answered else None, False)


def ids(answer: ItemAnswer) -> list[str]:
    return [label.id for label in answer.labels]


def test_parts_are_one_answer_and_each_label_has_the_answer_behind_it() -> None:
    about = answer_about([said(LEFT, box("a", 10), prefill=("a", "x")), said(RIGHT, box("b", 150), prefill=("y",))])
    assert (about.asked, ids(about)) == (WholeItemQuestion.ANSWERED, ["a", "b"])
    assert about.by_label == {"a": "1:0", "b": "2:0"}
    assert about.by_part == {LEFT.frame: "1:0", RIGHT.frame: "2:0"}
    assert about.prefill == {"a", "x", "y"}


def test_nothing_is_known_while_somebody_may_still_answer_a_part() -> None:
    assert answer_about([said(LEFT, box("a", 10)), said(RIGHT, state=POSTED)]).asked is WholeItemQuestion.OPEN


def test_a_part_that_ended_without_an_answer_is_named() -> None:
    about = answer_about([said(LEFT, box("a", 10)), said(RIGHT, state=CLOSED)])
    assert (about.asked, about.unanswered) == (WholeItemQuestion.ANSWERED, (RIGHT.frame,))


def test_parts_that_all_ended_without_an_answer_are_closed() -> None:
    assert answer_about([said(LEFT, state=CLOSED), said(RIGHT, state=CLOSED)]).asked is WholeItemQuestion.CLOSED


def test_a_part_asked_again_counts_as_it_was_answered_then() -> None:
    closed = said(RIGHT, state=CLOSED)
    about = answer_about([said(LEFT, box("a", 10)), closed, said(RIGHT, box("b", 150), round_=1)])
    assert (ids(about), about.unanswered) == (["a", "b"], ())
    assert answer_about([said(LEFT, box("a", 10)), closed, said(RIGHT, state=POSTED, round_=1)]).asked is (
        WholeItemQuestion.OPEN
    )


def test_an_answer_about_the_whole_later_counts_for_all_of_it() -> None:
    about = answer_about([said(LEFT, box("a", 10)), said(RIGHT, state=CLOSED), said(None, box("w", 50), round_=2)])
    assert (ids(about), about.answer_id, about.by_part) == (["w"], "0:2", {})


def test_while_nobody_has_answered_a_later_question_about_the_whole_its_parts_count() -> None:
    about = answer_about([said(LEFT, box("a", 10)), said(RIGHT), said(None, state=POSTED, round_=2)])
    assert (about.asked, ids(about)) == (WholeItemQuestion.ANSWERED, ["a"])


def test_a_part_said_later_than_the_whole_counts_there_and_the_whole_elsewhere() -> None:
    whole = said(None, box("w1", 50), box("w2", 150))
    about = answer_about([whole, said(RIGHT, box("b", 120), round_=1)])
    assert ids(about) == ["b", "w1"]
    assert about.by_label == {"b": "2:1", "w1": "0:0"}


def test_two_boxes_that_have_one_name_by_chance_are_two_labels() -> None:
    about = answer_about([said(LEFT, box("a", 10)), said(RIGHT, box("a", 150))])
    assert ids(about) == ["a", "a~part 100,0,200,100"]
    assert about.by_label["a~part 100,0,200,100"] == "2:0"


def test_an_object_at_the_cut_that_both_drew_is_one() -> None:
    about = answer_about([said(LEFT, box("a", 80, 30)), said(RIGHT, box("b", 81, 30))])
    assert ids(about) == ["a"]


def test_an_answer_that_cannot_be_read_is_named() -> None:
    with pytest.raises(BadRegion, match="stays in the catalogue"):
        answer_about([said(LEFT, {"id": "a"}), said(RIGHT)])


def test_a_part_cut_otherwise_and_asked_later_counts_where_it_lies() -> None:
    middle = PicturePart(frame=(60, 0, 140, 100), crop=(60, 0, 140, 100))
    first = said(LEFT, box("a", 10), box("gone", 70)), said(RIGHT, box("b", 150), box("moved", 110))
    about = answer_about([*first, said(middle, box("moved", 115), round_=3)])
    assert ids(about) == ["a", "b", "moved"]
    assert next(label.box_px for label in about.labels if label.id == "moved") == (115, 10, 135, 30)


def test_a_later_look_at_a_part_changes_nothing_until_it_is_answered() -> None:
    middle = PicturePart(frame=(60, 0, 140, 100), crop=(60, 0, 140, 100))
    first = said(LEFT, box("a", 10)), said(RIGHT, box("b", 150))
    for state in (POSTED, CLOSED):
        about = answer_about([*first, said(middle, state=state, round_=3)])
        assert (about.asked, ids(about), about.unanswered) == (WholeItemQuestion.ANSWERED, ["a", "b"], ())
