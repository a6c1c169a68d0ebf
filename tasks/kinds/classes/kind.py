"""Classes as a kind of label: what a whole item shows. Alike or not, and worth their accuracy."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from blocks.shapes import Shape, Whole
from tasks.kinds.by_hand import CLASSES_BY_HAND
from tasks.kinds.geometry import Floats
from tasks.kinds.metrics import Metrics
from tasks.kinds.protocol import LabelKind, Pixels


class ClassesKind:
    """One class of the whole item; it has no place, so two labels are as alike as their classes are."""

    name = "classes"
    shapes = frozenset({"whole"})
    has_identity = False
    asked_as = "class"
    proposer = "classifier"
    trainer = "classifier"
    same_from = 1.0
    right_from = 1.0
    same_class_bonus = 0.0
    by_hand = CLASSES_BY_HAND

    def similarity(self, first: Sequence[Any], second: Sequence[Any]) -> Floats:
        """Return 1 where two have one class, and 0 elsewhere."""
        mine, other = (np.array([one.class_name for one in some], dtype=object) for some in (first, second))
        return np.asarray(mine[:, None] == other[None, :], dtype=np.float64)

    def fuse(self, shapes: Sequence[Shape], weights: Sequence[float]) -> Shape:  # noqa: ARG002  (the protocol's signature)
        """Return the whole: which class it has is what `vote` says."""
        return Whole()

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether both have one class."""
        return bool(one.class_name == other.class_name)

    def draw(
        self,
        picture: Pixels,
        shape: Shape,  # noqa: ARG002  (the protocol's signature)
        colour_bgr: tuple[int, int, int],
        line_px: int,
        scale: float,  # noqa: ARG002  (the protocol's signature)
    ) -> None:
        """Draw a frame of the colour around the whole picture."""
        import cv2

        height, width = picture.shape[:2]
        cv2.rectangle(picture, (0, 0), (width - 1, height - 1), colour_bgr, line_px)

    def metrics(self, predicted: Sequence[Any], truth: Sequence[Any], classes: Sequence[str]) -> Metrics:
        """Return accuracy, and precision and recall of each class.

        Args:
            predicted: For each item the class that a model gives it; None: it gives none, which is wrong.
            truth: For each item its class; at least one.
            classes: All there are.
        """
        pairs = Counter(zip(predicted, truth, strict=True))
        said, true = Counter(predicted), Counter(truth)
        by_class = {
            name: {
                "truths": float(true[name]),
                "recall": pairs[name, name] / true[name],
                "precision": pairs[name, name] / said[name] if said[name] else 0.0,
            }
            for name in classes
            if true[name]
        }
        numbers = {
            "accuracy": sum(pairs[name, name] for name in true) / len(truth),
            "balanced_accuracy": float(np.mean([row["recall"] for row in by_class.values()])),
        }
        return Metrics(headline="accuracy", numbers=numbers, by_class=by_class, words={"truths": "items"})


def vote(class_names: Sequence[str], weights: Sequence[float]) -> str:
    """Return the class of most weight; of equals the first in the order of the alphabet.

    Args:
        class_names: What was said; at least one.
        weights: How much each counts, not negative.
    """
    total: dict[str, float] = {}
    for name, weight in zip(class_names, weights, strict=True):
        total[name] = total.get(name, 0.0) + weight
    return min(total, key=lambda name: (-total[name], name))


CLASSES: LabelKind = ClassesKind()
