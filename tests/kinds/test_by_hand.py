"""What labels take by hand: each kind says so, by published times, and reports ask it."""

import pytest

from tasks.kinds.by_hand import BOXES_BY_HAND, CLASSES_BY_HAND, OUTLINES_BY_HAND, SPANS_BY_HAND
from tasks.kinds.registry import KINDS


@pytest.mark.parametrize(
    ("name", "usual", "fastest"),
    [
        ("boxes", 10 * 25.5 + 2 * 7.8, 10 * 7.0 + 2 * 7.8),
        ("tracks", 10 * 25.5 + 2 * 7.8, 10 * 7.0 + 2 * 7.8),
        ("polygons", 10 * 79.2 + 2 * 7.8, 10 * 7.0 + 2 * 7.8),
        ("masks", 10 * 79.2 + 2 * 7.8, 10 * 7.0 + 2 * 7.8),
        ("classes", 2 * 3 * 1.0, 2 * 3 * 1.0),
        ("multilabel", 2 * 3 * 1.0, 2 * 3 * 1.0),
        ("spans", 0.0, 0.0),
    ],
)
def test_each_kind_says_what_its_labels_take_by_hand(name: str, usual: float, fastest: float) -> None:
    by_hand = KINDS[name].by_hand
    assert by_hand.seconds(labels=10, items=2, classes=3) == pytest.approx((usual, fastest))
    assert by_hand.seconds(labels=0, items=0, classes=0) == (0, 0)


def test_it_is_told_in_the_words_of_the_kind_with_who_published_it() -> None:
    assert BOXES_BY_HAND.each(BOXES_BY_HAND.ways[0], 3) == "25.5 s a box"
    assert OUTLINES_BY_HAND.each(OUTLINES_BY_HAND.ways[0], 3) == "79.2 s an outline"
    assert CLASSES_BY_HAND.each(CLASSES_BY_HAND.ways[0], 3) == "1 s for each of 3 classes"
    assert CLASSES_BY_HAND.each(CLASSES_BY_HAND.ways[0], 1) == "1 s for each of 1 class"
    told = OUTLINES_BY_HAND.told("3 outlines on 2 images")
    assert "for 3 outlines on 2 images: 79.2 s" in told and "Lin et al." in told and "7.8 s" in told
    assert "Nobody has published how long marking a span takes" in SPANS_BY_HAND.told()
