"""Every kind keeps what the protocol promises; what is no kind, or not of a line's kind, is refused by name."""

from types import SimpleNamespace

import numpy as np
import pytest

from blocks.errors import BadOption, BadShape
from blocks.shapes import SHAPES, Box, Whole
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import KINDS, kind_with_shapes, label_kind


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_says_which_shapes_it_has_and_from_when_on_two_are_one(kind: LabelKind) -> None:
    assert kind.shapes and kind.shapes <= set(SHAPES.json_schema()["discriminator"]["mapping"])
    assert 0 < kind.same_from <= kind.right_from <= 1
    assert kind.similarity([], []).shape == (0, 0)
    assert kind.asked_as and kind.proposer and kind.trainer


def test_a_kind_is_found_by_its_name() -> None:
    assert all(label_kind(name) is kind for name, kind in KINDS.items())
    with pytest.raises(BadOption, match=r"'boxs' is no kind of label \(known: boxes"):
        label_kind("boxs")


def test_shapes_that_no_kind_has_together_are_refused_by_name() -> None:
    assert kind_with_shapes(["box", "box"]).name == kind_with_shapes([]).name == "boxes"
    with pytest.raises(BadShape, match=r"no kind of label has shapes of type box and span \(known: boxes: box"):
        kind_with_shapes(["span", "box"])


def row(class_name: str, *edges: float) -> SimpleNamespace:
    return SimpleNamespace(class_name=class_name, x_min=edges[0], y_min=edges[1], x_max=edges[2], y_max=edges[3])


def test_boxes_are_as_alike_as_they_overlap_whatever_their_class() -> None:
    here, half, away = row("car", 0, 0, 10, 10), row("van", 0, 0, 10, 5), row("car", 50, 50, 60, 60)
    assert label_kind("boxes").similarity([here], [here, half, away]).tolist() == [[1.0, 0.5, 0.0]]


def test_boxes_are_the_same_but_for_rounding() -> None:
    same = label_kind("boxes").is_same
    assert same(row("car", 0, 0, 10, 10), row("car", 0.009, 0, 10, 10))
    assert not same(row("car", 0, 0, 10, 10), row("car", 0.011, 0, 10, 10))
    assert not same(row("car", 0, 0, 10, 10), row("van", 0, 0, 10, 10))


def test_a_fused_box_lies_between_and_nearer_to_who_weighs_more() -> None:
    boxes = [Box(x_min=edge, y_min=0, x_max=100 + edge, y_max=100) for edge in (0, 4)]
    alone, even, uneven = (
        label_kind("boxes").fuse(boxes[: len(weights)], weights).bounds() for weights in ([1], [1, 1], [3, 1])
    )
    assert alone == pytest.approx((0, 0, 100, 100))
    assert even == pytest.approx((2, 0, 102, 100))
    assert uneven is not None and 0 < uneven[0] < 2


def test_a_shape_is_drawn_at_the_scale_of_the_picture_and_what_has_no_edges_is_not() -> None:
    picture = np.zeros((50, 50, 3), np.uint8)
    label_kind("boxes").draw(picture, Whole(), (255, 255, 255), 1, 0.5)
    assert not picture.any()
    label_kind("boxes").draw(picture, Box(x_min=20, y_min=20, x_max=60, y_max=60), (255, 255, 255), 1, 0.5)
    assert picture[10, 10:30].all() and picture[10:30, 10].all() and not picture[15, 15].any()
