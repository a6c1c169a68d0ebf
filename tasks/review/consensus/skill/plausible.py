"""What people may be like, as far as their answers tell: a handful of crowds that explain them about equally well.

Where two people answer, what only one of them marks was missed by the other or is false, and of two classes one is
wrong: nothing in the answers says which. One best estimate ends in a corner (nobody ever misses, or one of the two is
always right) and is sure of it. So the same is fitted many times: each time from other people, drawn from what is
expected before anybody answers, and with other weights of the questions. What the answers tell, all fits agree on;
what they do not tell stays as it was drawn. A belief is the mean over all: in doubt until a third person, or gold,
tells.

Source:
    Randomised maximum likelihood: Kitanidis, "Quasi-linear geostatistical theory for inversing", Water Resources
    Research 1995; the weights are those of Rubin, "The Bayesian bootstrap", Annals of Statistics 1981.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from zlib import crc32

import numpy as np
from scipy.special import expit, logit, ndtri

from tasks.review.consensus.dawid_skene import PRIOR_RIGHT, Floats, Ints, expected_confusion
from tasks.review.consensus.skill.rates import (
    EXPECTED_FALSE,
    EXPECTED_MISS,
    Given,
    KnownRates,
    PeopleRates,
    Prior,
    believe_evenly,
    distance,
    first_guess,
    learn,
    tally,
)
from tasks.review.consensus.votes import Beliefs, SkillArrays, Votes, believe

CROWDS = 24
"""How many fits: each takes a share of the time, and a belief is a mean over so many."""

ROUNDS, STILL = 40, 1e-4
"""Of each fit, and when one ends earlier: no rate moved by more. What moves more slowly is what answers hardly tell: it
may stay as it was drawn."""

SPREAD_MISS, SPREAD_FALSE, SPREAD_RIGHT = 1.0, 1.0, 0.7
"""Standard deviation of what is expected of all: log odds of misses, logarithm of false boxes, log odds of the class.

