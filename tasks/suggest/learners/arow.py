"""AROW for many classes: each mistake moves the right class and its strongest rival, the less the surer they are.

Passed over once it is bad at pictures (features are all positive, so step sizes decide), hence centred vectors and
several passes. What it comes to depends on the order, so the order is one that no history changes: by a hash of the
item. After a change it passes over all examples anew when it is next asked.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from tasks.suggest.learners.protocol import Example, Floats

PASSES = 5
"""Measured on Caltech-101: one pass is poor, and more than five gain nothing."""

CONSTANT = 0.3
"""One number more of every vector, the same for all, so that a rare class beside the pool's middle does not outbid a
common one in it. Measured on SMS (13 % spam), where of 200 labels 0.97 are right instead of 0.73, and on Caltech-101.
"""

REGULARISER = 1.0
"""r: how far one example may move a class; from 0.01 to 10 it hardly matters."""


class Arow:
    """Adaptive regularisation of weights, with the variance of each number of a class on its own.

    Source:
        Crammer, Kulesza and Dredze, "Adaptive regularization of weight vectors", NIPS 2009, and Machine Learning 91,
        2013, doi 10.1007/s10994-013-5327-x. Variances alone stand for the covariances: vectors come along their
        principal axes, where there are none over the pool.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._examples: dict[str, Example] = {}
        self._weights: tuple[tuple[str, ...], Floats] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that it has an example of, in the order of the alphabet."""
        return tuple(sorted({name for example in self._examples.values() for name in example.classes}))

    def learn(self, examples: Sequence[Example]) -> None:
        """Keep examples, to pass over when asked."""
        self._examples |= {example.item_id: example for example in examples}
        self._weights = None

    def unlearn(self, examples: Sequence[Example]) -> None:
        """Drop examples."""
        for example in examples:
            del self._examples[example.item_id]
        self._weights = None

    def suggest(self, vectors: Floats) -> Floats:
        """Return (n, classes): the margin of each class."""
        if self._weights is None:
            classes = self.classes
            self._weights = classes, self._pass_over(classes)
        weights = self._weights[1]
        return np.asarray(vectors @ weights[:, :-1].T + CONSTANT * weights[:, -1])

    def _pass_over(self, classes: tuple[str, ...]) -> Floats:
        places = {name: place for place, name in enumerate(classes)}
        weights = np.zeros((len(classes), self._dimensions + 1))
        variances = np.ones_like(weights)
        examples = sorted(self._examples.values(), key=lambda one: hashlib.sha256(one.item_id.encode()).digest())
        learnt = [
            (np.append(example.vector, CONSTANT), [places[name] for name in example.classes]) for example in examples
        ]
        for _ in range(PASSES):
            for vector, right in learnt:
                _move(weights, variances, vector, right)
        return weights


def _move(weights: Floats, variances: Floats, vector: Floats, right: list[int]) -> None:
    """Move each class that is right away from the strongest that is not."""
    if len(right) == len(weights):
        return
    for mine in right:
        scores = weights @ vector
        own = scores[mine]
        scores[right] = -np.inf
        rival = int(scores.argmax())
        loss = 1 - (own - scores[rival])
        if loss <= 0:
            continue
        both = [mine, rival]
        spread = variances[both] * vector
        beta = 1 / (float((spread * vector).sum()) + REGULARISER)
        weights[mine] += beta * loss * spread[0]
        weights[rival] -= beta * loss * spread[1]
        variances[both] -= beta * spread**2
