"""People slip as often as detectors err: the promise must hold all the same, and something must be accepted."""

import numpy as np
import pytest

from tasks.audit.risk_control.options import RiskControlOptions
from tests.bench.confirming import Verifiers, confirm_batches

RISK_CONTROL = RiskControlOptions()
WORLDS = 60


def test_two_looks_leave_few_slips_and_lose_few_errors() -> None:
    rng = np.random.default_rng(0)
    wrong = np.arange(200_000) % 10 == 0
    said, questions = Verifiers(0.03, looks_again=True).judge(wrong, rng)
    assert said[~wrong].mean() < 0.002
    assert said[wrong].mean() > 0.93
    assert 220_000 < questions < 230_000


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_the_promise_holds_with_people_who_slip(correlation: float) -> None:
    found = confirm_batches("just too bad", correlation, Verifiers(0.03, looks_again=True), RISK_CONTROL, worlds=WORLDS)
    # at most 5 % of 60 batches: 3, and 8 by chance in one case of a hundred
    assert found.broken * WORLDS <= 8


def test_a_good_detector_is_accepted_by_two_looks_and_never_by_one() -> None:
    two = confirm_batches("good", 0.4, Verifiers(0.03, looks_again=True), RISK_CONTROL, worlds=WORLDS)
    one = confirm_batches("good", 0.4, Verifiers(0.03, looks_again=False), RISK_CONTROL, worlds=WORLDS)
    assert two.accepted > 0.5 * two.oracle
    assert one.accepted < 0.1 * one.oracle
    assert two.broken == one.broken == 0
    assert two.seconds < 1.1 * one.seconds