Ours, unpublished, wide on purpose: two crowds in three miss 4 to 23 %, and mark 4 to 27 false boxes in 100 items.
"""

SPREAD_OWN = 0.7
"""The same of one person among the others, and of one class of a person."""


TINIEST = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """What the people of a queue may be like."""

    number: int
    people: tuple[str, ...]
    column: Ints
    """Shape (classes,): the column that stands for a class; those that nobody ever named share one."""
    rates: PeopleRates

    def __eq__(self, other: object) -> bool:
        """Say whether all is the same to the last bit."""
        if not isinstance(other, Crowd):
            return NotImplemented
        same = (self.number, self.people) == (other.number, other.people)
        return same and all(map(np.array_equal, self._arrays(), other._arrays()))

    def _arrays(self) -> tuple[Floats | Ints, ...]:
        rates = self.rates.people
        return rates.miss, rates.false, rates.confusion, self.rates.shares, self.column

    __hash__ = None  # type: ignore[assignment]  # arrays have none either

    def believe(self, votes: Votes, people: Sequence[str]) -> Beliefs:
        """Weigh votes, whose classes are columns, as if people were like this; who is new is one more of this crowd."""
        place = {name: index for index, name in enumerate(self.people)}
        known = np.array([name in place for name in people], bool)
        where = [place.get(name, 0) for name in people]
        prior = _prior(self.number, people, len(self.rates.shares))
        new = prior.around(self.rates.miss, self.rates.false, self.rates.confusion)
        mine = self.rates.people
        rates = SkillArrays(
            miss=np.where(known, mine.miss[where], new.miss),
            false=np.where(known, mine.false[where], new.false),
            confusion=np.where(known[:, None, None], mine.confusion[where], new.confusion),
        )
        return believe(votes, rates, self.rates.objects, self.rates.shares)


def draw_crowds(votes: Votes, questions: Sequence[str], people: Sequence[str], given: Given) -> tuple[Crowd, ...]:
    """Return crowds that explain the votes, the same for the same votes, questions and people.

    Args:
        votes: All that people answered, of one question or more.
        questions: Their ids, in the order of the votes.
        people: Who answered, one or more, in the order of the votes.
        given: Who is known already.
    """
    column, classes = _columns(votes)
    tallied = tally(_in_columns(votes, column, classes))
    # Of a class that nobody named, a known person's column is that of any other such class.
    first = np.array([int(np.flatnonzero(column == one)[0]) for one in range(classes)])
    known = {
        person: KnownRates(one.miss, one.false, one.confusion[np.ix_(first, first)]) for person, one in given.items()
    }
    counts = _counts(questions)
    crowds = []
    for number in range(CROWDS):
        prior, weights = _prior(number, people, classes), tallied.weighted(counts[number])
        rates = first_guess(tallied, known, prior)
        for _ in range(ROUNDS):
            believed = believe_evenly(tallied.votes, rates)
            before, rates = rates, learn(tallied.votes, weights, believed, known, prior)
            if distance(before, rates) < STILL:
                break
        crowds.append(Crowd(number, tuple(people), column, rates))
    return tuple(crowds)


def believe_all(votes: Votes, crowds: Sequence[Crowd], people: Sequence[str]) -> Beliefs:
    """Return the mean of what crowds would have one believe.

    Args:
        votes: May hold no groups.
        crowds: One or more.
        people: Who answered, in the order of the votes; also who is new.
    """
    column = crowds[0].column
    narrow = _in_columns(votes, column, len(crowds[0].rates.shares))
    every = [crowd.believe(narrow, people) for crowd in crowds]
    exists = np.mean([one.exists for one in every], axis=0)
    joint = np.mean([one.exists[:, None] * one.classes for one in every], axis=0)
    classes = joint / np.maximum(joint.sum(axis=1, keepdims=True), TINIEST)
    return Beliefs(
        exists=exists,
        classes=classes[:, column] / np.bincount(column)[column],
        unseen=np.mean([one.unseen for one in every], axis=0),
        crowd=np.mean([one.crowd for one in every], axis=0),
    )


def _columns(votes: Votes) -> tuple[Ints, int]:
    """Return the column that stands for each class, and how many there are: classes that nobody named are all alike."""
    named = np.unique(votes.choices.said)
    column = np.full(votes.choices.classes, len(named), np.int64)
    column[named] = np.arange(len(named))
    return column, int(column.max()) + 1


def _in_columns(votes: Votes, column: Ints, classes: int) -> Votes:
    choices = replace(votes.choices, said=column[votes.choices.said], classes=classes)
    return replace(votes, choices=choices)


def _prior(number: int, people: Sequence[str], classes: int) -> Prior:
    common = drawn_for("", 3)[number]
    own = SPREAD_OWN * np.array([drawn_for(name, 3 + classes)[number] for name in people]).reshape(-1, 3 + classes)
    return Prior(
        miss=float(expit(logit(EXPECTED_MISS) + SPREAD_MISS * common[0])),
        false=float(EXPECTED_FALSE * np.exp(SPREAD_FALSE * common[1])),
        confusion=expected_confusion(classes, float(expit(logit(PRIOR_RIGHT) + SPREAD_RIGHT * common[2]))),
        apart_miss=own[:, 0],
        apart_false=own[:, 1],
        apart_right=own[:, 2:3] + own[:, 3:],
    )


@lru_cache(maxsize=1024)
def drawn_for(name: str, size: int) -> Floats:
    """Return what is drawn for a name, shape (crowds, size): each column spread evenly over the normal distribution."""
    chance = np.random.default_rng(crc32(name.encode()))
    ranks = chance.permuted(np.tile(np.arange(CROWDS), (size, 1)), axis=1).T
    return np.asarray(ndtri((ranks + 0.5) / CROWDS))


def _counts(questions: Sequence[str]) -> Floats:
    """Return how much each question counts, shape (crowds, questions): 1 on average."""
    drawn = [np.random.default_rng(crc32(one.encode())).exponential(size=CROWDS) for one in questions]
    return np.array(drawn).T
