"""How tests are shared out: a name in the list of the longest that no file has would be a silent slowness."""

from pathlib import Path

import pytest

from tests.work_units import LONGEST, WHOLE_FOLDERS, work_unit

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("unit", [*LONGEST, *WHOLE_FOLDERS])
def test_every_unit_that_is_named_is_there(unit: str) -> None:
    assert (ROOT / unit).exists()
    assert work_unit(f"{unit}test_a.py::test_b" if unit.endswith("/") else f"{unit}::test_b") == unit


def test_another_test_travels_with_its_file() -> None:
    assert work_unit("tests/triage/test_decide.py::test_a[b::c]") == "tests/triage/test_decide.py"
