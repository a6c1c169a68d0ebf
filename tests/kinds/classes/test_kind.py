"""Classes of whole items: alike or not, and worth their accuracy, by numbers worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from blocks.shapes import Whole
from tasks.kinds.classes.kind import CLASSES, vote
from tasks.kinds.registry import kind_with_shapes, label_kind

CAT, DOG = SimpleNamespace(class_name="cat"), SimpleNamespace(class_name="dog")


def test_the_kind_is_found_by_its_name_and_by_its_shape() -> None:
    assert label_kind("classes") is CLASSES is kind_with_shapes(["whole"])
    assert kind_with_shapes([]).name == kind_with_shapes(["box"]).name == "boxes"


def test_two_are_alike_if_they_have_one_class() -> None:
    assert CLASSES.similarity([CAT, DOG], [CAT, CAT, DOG]).tolist() == [[1, 1, 0], [0, 0, 1]]
    assert CLASSES.similarity([], [CAT]).shape == (0, 1)
    assert CLASSES.is_same(CAT, CAT) and not CLASSES.is_same(CAT, DOG)


def test_the_whole_stays_the_whole() -> None:
    assert CLASSES.fuse([Whole(), Whole()], [1, 2]) == Whole()


@pytest.mark.parametrize(
    ("said", "weights", "class_name"),
    [
        (["cat"], [1], "cat"),
        (["cat", "dog", "dog"], [1, 1, 1], "dog"),
        (["cat", "dog", "dog"], [3, 1, 1], "cat"),
        (["dog", "cat"], [1, 1], "cat"),
    ],
)
def test_who_weighs_more_counts_for_more(said: list[str], weights: list[float], class_name: str) -> None:
    assert vote(said, weights) == class_name


def test_accuracy_is_the_share_that_is_right_and_each_class_has_a_row() -> None:
    truth = ["cat", "cat", "cat", "dog"]
    found = CLASSES.metrics(["cat", "cat", "dog", "dog"], truth, ["ape", "cat", "dog"])
    assert (found.headline, found.value) == ("accuracy", 0.75)
    assert found.numbers["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert found.by_class == {
        "cat": {"truths": 3, "precision": 1, "recall": pytest.approx(2 / 3)},
        "dog": {"truths": 1, "precision": 0.5, "recall": 1},
    }


def test_what_a_model_gives_no_class_is_wrong() -> None:
    found = CLASSES.metrics([None, "dog"], ["cat", "dog"], ["cat", "dog"])
    assert found.value == 0.5
    assert found.by_class["cat"] == {"truths": 1, "precision": 0, "recall": 0}


def test_a_class_is_drawn_as_a_frame() -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    CLASSES.draw(picture, Whole(), (255, 255, 255), 1, 1.0)
    assert picture[0].all() and picture[:, -1].all() and not picture[5, 5].any()
