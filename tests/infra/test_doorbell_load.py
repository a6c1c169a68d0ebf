"""100 annotators submit at once: every webhook is taken and heard once, none is refused. Times are for the bench."""

import pytest

from infra.bench.doorbell import ANNOTATORS, SPREADS_S, measure


@pytest.mark.slow
def test_a_hundred_annotators_at_once_are_all_heard() -> None:
    measured = measure(rounds=1, boxes=5)  # raises where one was refused, or not all are heard in the end
    assert [one.spread_s for one in measured] == list(SPREADS_S)
    assert {one.requests for one in measured} == {ANNOTATORS}
