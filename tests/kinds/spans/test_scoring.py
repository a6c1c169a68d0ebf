"""What spans are worth, by numbers worked out by hand and by the rules of CoNLL and SemEval."""

import pytest

from tasks.kinds.spans.kind import SPANS
from tasks.kinds.spans.scoring import ClassedSpan

CLASSES = ("LOC", "ORG", "PER")


def span(start: int, end: int, class_name: str = "PER") -> ClassedSpan:
    return ClassedSpan(start, end, class_name)


def test_only_extent_and_class_together_are_a_hit_and_the_rest_is_told_beside() -> None:
    truth = [[span(0, 5), span(10, 15, "LOC"), span(20, 30, "ORG")], [span(0, 4)]]
    said = [[span(0, 5), span(10, 15, "ORG"), span(20, 25, "ORG")], []]
    found = SPANS.metrics(said, truth, CLASSES)
    assert (found.headline, found.value) == ("f1", pytest.approx(2 * 1 / 7))
    assert found.numbers["precision"] == pytest.approx(1 / 3)
    assert found.numbers["recall"] == pytest.approx(1 / 4)
    assert found.numbers["f1_place"] == pytest.approx(2 * 2 / 7)
    assert found.numbers["f1_partial"] == pytest.approx(2 * 2.5 / 7)
    assert found.numbers["f1_class"] == pytest.approx(2 * 2 / 7)
    assert found.by_class["PER"] == {"truths": 2, "f1": pytest.approx(2 / 3), "precision": 1, "recall": 0.5}
    assert found.by_class["ORG"] == {"truths": 1, "f1": 0, "precision": 0, "recall": 0}


def test_nothing_said_is_worth_nothing_and_all_that_is_true_is_worth_all() -> None:
    truth = [[span(0, 5), span(2, 4, "LOC")], []]
    assert SPANS.metrics([[], []], truth, CLASSES).value == 0
    perfect = SPANS.metrics(truth, truth, CLASSES)
    assert dict(perfect.numbers) == dict.fromkeys(perfect.numbers, 1.0)
    assert SPANS.metrics([[span(0, 5)], [span(0, 1)]], truth, CLASSES).numbers["precision"] == 0.5


def test_nested_and_doubled_spans_are_counted_one_by_one() -> None:
    truth = [[span(0, 20, "ORG"), span(14, 20, "LOC")]]
    assert SPANS.metrics([[span(0, 20, "ORG")]], truth, CLASSES).numbers["recall"] == 0.5
    assert SPANS.metrics([[span(14, 20, "LOC"), span(14, 20, "LOC")]], truth, CLASSES).numbers["precision"] == 0.5
