"""Every proposal gets exactly one verdict, and none is accepted that should not be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from blocks.errors import UnknownClass
from tasks.triage.boxes import Boxes, boxes_from_rows
from tasks.triage.options import CertifiedThresholds, ScoreThresholds, TriageOptions
from tasks.triage.reasons import why_of
from tasks.triage.thresholds import Certified, judge_boxes, outcomes_by_score


def boxes_with(scores: list[float], names: list[str] | None = None) -> Boxes:
    names = names or ["car"] * len(scores)
    corners = (10.0, 10.0, 50.0, 30.0, 1000, 800)
    pairs = zip(names, scores, strict=True)
    return boxes_from_rows([(f"p{i}", "item", name, score, *corners) for i, (name, score) in enumerate(pairs)])


def test_no_boxes_no_verdicts() -> None:
    outcomes, said = judge_boxes(boxes_with([]), [], TriageOptions())
    assert (outcomes.tolist(), said) == ([], [])


def test_scores_at_a_threshold_belong_to_the_better_side() -> None:
    boxes = boxes_with([0.6, 0.5999, 0.15, 0.1499])
    outcomes, said = judge_boxes(boxes, [[]] * 4, TriageOptions())
    assert outcomes.tolist() == ["accept", "ask", "ask", "drop"]
    assert said[0] == ["score 0.60 is at least 0.60"]
    assert said[2] == ["score 0.15 between 0.15 and 0.60"]


def test_a_class_has_its_own_threshold() -> None:
    options = TriageOptions(class_thresholds={"bus": ScoreThresholds(accept=0.9, drop=0.5)})
    outcomes, said = judge_boxes(boxes_with([0.7, 0.7, 0.4], ["car", "bus", "bus"]), [[]] * 3, options)
    assert outcomes.tolist() == ["accept", "ask", "drop"]
    assert said[1] == ["score 0.70 between 0.50 and 0.90"]


def test_an_odd_box_is_asked_about_whatever_its_score_unless_it_is_dropped() -> None:
    odd = ["3.2 times the usual area of a car"]
    outcomes, said = judge_boxes(boxes_with([0.95, 0.4, 0.1]), [odd] * 3, TriageOptions())
    assert outcomes.tolist() == ["ask", "ask", "drop"]
    assert said == [odd, ["score 0.40 between 0.15 and 0.60", *odd], ["score 0.10 is under 0.15"]]


def test_a_score_that_is_no_number_is_asked_about() -> None:
    outcomes, said = judge_boxes(boxes_with([float("nan")]), [[]], TriageOptions())
    assert outcomes.tolist() == ["ask"]
    assert said == [["score is no number"]]


def test_equal_thresholds_leave_nothing_between() -> None:
    outcomes = outcomes_by_score(np.array([0.49, 0.5]), np.full(2, 0.5), np.full(2, 0.5))
    assert outcomes.tolist() == ["drop", "accept"]


def test_a_drop_threshold_above_the_accept_threshold_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"drop 0\.7 is above accept 0\.6"):
        TriageOptions(drop=0.7)
    with pytest.raises(ValidationError, match="above accept"):
        ScoreThresholds(accept=0.1, drop=0.2)


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_an_audit_share_of_nothing_is_refused(share: float) -> None:
    with pytest.raises(ValidationError):
        TriageOptions(audit_share=share)


def test_a_threshold_for_a_class_that_the_line_does_not_have_is_refused() -> None:
    options = TriageOptions(class_thresholds={"lory": ScoreThresholds()})
    with pytest.raises(UnknownClass, match="Did you mean 'lorry'"):
        options.check_classes(("car", "lorry"))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_every_box_gets_one_verdict_with_a_reason_that_reports_can_count(
    drawn: list[tuple[float, bool]], a: float, b: float
) -> None:
    options = TriageOptions(drop=min(a, b), accept=max(a, b))
    oddities = [["0.21 times the usual area of a car"] if odd else [] for _, odd in drawn]
    outcomes, said = judge_boxes(boxes_with([score for score, _ in drawn]), oddities, options)
    assert len(outcomes) == len(said) == len(drawn)
    for (score, odd), outcome, why in zip(drawn, outcomes.tolist(), said, strict=True):
        assert outcome in {"accept", "ask", "drop"}
        assert (outcome == "accept") == (score >= options.accept and not odd)
        assert (outcome == "drop") == (score < options.drop)
        assert why
        assert all(why_of(reason) != "other" for reason in why)


# --- certified thresholds, and what people said ---

CERTIFIED = CertifiedThresholds(accept_from={"car": 0.7}, max_error_rate=0.02, confidence=0.95)


def test_certified_thresholds_replace_the_accept_thresholds_and_other_classes_are_asked() -> None:
    boxes = boxes_with([0.7, 0.69, 0.1, 1.0, 0.1], ["car", "car", "car", "bus", "bus"])
    outcomes, said = judge_boxes(boxes, [[]] * 5, TriageOptions(), Certified(CERTIFIED, {}))
    assert outcomes.tolist() == ["accept", "ask", "drop", "ask", "drop"]
    assert said[0] == ["score 0.70 is over the certified threshold, 0.70: at most 2.0% are wrong"]
    assert said[3] == ["no certified threshold for bus: score 1.00 proves nothing yet"]


def test_without_anything_certified_nothing_is_accepted() -> None:
    nothing = CertifiedThresholds(accept_from={}, max_error_rate=0.02, confidence=0.95)
    outcomes, _ = judge_boxes(boxes_with([1.0, 0.99]), [[]] * 2, TriageOptions(), Certified(nothing, {}))
    assert outcomes.tolist() == ["ask", "ask"]


def test_a_score_that_is_no_number_is_over_no_certified_threshold() -> None:
    outcomes, said = judge_boxes(boxes_with([float("nan")]), [[]], TriageOptions(), Certified(CERTIFIED, {}))
    assert (outcomes.tolist(), said) == (["ask"], [["score is no number"]])


def test_an_odd_box_is_asked_about_over_a_certified_threshold_too() -> None:
    odd = ["3.2 times the usual area of a car"]
    outcomes, said = judge_boxes(boxes_with([0.9]), [odd], TriageOptions(), Certified(CERTIFIED, {}))
    assert (outcomes.tolist(), said) == (["ask"], [odd])


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("right", "accept"), ("nothing", "drop"), ("wrong", "ask"), ("cannot_tell", "ask"), ("unanswered", "ask")],
)
def test_what_a_person_said_outweighs_the_score(said: str, outcome: str) -> None:
    outcomes, why = judge_boxes(boxes_with([0.9, 0.5]), [[]] * 2, TriageOptions(), Certified(CERTIFIED, {"p0": said}))
    assert outcomes.tolist() == [outcome, "ask"]
    assert why[0][0].startswith("random sample: ")
