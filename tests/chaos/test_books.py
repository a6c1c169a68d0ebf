"""A harness that cannot fail proves nothing: every kind of loss and doubling must show in its numbers."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.ledger import Books, Kept, Shown, compare
from tests.chaos.tally import Tally, add_up, count_questions, write_table

EARLY, LATE = datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 1, 13, tzinfo=UTC)

CLEAN = Books(
    acknowledged=frozenset({"b", "s"}),
    heard=frozenset({"a", "b"}),
    drafts=frozenset({"d"}),
    shown=[Shown("q", "b", LATE, is_skip=False), Shown("q2", "s", EARLY, is_skip=True)],
    kept=[Kept("q", "a", "superseded"), Kept("q", "b", "counted"), Kept("q2", "s", "skipped")],
    answered=frozenset({"q"}),
)
"""Somebody answered and edited, somebody skipped, somebody left a draft."""


def test_clean_books_are_clean() -> None:
    assert compare(CLEAN) == (0, 0)


def test_empty_books_are_clean() -> None:
    nothing: frozenset[str] = frozenset()
    assert compare(Books(nothing, nothing, nothing, [], [], nothing)) == (0, 0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kept": CLEAN.kept[1:]}, (1, 0)),
        ({"kept": CLEAN.kept[:2]}, (1, 0)),
        ({"kept": [CLEAN.kept[0], CLEAN.kept[2]]}, (2, 0)),  # the last answer is neither kept nor counted
        ({"shown": CLEAN.shown[1:], "answered": frozenset()}, (1, 1)),  # gone in Label Studio, and yet it counts
        ({"kept": [*CLEAN.kept, Kept("q", "a", "superseded")]}, (0, 1)),
        ({"kept": [Kept("q", "a", "counted"), *CLEAN.kept[1:]]}, (0, 1)),
        ({"kept": [Kept("q", "a", "counted"), Kept("q", "b", "superseded"), CLEAN.kept[2]]}, (1, 1)),
        ({"kept": [*CLEAN.kept, Kept("q3", "d", "counted")]}, (0, 2)),  # a draft: kept, and counting
        ({"answered": frozenset()}, (1, 0)),
        ({"answered": frozenset({"q", "q2"})}, (0, 1)),
    ],
    ids=["edit forgotten", "skip forgotten", "answer forgotten", "deleted counts", "version twice", "two count",
         "wrong one counts", "draft counts", "not answered", "skip answered"],
)  # fmt: skip
def test_every_loss_and_doubling_is_counted(change: dict[str, Any], expected: tuple[int, int]) -> None:
    assert compare(replace(CLEAN, **change)) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"a": [1], "b": [2]}, (0, 0)),
        ({"a": [1]}, (1, 0)),
        ({}, (2, 0)),
        ({"a": [1], "b": [3]}, (1, 0)),
        ({"a": [1, 4], "b": [2]}, (0, 1)),
        ({"a": [1], "b": [2], "c": [5]}, (0, 1)),
    ],
    ids=["all once", "one missing", "none there", "elsewhere", "one twice", "one too many"],
)
def test_questions_are_compared_as_sets(found: dict[str, list[int]], expected: tuple[int, int]) -> None:
    assert count_questions({"a": 1, "b": 2}, found) == expected


def test_a_question_whose_task_is_unknown_is_lost() -> None:
    assert count_questions({"a": None}, {"a": [1]}) == (1, 0)


def test_a_question_opened_without_its_proposals_is_amiss_unless_nobody_could_help_it() -> None:
    assert not Tally("locked", 1, 0, 0, without=1).is_clean
    assert Tally("locked elsewhere", 1, 0, 0, without=1, forgives_without=True).is_clean
    assert not Tally("locked elsewhere", 1, 1, 0, without=1, forgives_without=True).is_clean


def test_the_table_is_written_as_a_list(tmp_path: Path) -> None:
    tally = add_up("sender killed", [(0, 0), (1, 0), (0, 2)])
    write_table([tally], tmp_path / "bench" / "chaos.json")
    assert not tally.is_clean and Tally("x", 1, 0, 0).is_clean
    written = json.loads((tmp_path / "bench" / "chaos.json").read_text())
    rest = {"without": 0, "forgives_without": False}
    assert written == [{"fault": "sender killed", "trials": 3, "lost": 1, "doubled": 2, **rest}]
