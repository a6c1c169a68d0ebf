"""Code points and UTF-16: emoji, right-to-left letters and combining marks, there and back again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadRegion
from tasks.review.questions.kinds.texts.utf16 import Utf16

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(TEXTS)
def test_every_place_of_a_text_comes_back(text: str) -> None:
    places = Utf16(text)
    assert [places.to_point(places.to_unit(point)) for point in range(len(text) + 1)] == list(range(len(text) + 1))


@given(TEXTS)
def test_units_are_those_of_the_encoding_itself(text: str) -> None:
    places = Utf16(text)
    assert places.length == len(text.encode("utf-16-le")) // 2
    assert all(places.to_unit(n) == len(text[:n].encode("utf-16-le")) // 2 for n in range(len(text) + 1))


@pytest.mark.parametrize(("unit", "told"), [(-1, "beyond"), (5, "beyond"), (1, "second half")])
def test_a_place_that_is_none_is_refused(unit: int, told: str) -> None:
    with pytest.raises(BadRegion, match=told):
        Utf16("🦜ab").to_point(unit)
