"""Boxes where their class never is, and items with too many or too few."""

import numpy as np
import pytest

from tasks.triage.boxes import Boxes, boxes_from_rows
from tasks.triage.outliers.box_place import MIN_ITEMS, learn_places, odd_count_reasons, odd_place_reasons
from tasks.triage.outliers.box_shape import MIN_BOXES


def boxes_at(middles: list[tuple[float, float]], name: str = "sign", items: list[str] | None = None) -> Boxes:
    rows = [
        (f"p{i}", items[i] if items else "item", name, 0.9, x - 10, y - 10, x + 10, y + 10, 1000, 500)
        for i, (x, y) in enumerate(middles)
    ]
    return boxes_from_rows(rows)


@pytest.fixture
def signs() -> Boxes:
    """Signs stand in the upper right, a little scattered."""
    return boxes_at([(float(x), float(y)) for x, y in np.random.default_rng(0).normal([800, 100], 15, (100, 2))])


@pytest.mark.parametrize(
    ("place", "words"), [((200, 100), "left of"), ((800, 400), "below"), ((800, 100), ""), ((820, 90), "")]
)
def test_a_sign_far_from_where_signs_are_is_odd(signs: Boxes, place: tuple[float, float], words: str) -> None:
    said = odd_place_reasons(boxes_at([place]), learn_places([signs]), 3.5)[0]
    assert said == ([f"far {words} where a sign usually is"] if words else [])


def test_what_may_be_anywhere_is_odd_nowhere() -> None:
    rng = np.random.default_rng(0)
    cars = boxes_at([(float(x), float(y)) for x, y in rng.uniform([0, 0], [1000, 500], (100, 2))], "car")
    corners = boxes_at([(0, 0), (1000, 500)], "car")
    assert odd_place_reasons(corners, learn_places([cars]), 3.5) == [[], []]


def test_too_few_boxes_teach_nothing() -> None:
    assert learn_places([boxes_at([(800, 100)] * (MIN_BOXES - 1))]) == {}
    assert learn_places([boxes_at([])]) == {}


def test_a_box_without_a_place_is_not_judged_here(signs: Boxes) -> None:
    assert odd_place_reasons(boxes_at([(float("nan"), 100)]), learn_places([signs]), 3.5) == [[]]


def counted(counts: list[int]) -> tuple[Boxes, list[str]]:
    names = [f"item-{number}" for number in range(len(counts))]
    owners = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    return boxes_at([(100, 100)] * len(owners), items=owners), names


def test_items_with_far_more_or_none_at_all_are_odd() -> None:
    counts = [9, 10, 11, 10] * 10
    counts[3], counts[8] = 60, 0
    found = odd_count_reasons(*counted(counts), 3.5)
    assert found == {
        "item-3": ["60 of class sign where 10 is usual"],
        "item-8": ["0 of class sign where 10 is usual"],
    }


def test_one_more_than_usual_is_not_odd() -> None:
    assert odd_count_reasons(*counted([2] * 39 + [3]), 3.5) == {}


def test_of_few_items_none_is_odd() -> None:
    assert odd_count_reasons(*counted([1] * (MIN_ITEMS - 2) + [500]), 3.5) == {}
    assert odd_count_reasons(*counted([]), 3.5) == {}
