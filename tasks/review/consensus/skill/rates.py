"""One round of learning how good people are: from what is believed of the votes to what is expected of everybody.

Estimated in turn with the beliefs (`votes.py`), this is expectation maximisation. The number of objects is the same for
every question here: to tell misses from false marks by how crowded an item is would be to trust a guess of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from tasks.review.consensus.dawid_skene import Choices, Floats, Ints, expected_confusion, learn_confusion, shifted
from tasks.review.consensus.votes import Beliefs, SkillArrays, Votes, believe

EXPECTED_MISS, EXPECTED_FALSE, EXPECTED_OBJECTS = 0.1, 0.1, 3.0
"""What we expect before anybody has answered: of 10 objects one missed, a false box in 10 questions, 3 objects each."""

PRIOR_OBJECTS, PRIOR_QUESTIONS, PRIOR_ANSWERS = 10.0, 5.0, 4.0
"""How much an expectation counts: as so many objects (misses), questions (false boxes), answers of a class."""

FEWEST_OBJECTS = 1e-3


@dataclass(frozen=True, slots=True)
class KnownRates:
    """Rates of one person that are given, not learnt."""

    miss: float
    false: float
    confusion: Floats


Given = Mapping[int, KnownRates]
"""By number of the person."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is expected of the people before they have answered."""

    miss: float
    false: float
    confusion: Floats
    """Shape (classes, classes)."""
    apart_miss: Floats
    """Shape (people,): by how much the log odds of a person's misses differ from those of all."""
    apart_false: Floats
    """Shape (people,): by how much the logarithm of their false boxes does."""
    apart_right: Floats
    """Shape (people, classes): by how much the log odds of naming a class rightly do."""

    def rates(self) -> SkillArrays:
        """Return what is expected of each person."""
        return self.around(self.miss, self.false, self.confusion)

    def around(self, miss: float, false: float, confusion: Floats) -> SkillArrays:
        """Return what is expected of each person where all together have such rates."""
        return SkillArrays(
            miss=np.asarray(expit(logit(miss) + self.apart_miss)),
            false=np.asarray(false * np.exp(self.apart_false)),
            confusion=shifted(confusion, self.apart_right),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes, alike ones together: questions that the same people answered, groups that got the same votes."""

    votes: Votes
    """One question, and one group, of each sort."""
    sort_of_question: Ints
    """Shape (questions,)."""
    sort_of_group: Ints
    """Shape (groups,)."""
    question: Ints
    """Shape (groups,): of which question a group is."""

    def weighted(self, counts: Floats) -> "SortWeights":
        """Return how much each sort counts, where each question counts so much."""
        return SortWeights(
            questions=np.asarray(np.bincount(self.sort_of_question, counts, len(self.votes.asked)), float),
            groups=np.asarray(np.bincount(self.sort_of_group, counts[self.question], len(self.votes.question)), float),
        )


@dataclass(frozen=True, slots=True)
class SortWeights:
    """How much each sort of questions, and of groups, counts."""

    questions: Floats
    groups: Floats


def tally(votes: Votes) -> Tally:
    """Put alike votes together: what they teach is then learnt once. There may be no groups."""
    choices = votes.choices
    asked, sort_of_question = np.unique(votes.asked, axis=0, return_inverse=True)
    said = np.zeros((len(votes.question), choices.people + 1), np.int64)
    said[:, -1] = sort_of_question[votes.question]
    said[choices.subject, choices.person] = choices.said + 1
    sorts, sort_of_group = np.unique(said, axis=0, return_inverse=True)
    subject, person = np.nonzero(sorts[:, :-1])
    alike = Choices(subject, person, sorts[subject, person] - 1, len(sorts), choices.people, choices.classes)
    return Tally(Votes(sorts[:, -1], asked, alike, None), sort_of_question, sort_of_group, votes.question)


@dataclass(frozen=True, slots=True)
class PeopleRates:
    """How good people are, each and all together, and what the items are like."""

    people: SkillArrays
    miss: float
    false: float
    confusion: Floats
    objects: float
    """Per question."""
    shares: Floats
    """Of the classes."""


def plain_prior(votes: Votes) -> Prior:
    """Return the prior that expects the same of everybody."""
    people, classes = votes.choices.people, votes.choices.classes
    return Prior(
        miss=EXPECTED_MISS,
        false=EXPECTED_FALSE,
        confusion=expected_confusion(classes),
        apart_miss=np.zeros(people),
        apart_false=np.zeros(people),
        apart_right=np.zeros((people, classes)),
    )


def first_guess(tallied: Tally, given: Given, prior: Prior) -> PeopleRates:
    """Start from what is expected: with a plain prior the first beliefs are those of an unweighted vote."""
    classes = tallied.votes.choices.classes
    return PeopleRates(
        people=_with_given(prior.rates(), given),
        miss=prior.miss,
        false=prior.false,
        confusion=prior.confusion,
        objects=max(len(tallied.sort_of_group) / len(tallied.sort_of_question), 0.1),
        shares=np.full(classes, 1 / classes),
    )


def believe_evenly(votes: Votes, rates: PeopleRates) -> Beliefs:
    """Weigh the votes as if every item were as crowded as the others."""
    return believe(votes, rates.people, rates.objects, rates.shares, rounds=0)


def learn(votes: Votes, weights: SortWeights, beliefs: Beliefs, given: Given, prior: Prior) -> PeopleRates:
    """Estimate rates from beliefs: the maximisation step.

    Args:
        votes: Of each sort of questions and groups one (`tally`).
        weights: How much each counts.
        beliefs: What is believed of them.
        given: Who is known already.
        prior: What is expected of everybody else.
    """
    choices = votes.choices
    free = np.array([person not in given for person in range(choices.people)], bool)
    there, absent = beliefs.exists * weights.groups, (1 - beliefs.exists) * weights.groups
    found = np.bincount(votes.question, there, minlength=len(votes.asked)) + weights.questions * beliefs.unseen
    objects = votes.asked.T @ found
    hits = np.bincount(choices.person, there[choices.subject], minlength=choices.people)
    false = np.bincount(choices.person, absent[choices.subject], minlength=choices.people)
    answered = votes.asked.T @ weights.questions
    misses = np.maximum(objects - hits, 0)
    pooled_miss = _pooled(misses[free], objects[free], prior.miss, PRIOR_OBJECTS)
    pooled_false = _pooled(false[free], answered[free], prior.false, PRIOR_QUESTIONS)
    weighted = there[:, None] * beliefs.classes
    matrices = {person: known.confusion for person, known in given.items()}
    confusion, pooled = learn_confusion(
        choices, weighted, PRIOR_ANSWERS, matrices, expected=prior.confusion, apart=prior.apart_right
    )
    centre = prior.around(pooled_miss, pooled_false, pooled)
    people = SkillArrays(
        miss=(misses + PRIOR_OBJECTS * centre.miss) / (objects + PRIOR_OBJECTS),
        false=(false + PRIOR_QUESTIONS * centre.false) / (answered + PRIOR_QUESTIONS),
        confusion=confusion,
    )
    total = weighted.sum(axis=0) + 1.0
    return PeopleRates(
        people=_with_given(people, given),
        miss=pooled_miss,
        false=pooled_false,
        confusion=pooled,
        objects=max(float(found.sum() / weights.questions.sum()), FEWEST_OBJECTS),
        shares=total / total.sum(),
    )


def distance(before: PeopleRates, after: PeopleRates) -> float:
    """Return by how much the rate that moved farthest has moved."""
    return max(
        float(np.abs(getattr(before.people, name) - getattr(after.people, name)).max())
        for name in ("miss", "false", "confusion")
    )


def _pooled(events: Floats, chances: Floats, expected: float, weight: float) -> float:
    return float((events.sum() + weight * expected) / (chances.sum() + weight))


def _with_given(rates: SkillArrays, given: Given) -> SkillArrays:
    miss, false, confusion = rates.miss.copy(), rates.false.copy(), rates.confusion.copy()
    for person, known in given.items():
        miss[person], false[person], confusion[person] = known.miss, known.false, known.confusion
    return SkillArrays(miss, false, confusion)
