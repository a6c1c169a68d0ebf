"""A pattern that somebody typed costs bounded time and memory, or is refused in words."""

import pytest

from blocks.errors import BadOption
from blocks.naming.patterns import compile_pattern


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*)*(.*)*(.*)*x", "(a|aa)+$", "(?:a?){500}a{500}$"])
@pytest.mark.timeout(60)  # Python's own engine would outlast the universe
def test_a_pattern_that_would_take_for_ever_takes_a_moment(pattern: str) -> None:
    found = compile_pattern(pattern).search("a" * 1_000 + "!")
    assert found is None or found[0] == ""


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(flight", "missing \\)"),
        ("[", "missing \\]"),
        ("*a", "no argument for repetition"),
        ("a{10000}", "invalid repetition size"),
        ("(?:(?:a?){999}a{999}){999}", "invalid repetition size"),
        ("(?<=x)a", "is no regular expression that can be used"),
        ("x" * 201, "201 characters: at most 200"),
    ],
)
def test_what_is_no_pattern_is_refused_in_words(pattern: str, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        compile_pattern(pattern)


def test_groups_and_the_whole_match_can_be_read() -> None:
    found = compile_pattern(r"(größe)(\d)?").search("x größe7")
    assert found is not None
    assert (found.groups(), found[0]) == (("größe", "7"), "größe7")
