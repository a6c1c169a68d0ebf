"""What goes to one of the test processes as a whole, and in which order: `pytest -n 3` reads it here.

A unit is a file, as the tests of a file may share a server, or all of `tests/running`, whose tests share a whole stack.
The longest begin: started last, one of them would run on one core alone.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

WHOLE_FOLDERS = ("tests/running/",)

LONGEST = (
    "tests/running/",
    "tests/review/test_ask.py",
    "tests/chaos/test_harness.py",
    "tests/infra/test_real_stack.py",
    "tests/test_notebooks.py",
    "tests/flows/test_loop.py",
    "tests/browser/test_skips.py",
    "tests/flows/test_rounds.py",
    "tests/flows/test_lines.py",
    "tests/flows/test_people.py",
    "tests/monitor/active_learning/test_label_rounds.py",
    "tests/browser/test_many_classes.py",
    "tests/train/fitting/test_training.py",
    "tests/infra/test_doorbell_load.py",
    "tests/flows/test_confirming.py",
    "tests/browser/test_suggestions.py",
    "tests/train/fitting/trainers/test_detector.py",
    "tests/audit/watching/test_film_round.py",
    "tests/flows/test_second_look.py",
    "tests/infra/score/test_room.py",
    "tests/train/fitting/trainers/test_classifier.py",
    "tests/detect/test_large.py",
)
"""Half a minute and more, the longest first, as `make test` with `--durations=300` says."""


def work_unit(nodeid: str) -> str:
    """Return what a test travels with: its file, or its folder."""
    return next((folder for folder in WHOLE_FOLDERS if nodeid.startswith(folder)), nodeid.partition("::")[0])


def begin_with_longest(items: list[pytest.Item]) -> None:
    """Put the longest units first, then those with slow tests; the order inside of a unit stays."""
    unit_of = {item: work_unit(item.nodeid) for item in items}
    slow = {unit_of[item] for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> int:
        unit = unit_of[item]
        return LONGEST.index(unit) if unit in LONGEST else len(LONGEST) + (unit not in slow)

    items.sort(key=rank)


class UnitScheduling(LoadScopeScheduling):
    """Gives a test process whole units."""

    def _split_scope(self, nodeid: str) -> str:
        return work_unit(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> UnitScheduling:
    """Share tests out by units."""
    return UnitScheduling(config, log)
