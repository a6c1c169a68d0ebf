"""Several classes of one item as a kind of label: each is there or not, whatever the others are.

Source:
    Tsoumakas, Katakis and Vlahavas, "Mining multi-label data", 2010 (example-based and label-based measures).
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from blocks.shapes import SEVERAL, Shape, Whole
from tasks.kinds.classes.kind import ClassesKind
from tasks.kinds.metrics import Metrics
from tasks.kinds.protocol import LabelKind


class MultilabelKind(ClassesKind):
    """Any number of classes of the whole item, none included; two labels are as alike as their classes are."""

    name = "multilabel"
    shapes = frozenset({SEVERAL})
    asked_as = "classes"
    proposer = "multilabel-classifier"
    trainer = "multilabel"
    same_from = 0.5
    """Below the 1 of two labels of one class, above the 0 of others."""

    def fuse(self, shapes: Sequence[Shape], weights: Sequence[float]) -> Shape:  # noqa: ARG002  (the protocol's signature)
        """Return the whole."""
        return Whole(type=SEVERAL)

    def metrics(
        self, predicted: Sequence[Collection[str] | None], truth: Sequence[Collection[str]], classes: Sequence[str]
    ) -> Metrics:
        """Return the micro and macro F1, the share of items with exactly the right classes, and each class's numbers.

        Args:
            predicted: For each item the classes that a model gives it; None: it gives none, which is wrong where some
                are there.
            truth: For each item its classes; at least one item.
            classes: All there are.
        """
        said = [frozenset(some or ()) for some in predicted]
        true = [frozenset(some) for some in truth]
        right = Counter(name for mine, there in zip(said, true, strict=True) for name in mine & there)
        named, there = (Counter(name for some in all_ for name in some) for all_ in (said, true))
        by_class = {
            name: {
                "truths": float(there[name]),
                "f1": _f1(right[name], named[name], there[name]),
                "recall": right[name] / there[name],
                "precision": right[name] / named[name] if named[name] else 0.0,
            }
            for name in classes
            if there[name]
        }
        known = frozenset(classes)
        numbers = {
            "micro_f1": _f1(right.total(), sum(named[name] for name in known), there.total()),
            "macro_f1": float(np.mean([row["f1"] for row in by_class.values()])) if by_class else 0.0,
            "exact_match": sum(mine == true_ for mine, true_ in zip(said, true, strict=True)) / len(true),
        }
        words = {"truths": "items", "f1": "F1", "micro_f1": "micro F1", "macro_f1": "macro F1"}
        return Metrics(headline="micro_f1", numbers=numbers, by_class=by_class, words=words)


def _f1(right: int, named: int, there: int) -> float:
    return 2 * right / (named + there) if named + there else 1.0


MULTILABEL: LabelKind = MultilabelKind()
