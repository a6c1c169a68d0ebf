"""Dawid-Skene: what is true, and who confuses what with what, from several people's choices alone: its two steps.

Each person has a confusion matrix: how often they say one class where another is true. Truth and matrices are
estimated in turn (expectation maximisation). A person of few answers is drawn towards the mean of all, and that
towards a plain expectation, so that one answer never makes an expert.

crowd-kit has this algorithm (our tests, which take the steps in turn, hold numbers of its version 1.4.2), but brings
`transformers` and eight more packages with it, knows no priors that pool people, and cannot weigh by how sure an
object's existence is.

Source:
    Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied Statistics
    1979; pooling of people: Kim and Ghahramani, "Bayesian classifier combination", AISTATS 2012.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR_WEIGHT = 4.0
"""For how many answers of a class the prior of a confusion matrix's row counts."""

PRIOR_RIGHT = 0.9
"""How often we expect unknown people to name the class that is true."""

TINY = 1e-10


@dataclass(frozen=True, slots=True)
class Choices:
    """Who chose which class for which subject: three index arrays of shape (n,), and how many of each there are."""

    subject: Ints
    person: Ints
    said: Ints
    subjects: int
    people: int
    classes: int


def class_evidence(choices: Choices, confusion: Floats, shares: Floats) -> Floats:
    """Return the log probability of each class together with what people said, shape (subjects, classes)."""
    log_confusion = np.log(np.maximum(confusion, TINY))
    places = choices.subject[:, None] * choices.classes + np.arange(choices.classes)
    votes = log_confusion[choices.person, :, choices.said]
    evidence = np.bincount(places.ravel(), votes.ravel(), choices.subjects * choices.classes)
    return np.asarray(np.log(np.maximum(shares, TINY)) + evidence.reshape(choices.subjects, choices.classes))


def learn_confusion(
    choices: Choices,
    weighted: Floats,
    prior_weight: float,
    known: Mapping[int, Floats],
    *,
    expected: Floats | None = None,
    apart: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Estimate confusion matrices from beliefs.

    Args:
        choices: What people said.
        weighted: Shape (subjects, classes): beliefs, each row times how much its subject counts.
        prior_weight: How many answers the prior of each row counts for.
        known: Matrices that are given.
        expected: Shape (classes, classes): what is expected of all; None: `expected_confusion`.
        apart: Shape (people, classes): how people differ before they have answered (`shifted`); None: in nothing.

    Returns:
        Shape (people, classes, classes), and of all people together, shape (classes, classes).
    """
    size = choices.classes
    rows = (choices.person * size + choices.said)[:, None] * size + np.arange(size)
    by_answer = np.bincount(rows.ravel(), weighted[choices.subject].ravel(), choices.people * size**2)
    counts = by_answer.reshape(choices.people, size, size).transpose(0, 2, 1).copy()  # from [person, said, true]
    counts[list(known)] = 0.0
    if expected is None:
        expected = expected_confusion(choices.classes)
    pooled = _rows_to_one(prior_weight * expected + counts.sum(axis=0))
    centre = pooled if apart is None else shifted(pooled, apart)
    confusion = _rows_to_one(prior_weight * centre + counts)
    for person, matrix in known.items():
        confusion[person] = matrix
    return confusion, pooled


def expected_confusion(classes: int, right: float = PRIOR_RIGHT) -> Floats:
    """Return the matrix of somebody who names the true class with probability `right`, the others equally often."""
    if classes == 1:
        return np.ones((1, 1))
    wrong = (1 - right) / (classes - 1)
    return np.full((classes, classes), wrong) + (right - wrong) * np.eye(classes)


def shifted(matrix: Floats, apart: Floats) -> Floats:
    """Return the matrices of people who are right more often than a matrix says, or less often.

    Args:
        matrix: Shape (classes, classes); rows sum to 1.
        apart: Shape (people, classes): by how much the log odds of naming each true class differ.

    Returns:
        Shape (people, classes, classes); rows sum to 1.
    """
    if len(matrix) == 1:
        return np.ones((len(apart), 1, 1))
    right = np.clip(np.diag(matrix), TINY, 1 - TINY)
    changed = expit(logit(right) + apart)
    matrices = matrix * ((1 - changed) / (1 - right))[:, :, None]
    at = np.arange(len(matrix))
    matrices[:, at, at] = changed
    return np.asarray(matrices)


def _rows_to_one(counts: Floats) -> Floats:
    safe = np.maximum(counts, TINY)
    return np.asarray(safe / safe.sum(axis=-1, keepdims=True))
