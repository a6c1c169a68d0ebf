"""One broken thing stops one thing, and all that broke is told at the end."""

import pytest

from blocks.apart import Failure, Failures, by_reason, in_words
from blocks.errors import LabelStudioRefused, PartlyFailed


def test_what_fails_by_name_stops_nothing_else() -> None:
    failures, done = Failures(), []
    for number in range(3):
        with failures.apart(f"project {number}"):
            if number == 1:
                raise LabelStudioRefused("no")
            done.append(number)
    assert (done, failures.found) == ([0, 2], [Failure(what="project 1", reason="no")])
    with pytest.raises(PartlyFailed, match="the sweep did all but this: project 1: no"):
        failures.raise_if_any("the sweep")


def test_nothing_failed_raises_nothing() -> None:
    Failures().raise_if_any("the sweep")


def test_a_fault_of_the_program_goes_on_up() -> None:
    with pytest.raises(KeyError), Failures().apart("project 1"):
        raise KeyError("x")


def test_one_reason_is_told_once_with_all_that_failed_for_it() -> None:
    many = [Failure(what=f"project {number}", reason="the token is refused") for number in range(50)]
    assert by_reason(many) == [([one.what for one in many], "the token is refused")]
    assert in_words(many) == "project 0, project 1, project 2 and 47 more: the token is refused"
    others = [Failure(what=str(number), reason=f"reason {number}") for number in range(5)]
    assert in_words(others).endswith("2: reason 2; and 2 more")


def test_results_are_those_of_what_did_not_fail_in_their_order() -> None:
    class Mapped:
        def __init__(self, value: int) -> None:
            self.value = value

        def result(self) -> int:
            if self.value == 2:
                raise LabelStudioRefused("no")
            return self.value

    failures = Failures()
    assert failures.results("abc", [Mapped(1), Mapped(2), Mapped(3)]) == [1, 3]
    assert failures.found == [Failure(what="b", reason="no")]
