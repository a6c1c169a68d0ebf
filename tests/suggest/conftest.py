"""Clouds of vectors about a few means: what a learner must tell apart, drawn anew from a seed."""

import numpy as np
import pytest

from tasks.suggest.space import Space
from tasks.suggest.suggester import Suggester

EMBEDDER = "cloud"
DIMENSIONS = 12


class Clouds:
    """Vectors of classes c0, c1, ...; class n lies about a mean of its own."""

    def __init__(self, classes: int, each: int, spread: float = 1.0) -> None:
        draw = np.random.default_rng(0)
        means = draw.standard_normal((classes, DIMENSIONS)) * 2
        self.names = [f"c{number % classes}" for number in range(classes * each)]
        self.ids = [f"item-{number}" for number in range(len(self.names))]
        at = [number % classes for number in range(len(self.names))]
        self.vectors = 5 + means[at] + spread * draw.standard_normal((len(at), DIMENSIONS))
        self.space = Space.of(EMBEDDER, self.vectors)

    def labels(self, places):
        return {self.ids[place]: (self.names[place],) for place in places}

    def suggester(self, learner="ridge-lda", places=(), several=False) -> Suggester:
        """What has learnt the items at some places."""
        suggester = Suggester(self.space, learner, several)
        self.teach(suggester, places)
        return suggester

    def teach(self, suggester, places):
        return suggester.learn(self.labels(places), self.vectors[list(places)], EMBEDDER)


@pytest.fixture
def clouds():
    return Clouds
