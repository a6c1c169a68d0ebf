"""Whether later audits contradict a threshold: as seldom as stated where its promise holds, soon where it does not."""

import numpy as np
import pytest

from blocks.errors import BadInput, BadOption
from tasks.audit.bounds.certify import ClassThreshold, Promise, certify
from tasks.audit.bounds.evidence import JudgedSample, SampleUnit
from tasks.audit.bounds.scope import Stream
from tasks.audit.bounds.thresholds import ThresholdGrid
from tasks.audit.risk_control.recheck import check_later_audits

STREAM = Stream(largest_draw=1)


def seen(wrong: np.ndarray, score: float = 0.9) -> JudgedSample:
    return JudgedSample.of([f"i{n}" for n in range(len(wrong))], np.full(len(wrong), score), wrong, SampleUnit.ITEMS)


@pytest.fixture
def threshold() -> ClassThreshold:
    return certify("car", [seen(np.zeros(300, bool))], ThresholdGrid.of(np.full(9, 0.9)), Promise(), STREAM)


def test_no_later_audits_keep_the_threshold(threshold: ClassThreshold) -> None:
    found = check_later_audits(threshold, seen(np.zeros(0, bool)), STREAM)
    assert not found.is_contradicted


def test_right_audits_keep_the_threshold(threshold: ClassThreshold) -> None:
    assert not check_later_audits(threshold, seen(np.zeros(500, bool)), STREAM).is_contradicted


def test_a_threshold_that_went_bad_is_contradicted(threshold: ClassThreshold) -> None:
    wrong = np.zeros(200, bool)
    wrong[100::6] = True
    found = check_later_audits(threshold, seen(wrong), STREAM)
    assert (found.is_contradicted, found.wrong, found.judged) == (True, 17, 200)


def test_wrong_boxes_below_the_threshold_are_not_its_fault(threshold: ClassThreshold) -> None:
    assert check_later_audits(threshold, seen(np.ones(50, bool), score=0.5), STREAM).judged == 0


def test_there_is_nothing_to_contradict_without_a_threshold(threshold: ClassThreshold) -> None:
    none = certify("car", [], ThresholdGrid.of(np.full(9, 0.9)), Promise(), STREAM)
    with pytest.raises(BadOption, match="no threshold to contradict"):
        check_later_audits(none, seen(np.zeros(1, bool)), STREAM)
    with pytest.raises(BadOption, match="false alarm"):
        check_later_audits(threshold, seen(np.zeros(1, bool)), STREAM, false_alarm=0.0)


def test_a_later_draw_larger_than_promised_is_refused(threshold: ClassThreshold) -> None:
    crowded = JudgedSample.of(["a"] * 3, np.full(3, 0.9), np.zeros(3, bool), SampleUnit.ITEMS)
    with pytest.raises(BadInput, match="brought 3 boxes"):
        check_later_audits(threshold, crowded, STREAM)
