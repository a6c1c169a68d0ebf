"""A part of a picture: nothing moves on the way to what is shown and back, and an object at a cut counts once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadRegion
from tasks.kinds.geometry import bounds_of
from tasks.review.questions.kinds.boxes.part import DrawnPart, PicturePart, is_part, said_twice
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.correct import CORRECT, CorrectPayload
from tasks.review.questions.queue import mark_missed_queue

QUEUE = mark_missed_queue(("car", "truck"))
WIDTH, HEIGHT = 4000, 3000
LEFT, RIGHT = (0, 0, 100, 100), (100, 0, 200, 100)


@st.composite
def asked_in_a_part(draw: st.DrawFn) -> CorrectPayload:
    x_min, y_min = draw(st.integers(0, WIDTH - 300)), draw(st.integers(0, HEIGHT - 300))
    crop = (x_min, y_min, draw(st.integers(x_min + 200, WIDTH)), draw(st.integers(y_min + 200, HEIGHT)))
    part = PicturePart(frame=crop, crop=crop)
    share = st.floats(0, 1, allow_subnormal=False)
    boxes = []
    for number in range(draw(st.integers(0, 5))):
        across, down = (sorted((draw(share), draw(share))) for _ in "xy")
        low, high = (crop[0] + across[0] * part.size_wh[0], crop[1] + down[0] * part.size_wh[1]), (across[1], down[1])
        edges = {"x_min": low[0], "y_min": low[1]}
        edges |= {"x_max": crop[0] + high[0] * part.size_wh[0], "y_max": crop[1] + high[1] * part.size_wh[1]}
        if edges["x_max"] - edges["x_min"] > 1 and edges["y_max"] - edges["y_min"] > 1:
            boxes.append(ShownBox(id=f"p{number}", class_name="car", score=0.5, sure=bool(number % 2), **edges))
    return CorrectPayload(width=WIDTH, height=HEIGHT, boxes=boxes, prefill=[box.id for box in boxes], part=part)


@given(asked_in_a_part())
def test_what_nobody_moves_comes_back_to_the_last_bit(payload: CorrectPayload) -> None:
    answered = CORRECT.parse(payload, CORRECT.shown(payload), QUEUE).said
    assert [(box["id"], box["untouched"]) for box in answered] == [(box.id, True) for box in payload.boxes]
    for box, was in zip(answered, payload.boxes, strict=True):
        assert tuple(box[name] for name in ("x_min", "y_min", "x_max", "y_max")) == bounds_of(was)


def test_what_is_drawn_in_a_part_lies_in_the_item() -> None:
    part = PicturePart(frame=(1000, 500, 1200, 600), crop=(980, 480, 1220, 620))
    payload = CorrectPayload(width=WIDTH, height=HEIGHT, part=part)
    drawn = ShownBox(id="new", class_name="truck", score=0, x_min=20, y_min=30, x_max=60, y_max=70)
    as_sent = CORRECT.shown(CorrectPayload(width=240, height=140, boxes=[drawn]))
    (box,) = CORRECT.parse(payload, as_sent, QUEUE).said
    edges = [box[name] for name in ("x_min", "y_min", "x_max", "y_max")]
    assert edges == pytest.approx([1000, 510, 1040, 550], abs=1e-9)


def test_a_box_drawn_on_another_cut_of_the_picture_is_refused() -> None:
    part = PicturePart(frame=(0, 0, 200, 100), crop=(0, 0, 200, 100))
    drawn = ShownBox(id="new", class_name="car", score=0, x_min=20, y_min=30, x_max=60, y_max=70)
    as_sent = CORRECT.shown(CorrectPayload(width=300, height=300, boxes=[drawn]))
    with pytest.raises(BadRegion, match="drawn on a picture of 300×300 px"):
        CORRECT.parse(CorrectPayload(width=WIDTH, height=HEIGHT, part=part), as_sent, QUEUE)


def test_a_part_is_told_from_a_box() -> None:
    assert is_part(PicturePart(frame=(0, 1, 2, 3), crop=(0, 1, 2, 3)).subject)
    assert not is_part("") and not is_part("p0") and not is_part("participle")


def drawn(frame: tuple[int, int, int, int], *boxes: tuple[float, float, float, float], **more: object) -> DrawnPart:
    names = more.get("names", ["car"] * len(boxes))
    shown = more.get("shown", [False] * len(boxes))
    return DrawnPart(frame, np.array(boxes, np.float64).reshape(-1, 4), names, shown)  # type: ignore[arg-type]


def test_an_object_at_a_cut_counts_where_its_middle_lies() -> None:
    here, there = drawn(LEFT, (70, 10, 125, 40)), drawn(RIGHT, (72, 11, 126, 41))
    assert said_twice([here, there]) == {(1, 0)}
    assert said_twice([drawn(LEFT, (79, 10, 125, 40)), drawn(RIGHT, (78, 10, 126, 40))]) == {(0, 0)}


def test_an_object_that_its_own_part_does_not_have_stays_with_the_other() -> None:
    assert said_twice([drawn(LEFT, (80, 10, 130, 40)), drawn(RIGHT)]) == set()


def test_a_box_that_was_shown_stays_before_one_that_was_drawn() -> None:
    # Both think that the middle is theirs: the object lies on the cut.
    here, there = drawn(LEFT, (70, 10, 129, 40)), drawn(RIGHT, (71, 10, 131, 40), shown=[True])
    assert said_twice([here, there]) == {(0, 0)}


def test_two_boxes_that_were_shown_are_two_objects_and_so_are_two_classes() -> None:
    both = drawn(LEFT, (70, 10, 129, 40), shown=[True]), drawn(RIGHT, (71, 10, 131, 40), shown=[True])
    assert said_twice(both) == set()
    assert said_twice([drawn(LEFT, (70, 10, 129, 40)), drawn(RIGHT, (71, 10, 131, 40), names=["truck"])]) == set()
