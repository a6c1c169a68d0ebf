"""100 annotators submit at once: every webhook is taken and heard once, none is refused. Times are for the bench."""

from pathlib import Path

import pytest

from blocks.servers.annotation_server import AnnotationServer
from tests.bench.doorbell import ANNOTATORS, SPREADS_S, measure_with


@pytest.mark.slow
@pytest.mark.label_studio
def test_a_hundred_annotators_at_once_are_all_heard(
    label_studio: AnnotationServer, prefect_api: str, tmp_path: Path
) -> None:
    # It raises where one was refused, or not all are heard in the end.
    measured = measure_with(label_studio, prefect_api, tmp_path, rounds=1, boxes=5)
    assert [one.spread_s for one in measured] == list(SPREADS_S)
    assert {one.requests for one in measured} == {ANNOTATORS}
