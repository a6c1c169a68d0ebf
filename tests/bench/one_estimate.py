"""Choices weighed by one best estimate of everybody's confusions: against it the crowds are measured.

Truth and confusion matrices in turn, until nothing moves: plain Dawid-Skene, with priors that pool people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from tasks.review.consensus.choice_consensus import ChoiceConsensus, Chosen
from tasks.review.consensus.dawid_skene import (
    PRIOR_WEIGHT,
    Choices,
    Floats,
    class_evidence,
    expected_confusion,
    learn_confusion,
)

ENOUGH = 20
"""Questions that two or more have answered, under which people are taken as unknown."""

MOST_ROUNDS = 300
STILL = 1e-6
"""When no belief moves by more, the estimate stands."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is true, and how good people are."""

    beliefs: Floats
    """Shape (subjects, classes): probability that a class is true; rows sum to 1."""
    confusion: Floats
    """Shape (people, classes, classes): [person, true, said]; the last axis sums to 1."""
    shares: Floats
    """Shape (classes,): how frequent classes are; sums to 1."""


def dawid_skene(
    choices: Choices, *, prior_weight: float = PRIOR_WEIGHT, known: Mapping[int, Floats] | None = None
) -> Estimate:
    """Estimate truth and people's confusion matrices from their choices.

    Args:
        choices: May be empty; a subject nobody chose for gets the shares of the classes.
        prior_weight: 0 for plain maximum likelihood.
        known: Confusion matrices, by person, that are given and not estimated (truth, referees).
    """
    beliefs = majority(choices)
    confusion, shares = _people_and_shares(choices, beliefs, prior_weight, known or {})
    for _ in range(MOST_ROUNDS):
        before = beliefs
        beliefs = believe_classes(choices, confusion, shares)
        confusion, shares = _people_and_shares(choices, beliefs, prior_weight, known or {})
        if np.abs(beliefs - before).max(initial=0.0) < STILL:
            break
    return Estimate(beliefs, confusion, shares)


def majority(choices: Choices) -> Floats:
    """Return each subject's shares of votes, shape (subjects, classes); equal shares where nobody voted."""
    votes = np.zeros((choices.subjects, choices.classes))
    np.add.at(votes, (choices.subject, choices.said), 1.0)
    votes[votes.sum(axis=1) == 0] = 1.0
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def believe_classes(choices: Choices, confusion: Floats, shares: Floats) -> Floats:
    """Return the probability of each class for each subject, shape (subjects, classes), given people's skill."""
    evidence = class_evidence(choices, confusion, shares)
    return np.asarray(np.exp(evidence - logsumexp(evidence, axis=1, keepdims=True)))


def _people_and_shares(
    choices: Choices, beliefs: Floats, prior_weight: float, known: Mapping[int, Floats]
) -> tuple[Floats, Floats]:
    confusion, _ = learn_confusion(choices, beliefs, prior_weight, known)
    seen = beliefs[np.unique(choices.subject)]
    total = seen.sum(axis=0) + min(prior_weight, 1.0)
    shares = total / total.sum() if total.sum() > 0 else np.full(choices.classes, 1 / choices.classes)
    return confusion, shares


def agree_by_one_estimate(chosen: Sequence[Chosen], options: Sequence[str]) -> dict[str, ChoiceConsensus]:
    """Agree as if the best estimate of people's confusions were true."""
    questions, people = sorted({one.question_id for one in chosen}), sorted({one.person for one in chosen})
    places = [{name: index for index, name in enumerate(names)} for names in (questions, people, options)]
    rows = [(one.question_id, one.person, str(one.choice)) for one in chosen]
    subject, person, said = np.array([[place[x] for place, x in zip(places, row, strict=True)] for row in rows]).T
    choices = Choices(subject, person, said, len(questions), len(people), len(options))
    if (np.bincount(subject) > 1).sum() >= ENOUGH:
        beliefs = dawid_skene(choices).beliefs
    else:
        size = len(options)
        beliefs = believe_classes(choices, np.array([expected_confusion(size)] * len(people)), np.full(size, 1 / size))
    best = [options[at] for at in beliefs.argmax(axis=1)]
    sure = beliefs.max(axis=1).tolist()
    return {
        name: ChoiceConsensus(name, tuple(people), ((what, share),), 0, frozenset({what}))
        for name, what, share in zip(questions, best, sure, strict=True)
    }
