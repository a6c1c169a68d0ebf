"""How far a learner's scores may be trusted: by what it said of labels before it knew them.

A softmax's own 97 % is false: where one class fits best, it takes for granted that the right one is among those that it
knows. So what the best class scores is held against whether it was right, on predictions made before each label, where
a class not seen by then counts as wrong; and all of it is lessened by the chance of a class that nobody has named yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logsumexp

from tasks.suggest.learners.protocol import Example, Floats, NewLearner

FIRST_BLOCK = 4
"""Examples that are learnt before anything is predicted."""

GROWTH = 1.25
"""Examples are predicted in blocks, each of which adds a quarter to what was learnt before it."""

ENOUGH = 10
"""Predictions below which one share of right ones stands for all scores."""

CERTAIN = 12.0
"""Log odds beyond which nothing is told apart."""

BELOW = 1 - 1e-9
"""No other class is given as much as the best one."""


@dataclass(frozen=True, slots=True)
class Trust:
    """From a learner's scores to probabilities.

    Attributes:
        sharpness: What scores are multiplied by before the softmax.
        slope: Of the log odds that the best class is right, over those of the softmax; several: over the score.
        intercept: Of the same.
        unnamed: Chance, 0 to 1, that an item shows a class without a label so far (Good and Turing: the share of
            labels that are the only one of their class).
        several: Whether an item may show several classes: then each is judged on its own.
    """

    sharpness: float
    slope: float
    intercept: float
    unnamed: float
    several: bool

    @classmethod
    def of(cls, examples: Sequence[Example], new: NewLearner, several: bool) -> "Trust":
        """Measure it.

        Args:
            examples: All labels, in an order that has nothing to do with what they say.
            new: The learner.
            several: Whether an item may show several classes.

        Source:
            Platt, "Probabilistic outputs for support vector machines", 1999; Good, "The population frequencies of
            species", Biometrika 40, 1953.
        """
        named = [name for example in examples for name in example.classes]
        _, counts = np.unique(named, return_counts=True)
        unnamed = float((counts == 1).sum() / len(named)) if named else 1.0
        said = list(_said_before(examples, new))
        if several:
            pairs = [_pairs(*block) for block in said]
            scores, right = _joined([pair[0] for pair in pairs]), _joined([pair[1] for pair in pairs])
            return cls(1.0, *_line(scores, right), unnamed, several)
        sharpness = _sharpness(said)
        tops = [_best(block_scores * sharpness) for block_scores, _ in said]
        right = _joined([_is_right(*block) for block in said])
        return cls(sharpness, *_line(_joined(tops), right), unnamed, several)

    def probabilities(self, scores: Floats) -> Floats:
        """Return (n, classes): of each class the chance that an item shows it.

        Args:
            scores: Shape (n, classes), as the learner gives them; one class at least.
        """
        if self.several:
            return np.asarray(expit(self.slope * scores + self.intercept))
        shares = np.exp(_log_softmax(scores * self.sharpness))
        best = np.zeros_like(shares, dtype=bool)
        best[np.arange(len(shares)), scores.argmax(axis=1)] = True
        sure = expit(self.slope * _best(scores * self.sharpness) + self.intercept) * (1 - self.unnamed)
        others = np.where(best, 0, shares)
        left = others.sum(axis=1, keepdims=True)
        rest = (1 - self.unnamed - sure)[:, None] * others / np.where(left > 0, left, 1)
        return np.where(best, sure[:, None], np.minimum(rest, BELOW * sure[:, None]))


def _said_before(examples: Sequence[Example], new: NewLearner) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """Yield scores (n, classes) of the later half, said before they were learnt, and which classes are theirs."""
    if not examples:
        return
    learner = new(len(examples[0].vector))
    learnt = min(FIRST_BLOCK, len(examples))
    learner.learn(examples[:learnt])
    while learnt < len(examples):
        block = examples[learnt : max(learnt + 1, int(learnt * GROWTH))]
        if 2 * (learnt + len(block)) > len(examples) and len(learner.classes) > 1:
            scores = learner.suggest(np.array([example.vector for example in block]))
            yield scores, np.array([[name in example.classes for name in learner.classes] for example in block])
        learner.learn(block)
        learnt += len(block)


def _sharpness(said: Sequence[tuple[Floats, NDArray[np.bool_]]]) -> float:
    """Return what makes the labels that were among the known classes most likely."""
    known = [(scores[true.any(axis=1)], true[true.any(axis=1)]) for scores, true in said]
    if not any(len(scores) for scores, _ in known):
        return 1.0

    def surprise(log_sharpness: float) -> float:
        sharpness = np.exp(log_sharpness)
        return float(-sum((_log_softmax(scores * sharpness) * true).sum() for scores, true in known))

    return float(np.exp(minimize_scalar(surprise, bounds=(-4, 6), method="bounded").x))


def _line(log_odds: Floats, right: Floats) -> tuple[float, float]:
    """Return slope and intercept of the log odds of being right; flat where too little or only one thing happened."""
    from sklearn.linear_model import LogisticRegression

    hits = float(right.sum())
    if len(right) < ENOUGH or hits in (0, len(right)):
        return 0.0, float(np.log((hits + 1) / (len(right) - hits + 1)))
    fitted = LogisticRegression(C=1.0).fit(log_odds[:, None], right > 0)
    slope = float(fitted.coef_[0, 0])
    if slope <= 0:  # chance: a higher score never means less
        return 0.0, float(np.log((hits + 1) / (len(right) - hits + 1)))
    return slope, float(fitted.intercept_[0])


def _is_right(scores: Floats, true: NDArray[np.bool_]) -> Floats:
    return np.asarray(true[np.arange(len(scores)), scores.argmax(axis=1)], dtype=np.float64)


def _pairs(scores: Floats, true: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    return scores.ravel(), true.ravel().astype(np.float64)


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)


def _log_softmax(scores: Floats) -> Floats:
    return np.asarray(scores - logsumexp(scores, axis=1, keepdims=True))


def _best(scores: Floats) -> Floats:
    """Return (n,) log odds of the best class against all others; at least two classes."""
    ordered = np.sort(scores, axis=1)
    return np.asarray(np.clip(ordered[:, -1] - logsumexp(ordered[:, :-1], axis=1), -CERTAIN, CERTAIN))
