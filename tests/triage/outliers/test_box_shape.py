"""Odd boxes: of an unusual size or shape for their class."""

import numpy as np
import pytest

from tasks.triage.boxes import Boxes, boxes_from_rows
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.box_shape import MIN_BOXES, learn_usual, odd_box_reasons

OPTIONS = TriageOptions()


def boxes_of(sizes_wh: list[tuple[float, float]], x: float = 100, score: float = 0.9, name: str = "car") -> Boxes:
    rows = [(f"p{i}", "item", name, score, x, 100.0, x + w, 100.0 + h, 1000, 800) for i, (w, h) in enumerate(sizes_wh)]
    return boxes_from_rows(rows)


@pytest.fixture
def usual_cars() -> Boxes:
    sizes = np.random.default_rng(0).normal([40, 20], [2, 1], (100, 2))
    return boxes_of([(float(w), float(h)) for w, h in sizes])


def reasons_for(usual: Boxes, width: float, height: float, x: float = 100) -> list[str]:
    return odd_box_reasons(boxes_of([(width, height)], x), learn_usual([usual], OPTIONS), OPTIONS.outlier_z)[0]


def test_no_boxes_teach_nothing_and_are_not_odd() -> None:
    nothing = boxes_of([])
    assert learn_usual([nothing], OPTIONS) == {}
    assert odd_box_reasons(nothing, {}, 3.5) == []


def test_usual_boxes_are_not_odd(usual_cars: Boxes) -> None:
    found = odd_box_reasons(usual_cars, learn_usual([usual_cars], OPTIONS), OPTIONS.outlier_z)
    assert not any(found)


def test_a_large_box_is_odd_in_words(usual_cars: Boxes) -> None:
    (reason,) = reasons_for(usual_cars, 40 * 1.79, 20 * 1.79)
    assert reason == "3.2 times the usual area of a car"


def test_a_small_box_is_odd_unless_the_image_ends_there(usual_cars: Boxes) -> None:
    (reason,) = reasons_for(usual_cars, 20, 10)
    assert reason == "0.25 times the usual area of a car"
    assert reasons_for(usual_cars, 20, 10, x=0) == []


def test_a_long_box_is_odd_by_shape_alone(usual_cars: Boxes) -> None:
    (reason,) = reasons_for(usual_cars, 80, 10)
    assert reason == "4.0 times the usual width to height of a car"


def test_a_difference_of_a_third_is_never_odd_even_among_equal_boxes() -> None:
    same = boxes_of([(40, 20)] * 50)
    assert reasons_for(same, 46, 23) == []


def test_a_class_with_few_boxes_is_not_judged() -> None:
    few = boxes_of([(40, 20)] * (MIN_BOXES - 1))
    assert learn_usual([few], OPTIONS) == {}
    assert "car" in learn_usual([few, boxes_of([(40, 20)])], OPTIONS)


def test_boxes_without_area_are_odd_and_teach_nothing(usual_cars: Boxes) -> None:
    assert reasons_for(usual_cars, 0, 20) == ["box without area"]
    assert reasons_for(usual_cars, float("nan"), 20) == ["box without area"]
    assert learn_usual([boxes_of([(0, 20)] * 50)], OPTIONS) == {}


def test_sure_boxes_say_what_is_usual_however_many_doubtful_ones_there_are(usual_cars: Boxes) -> None:
    rubbish = boxes_of([(300, 200)] * 500, score=0.2)
    usual = learn_usual([usual_cars, rubbish], OPTIONS)
    assert np.exp(usual["car"].log_area.middle) == pytest.approx(800, rel=0.05)
    assert all(odd_box_reasons(rubbish, usual, 3.5))


def test_classes_are_judged_each_by_its_own(usual_cars: Boxes) -> None:
    buses = boxes_of([(120, 40)] * 30, name="bus")
    usual = learn_usual([usual_cars, buses], OPTIONS)
    assert not any(odd_box_reasons(buses, usual, 3.5))
    assert all(odd_box_reasons(boxes_of([(120, 40)]), usual, 3.5))


def test_the_article_fits_the_class() -> None:
    ambulances = boxes_of([(40, 20)] * 30, name="ambulance")
    (reasons,) = odd_box_reasons(
        boxes_of([(120, 60)], name="ambulance"), learn_usual([ambulances], OPTIONS), OPTIONS.outlier_z
    )
    assert reasons == ["9.0 times the usual area of an ambulance"]
