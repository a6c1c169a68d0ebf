"""A kind of label that Labelline does not have: the grade of a whole item, worth how far a model is off."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.kinds.classes.kind import ClassesKind
from tasks.kinds.metrics import Metrics
from tasks.kinds.protocol import LabelKind


class GradesKind(ClassesKind):
    """One of several grades, in the order of the alphabet; the nearer a prediction is, the better."""

    name = "grades"

    def metrics(self, predicted: Sequence[Any], truth: Sequence[Any], classes: Sequence[str]) -> Metrics:
        """Return the share of predictions that are off by one grade at most, and the share that are right."""
        place = {name: number for number, name in enumerate(sorted(classes))}
        off = np.array([abs(place.get(said, -9) - place[true]) for said, true in zip(predicted, truth, strict=True)])
        numbers = {"within_one": float((off <= 1).mean()), "right": float((off == 0).mean())}
        return Metrics(headline="within_one", numbers=numbers, by_class={})


GRADES: LabelKind = GradesKind()
