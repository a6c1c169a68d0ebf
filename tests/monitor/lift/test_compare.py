"""Help is told from anchoring, and a class without lift from one of which too little is known."""

import numpy as np
import pytest

from tasks.monitor.lift.compare import ALL, SuggestedAnswer, lift_of, lifts_by
from tasks.monitor.options import MonitorOptions

OPTIONS = MonitorOptions(resamples=299)
TRUE, OTHER = "cat", "dog"


def answers(number, blind, seconds=2.0, wrong=0, taken_over=0, suggested_wrongly=0, person="ann"):
    """So many answers: some of the wrongly suggested are taken over, and some of the others wrong by themselves."""
    draw = np.random.default_rng(number + blind)
    found = []
    for at in range(number):
        suggested = OTHER if at < suggested_wrongly else TRUE
        said = OTHER if at < taken_over or at >= number - wrong else TRUE
        found.append(
            SuggestedAnswer(person, TRUE, suggested, bool(blind), said, seconds * float(draw.uniform(0.8, 1.2)))
        )
    return found


def test_nothing_is_said_of_too_few():
    assert lift_of([], OPTIONS).verdict == "not enough evidence"
    few = lift_of([*answers(200, 0), *answers(9, 1)], OPTIONS)
    assert (few.shown, few.blind, few.seconds_ratio, few.verdict) == (200, 9, None, "not enough evidence")


def test_faster_without_more_errors_helps():
    found = lift_of([*answers(100, 0, seconds=1.0), *answers(50, 1, seconds=2.0)], OPTIONS)
    assert found.of == ALL and found.verdict == "helps"
    assert found.seconds_ratio and 0.4 < found.seconds_ratio.low < found.seconds_ratio.high < 0.6


def test_no_faster_and_no_better_has_no_lift():
    found = lift_of([*answers(200, 0, seconds=2.2), *answers(200, 1, seconds=2.0)], OPTIONS)
    assert found.verdict == "no lift" and found.is_without_lift


def test_faster_but_wrong_has_no_lift_and_is_told_as_anchoring():
    shown = answers(100, 0, seconds=1.0, suggested_wrongly=30, taken_over=25)
    blind = answers(100, 1, seconds=2.0, suggested_wrongly=30, taken_over=2)
    found = lift_of([*shown, *blind], OPTIONS)
    assert found.verdict == "no lift" and found.wrong_suggestions == 30
    assert found.taken_over and found.taken_over.value == pytest.approx(25 / 30)
    assert found.anchoring and found.anchoring.low > 0.5
    assert found.followed and found.followed.value == pytest.approx(0.23)


def test_mistakes_that_people_make_by_themselves_are_no_anchoring():
    both = (answers(100, blind, suggested_wrongly=20, taken_over=10) for blind in (0, 1))
    found = lift_of([one for side in both for one in side], OPTIONS)
    assert found.anchoring and found.anchoring.low < 0 < found.anchoring.high


def test_without_measured_seconds_errors_alone_count():
    bare = [SuggestedAnswer("ann", TRUE, TRUE, blind, said, None) for blind in (False, True) for said in [TRUE] * 20]
    found = lift_of(bare, OPTIONS)
    assert (found.seconds_ratio, found.verdict) == (None, "not enough evidence")


def test_classes_and_people_are_compared_apart():
    both = [*answers(20, 0), *answers(20, 1), *answers(20, 0, person="ben")]
    assert [(one.of, one.shown, one.blind) for one in lifts_by(both, lambda one: one.person, OPTIONS)] == [
        ("ann", 20, 20),
        ("ben", 20, 0),
    ]
