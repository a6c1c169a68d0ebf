"""Boxes of a colour that their class never has."""

import numpy as np
import pytest

from blocks.errors import BadInput
from tasks.triage.odd_colours import MOST_KNOWN, box_colours, learn_colours, odd_colour_reasons
from tasks.triage.oddities import MIN_BOXES
from tasks.triage.reasons import Why, why_of

GREY = (60.0, 0.0, 0.0)


def names(count: int) -> np.ndarray:
    return np.array(["car"] * count)


def around(colour: tuple[float, float, float], count: int = 60) -> np.ndarray:
    return np.random.default_rng(0).normal(colour, 1, (count, 3))


@pytest.mark.parametrize(
    ("colour", "words"),
    [((20, 0, 0), "darker"), ((60, 40, 0), "redder"), ((95, 0, -40), "brighter and bluer"), ((63, 2, -2), "")],
)
def test_a_colour_far_from_the_usual_is_said_in_words(colour: tuple[float, float, float], words: str) -> None:
    usual = learn_colours(around(GREY), names(60))
    said = odd_colour_reasons(np.array([colour]), names(1), usual, 3.5)[0]
    assert said == ([f"much {words} than a car usually is"] if words else [])
    assert all(why_of(reason) is Why.ODD_COLOUR for reason in said)


def test_in_a_class_of_many_colours_none_is_odd() -> None:
    wild = np.random.default_rng(0).uniform([0, -60, -60], [100, 60, 60], (100, 3))
    usual = learn_colours(wild, names(100))
    assert odd_colour_reasons(np.array([(0.0, 60.0, -60.0)]), names(1), usual, 3.5) == [[]]


def test_a_colour_that_some_others_of_the_class_have_too_is_not_odd() -> None:
    red = (50.0, 60.0, 40.0)
    mostly_grey = np.concatenate([around(GREY, 57), around(red, 3)])
    usual = learn_colours(mostly_grey, names(60))
    assert odd_colour_reasons(mostly_grey, names(60), usual, 3.5) == [[]] * 60
    alone = np.concatenate([around(GREY, 59), around(red, 1)])
    said = odd_colour_reasons(alone, names(60), learn_colours(alone, names(60)), 3.5)
    assert [bool(why) for why in said] == [False] * 59 + [True]


def test_of_many_colours_some_are_remembered() -> None:
    usual = learn_colours(around(GREY, 3 * MOST_KNOWN + 1), names(3 * MOST_KNOWN + 1))
    assert MOST_KNOWN / 2 < len(usual["car"].known) <= MOST_KNOWN


def test_a_box_is_as_its_inner_part_is() -> None:
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    image[40:60, 40:60] = (0, 0, 255)
    lightness, red, _ = box_colours(image, np.array([(35.0, 35.0, 65.0, 65.0)]))[0]
    assert lightness == pytest.approx(53, abs=1)
    assert red == pytest.approx(80, abs=1)


def test_a_box_outside_the_image_or_of_no_numbers_has_no_colour() -> None:
    image = np.zeros((10, 10, 3), dtype=np.uint8)
    colours = box_colours(image, np.array([(50.0, 50.0, 60.0, 60.0), (np.nan, 0, 5, 5)]))
    assert np.isnan(colours).all()
    assert odd_colour_reasons(colours, names(2), learn_colours(around(GREY), names(60)), 3.5) == [[], []]
    assert box_colours(image, np.zeros((0, 4))).shape == (0, 3)


def test_too_few_boxes_teach_nothing() -> None:
    assert learn_colours(around(GREY, MIN_BOXES - 1), names(MIN_BOXES - 1)) == {}
    assert learn_colours(np.zeros((0, 3)), names(0)) == {}


def test_not_one_colour_for_each_box_is_refused() -> None:
    with pytest.raises(BadInput, match="expected \\(boxes, 3\\)"):
        learn_colours(np.zeros((4, 2)), names(4))
