"""A calibrated score of 0.8 means right eight times in ten, whoever saw the object."""

import numpy as np
import pytest

from blocks.database.tables import Label, Proposal
from blocks.errors import BadOption, NotEnoughData
from tasks.detect.calibration import (
    Judged,
    fit_calibration,
    judge,
    keep_calibration,
    kept_calibrations,
    raw_score,
    read_calibration,
    seen_by,
)
from tasks.kinds.metrics import expected_calibration_error

BOX = {"x_min": 10.0, "y_min": 10.0, "x_max": 50.0, "y_max": 30.0}


def proposal(score=0.9, class_name="car", views=("tile",), **box):
    return Proposal(
        id=f"{score}{class_name}{box}",
        item_id="i",
        detector="d",
        recipe="r",
        class_name=class_name,
        score=score,
        view=views[0],
        merged_from=[{"view": view} for view in views],
        **{**BOX, **box},
    )


def label(class_name="car", **box):
    return Label(
        id="l", item_id="i", region="g", class_name=class_name, origin="person", batch_id="b", **{**BOX, **box}
    )


def judged(count, sure=2.0, seed=0, how="tile", class_name="car"):
    """Proposals whose scores exaggerate: the odds of being right are the square root of what they say."""
    dice = np.random.default_rng(seed)
    scores = dice.uniform(0.05, 0.99, count)
    odds = (scores / (1 - scores)) ** (1 / sure)
    right = dice.uniform(size=count) < odds / (1 + odds)
    return Judged(((class_name, how),) * count, scores, right, tuple(f"item {n // 5}" for n in range(count)))


def both(a, b):
    joined = (np.concatenate([a.scores, b.scores]), np.concatenate([a.right, b.right]))
    return Judged(a.keys + b.keys, *joined, a.items + b.items)


@pytest.mark.parametrize("count", [400, 3000])
def test_scores_that_exaggerate_are_mended_on_items_never_seen(count):
    fitted = fit_calibration(judged(count, sure=3.0))
    fresh = judged(3000, sure=3.0, seed=9)
    mended = fitted.curves["car/tile"](fresh.scores)
    assert fitted.error_after < 0.5 * fitted.error_before
    assert expected_calibration_error(mended, fresh.right) < 0.5 * expected_calibration_error(fresh.scores, fresh.right)


def test_good_scores_are_left_about_as_they_are():
    curve = fit_calibration(judged(3000, sure=1.0)).curves["car/tile"]
    assert np.abs(curve(np.linspace(0.1, 0.9, 9)) - np.linspace(0.1, 0.9, 9)).max() < 0.12


def test_each_way_of_being_seen_gets_its_curve():
    fitted = fit_calibration(both(judged(800, sure=1.0, how="several"), judged(800, sure=4.0, seed=1, how="whole")))
    several, whole = fitted.scores_of([proposal(0.95, views=("tile", "tile")), proposal(0.95, views=("whole",))])
    assert several > whole + 0.1


def test_too_few_points_of_a_kind_borrow_the_curve_of_the_class_and_then_of_all():
    fitted = fit_calibration(both(judged(400, sure=3.0), judged(5, seed=1, class_name="bus", how="whole")))
    assert set(fitted.curves) == {"car/tile", "car", ""}
    assert fitted.scores_of([proposal(0.9, views=("whole",))])[0] == fitted.curves["car"](np.array([0.9]))[0]
    assert fitted.scores_of([proposal(0.9, "bus")])[0] == fitted.curves[""](np.array([0.9]))[0]
    assert fitted.scores_of([]).shape == (0,)


def test_the_order_of_scores_is_kept():
    fitted = fit_calibration(judged(3000, sure=2.0))
    assert (np.diff(fitted.curves["car/tile"](np.linspace(0, 1, 101))) >= 0).all()


def test_a_detector_that_is_surest_of_what_is_wrong_gets_a_flat_curve():
    points = judged(500)
    upside_down = Judged(points.keys, points.scores, ~points.right, points.items)
    curve = fit_calibration(upside_down).curves["car/tile"]
    assert len(set(curve.shares)) == 1


@pytest.mark.parametrize("wrong", ["few", "all right", "one item"])
def test_too_little_truth_is_refused_with_what_there_is(wrong):
    points = judged(20 if wrong == "few" else 400)
    right = np.ones(400, dtype=bool) if wrong == "all right" else points.right
    items = ("one",) * 400 if wrong == "one item" else points.items
    with pytest.raises(NotEnoughData, match="Settle more items"):
        fit_calibration(Judged(points.keys, points.scores, right, items))


def test_a_proposal_is_right_if_a_label_of_its_class_lies_there():
    said = judge(
        {"i": [proposal(0.9), proposal(0.8, x_min=12.0), proposal(0.7, "bus"), proposal(0.6, x_min=400, x_max=440)]},
        {"i": [label()], "unseen": [label()]},
    )
    # The second lies on the same label, which the first one took; the third is of another class.
    assert said.right.tolist() == [True, False, False, False]
    assert said.items == ("i",) * 4


def test_items_that_nobody_settled_are_not_judged():
    assert len(judge({"i": [proposal()]}, {}).scores) == 0


def test_how_a_proposal_was_seen():
    assert seen_by(proposal(views=("tile",))) == "tile"
    assert seen_by(proposal(views=("whole",))) == "whole"
    assert seen_by(proposal(views=("tile", "whole"))) == "several"


def test_a_calibration_is_kept_with_its_detector_version(store):
    fitted = fit_calibration(judged(400), "recipe")
    name = keep_calibration(store, "0123456789ab", fitted)
    assert keep_calibration(store, "0123456789ab", fitted) == name
    assert read_calibration(store, "0123456789ab", name) == fitted
    assert kept_calibrations(store, "0123456789ab") == {name: fitted}
    assert kept_calibrations(store, "ba9876543210") == {}
    with pytest.raises(BadOption, match=name):
        read_calibration(store, "ba9876543210", name)


def test_a_damaged_calibration_is_refused_and_otherwise_passed_over(store):
    store.put("calibrations/0123456789ab/ffffffffffff.json", b"{")
    with pytest.raises(BadOption, match="damaged"):
        read_calibration(store, "0123456789ab", "ffffffffffff")
    assert kept_calibrations(store, "0123456789ab") == {}


def test_a_way_of_being_seen_that_is_always_wrong_gets_a_low_flat_curve():
    points = judged(200, how="whole", seed=2)
    always_wrong = Judged(points.keys, points.scores, np.zeros(200, dtype=bool), points.items)
    fitted = fit_calibration(both(judged(400), always_wrong))
    assert fitted.scores_of([proposal(0.95, views=("whole",))])[0] < 0.01


def test_a_way_of_being_seen_that_was_always_right_so_far_says_nothing_of_lower_scores():
    points = judged(200, how="several", seed=2)
    always_right = Judged(points.keys, np.full(200, 0.9), np.ones(200, dtype=bool), points.items)
    fitted = fit_calibration(both(judged(400), always_right))
    assert "car/several" not in fitted.curves
    low, high = fitted.scores_of([proposal(score, views=("tile", "tile")) for score in (0.1, 0.9)])
    assert low < high


def test_what_was_calibrated_before_is_judged_by_what_the_network_said():
    calibrated = proposal(0.2)
    calibrated.merged_from = [{"view": "tile", "score": 0.7}, {"view": "tile", "score": 0.9}]
    assert raw_score(calibrated) == 0.9
    assert judge({"i": [calibrated]}, {"i": [label()]}).scores.tolist() == [0.9]
