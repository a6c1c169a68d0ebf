"""What several classes an item are worth: each is there or not, whatever the others are."""

from types import SimpleNamespace

import pytest

from tasks.kinds.registry import label_kind

KIND = label_kind("multilabel")


def test_each_class_counts_by_itself_and_an_item_only_if_all_of_it_is_right() -> None:
    truth = [("a", "b"), (), ("b",), ("a",)]
    said = [("a", "b"), (), ("b", "c"), None]
    worth = KIND.metrics(said, truth, ("a", "b", "c"))
    assert worth.headline == "micro_f1" and worth.value == pytest.approx(2 * 3 / (4 + 4))
    assert worth.numbers["exact_match"] == 0.5
    assert worth.by_class["a"] == pytest.approx({"truths": 2, "f1": 2 / 3, "recall": 0.5, "precision": 1})
    assert worth.by_class["b"]["f1"] == 1 and "c" not in worth.by_class
    assert worth.numbers["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_nothing_said_where_nothing_is_is_right() -> None:
    worth = KIND.metrics([None, ()], [(), ()], ("a",))
    assert worth.value == worth.numbers["exact_match"] == 1 and worth.by_class == {}


def test_two_labels_of_an_item_are_one_if_their_class_is() -> None:
    some = [SimpleNamespace(class_name=name) for name in ("a", "b")]
    assert KIND.similarity(some, some).tolist() == [[1, 0], [0, 1]]
    assert KIND.fuse([], []).type == "several"
