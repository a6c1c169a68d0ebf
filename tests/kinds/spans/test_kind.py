"""Spans of texts: how alike they are, what several come to, and which may share characters; worked out by hand."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.shapes import Span
from tasks.kinds.registry import kind_with_shapes, label_kind
from tasks.kinds.spans.extents import Overlap, may_stand_together, without_overlaps
from tasks.kinds.spans.kind import SPANS


def row(start: int, end: int, class_name: str = "PER", *, as_json: bool = False) -> SimpleNamespace:
    shape = Span(start=start, end=end)
    return SimpleNamespace(class_name=class_name, shape=shape.model_dump(mode="json") if as_json else shape)


def test_the_kind_is_found_by_its_name_and_by_its_shape() -> None:
    assert label_kind("spans") is SPANS is kind_with_shapes(["span"])


def test_two_are_as_alike_as_the_characters_they_share_whatever_their_class() -> None:
    here, half, apart = row(0, 10), row(0, 5, "LOC", as_json=True), row(10, 12)
    assert SPANS.similarity([here], [here, half, apart]).tolist() == [[1.0, 0.5, 0.0]]
    assert SPANS.similarity([], [here]).shape == (0, 1)


def test_two_are_the_same_if_class_and_every_character_are() -> None:
    assert SPANS.is_same(row(3, 5), row(3, 5, as_json=True))
    assert not SPANS.is_same(row(3, 5), row(3, 6))
    assert not SPANS.is_same(row(3, 5), row(3, 5, "LOC"))


@pytest.mark.parametrize(
    ("said", "weights", "fused"),
    [
        ([(0, 9)], [1], (0, 9)),
        ([(0, 9), (4, 9), (4, 9)], [1, 1, 1], (4, 9)),
        ([(0, 9), (4, 9), (4, 9)], [3, 1, 1], (0, 9)),
        ([(4, 9), (0, 9), (0, 5)], [1, 1, 1], (0, 9)),
    ],
)
def test_a_fused_span_is_one_that_somebody_said(
    said: list[tuple[int, int]], weights: list[float], fused: tuple[int, int]
) -> None:
    span = SPANS.fuse([Span(start=start, end=end) for start, end in said], weights)
    assert isinstance(span, Span) and (span.start, span.end) == fused


@pytest.mark.parametrize(
    ("other", "allowed"),
    [
        ((9, 12), {"any", "nested", "none"}),
        ((5, 9), {"any", "nested"}),
        ((6, 8), {"any", "nested"}),
        ((4, 20), {"any", "nested"}),
        ((8, 12), {"any"}),
        ((2, 6), {"any"}),
    ],
)
def test_which_two_may_stand_together(other: tuple[int, int], allowed: set[Overlap]) -> None:
    overlaps: tuple[Overlap, ...] = ("any", "nested", "none")
    assert {name for name in overlaps if may_stand_together((5, 9), other, name)} == allowed
    assert {name for name in overlaps if may_stand_together(other, (5, 9), name)} == allowed


EXTENTS = st.tuples(st.integers(0, 30), st.integers(1, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(EXTENTS, max_size=12))
def test_a_form_without_overlaps_loses_as_little_as_it_must(extents: list[tuple[int, int]]) -> None:
    kept = [extents[place] for place in without_overlaps(extents)]
    assert all(one[1] <= other[0] for one, other in pairwise(kept))
    for lost in extents:
        assert lost in kept or any(not may_stand_together(lost, other, "none") for other in kept)


def test_of_nested_spans_the_longest_stays() -> None:
    assert without_overlaps([(4, 9), (0, 9), (9, 12)]) == [1, 2]
    assert without_overlaps([]) == []
