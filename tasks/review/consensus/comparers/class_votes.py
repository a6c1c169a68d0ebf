"""Ticked classes as votes: each class a yes or no of its own, as frequent as it is, and who ticks how.

Whoever could tell has voted on every class: not to tick one is to say no. Per person two rates are learnt over all
classes, of what holds the share not ticked and of what does not hold the share ticked; per class how often it holds.
Where only two ever answer an item, both rates together are hardly told apart from how frequent classes are. So what is
expected of everybody counts for more here than of marks: it is what keeps a lone tick in doubt until a third has voted.

Source:
    Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied Statistics
    1979, with two classes; people's rates are drawn towards those of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from blocks.errors import UnknownClass
from tasks.review.consensus.box_matching import Matched
from tasks.review.consensus.dawid_skene import Floats, Ints
from tasks.review.consensus.skill.rates import EXPECTED_FALSE, EXPECTED_MISS, EXPECTED_OBJECTS

PRIOR_VOTES = 20.0
"""For how many votes an expectation counts, and what all do for one person."""

SMALLEST_RATE = 1e-4
"""Nobody is perfect: a rate of 0 would make one slip impossible instead of rare."""

MOST_ROUNDS = 500
STILL = 1e-5
"""When no rate of a person moves by more, the estimate stands."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How a person ticks."""

    miss: float
    """Share of the classes that hold and that the person does not tick."""
    false: float
    """Share of the classes that do not hold and that the person ticks."""


FAULTLESS = Rates(0.0, 0.0)
"""The truth itself."""


@dataclass(frozen=True, slots=True)
class Tickers:
    """How the people of a queue tick, and how frequent its classes are."""

    classes: tuple[str, ...]
    shares: tuple[float, ...]
    """Of items for which each class holds, above 0 and below 1; they need not sum to 1."""
    rates: Mapping[str, Rates]
    newcomer: Rates
    """Of whoever is not among the rates."""


@dataclass(frozen=True, slots=True)
class _Ticks:
    """Votes of many questions, flat: who ticked what, and who was asked."""

    question: Ints
    person: Ints
    column: Ints
    """Of the class."""
    asked: Floats
    """Shape (questions, people): 1 where somebody could tell, else 0."""


def unknown_tickers(classes: Sequence[str]) -> Tickers:
    """Return people, and classes, of which nothing is known yet."""
    size = max(len(classes), 1)
    share = min(0.5, EXPECTED_OBJECTS / size)
    expected = Rates(EXPECTED_MISS, min(EXPECTED_MISS / 2, EXPECTED_FALSE / size))
    return Tickers(tuple(classes), (share,) * len(classes), {}, expected)


def learn_tickers(
    questions: Sequence[Matched[Any]], classes: Sequence[str], known: Mapping[str, Rates] | None = None
) -> Tickers:
    """Learn how people tick from all their answers to one queue.

    Args:
        questions: Matched by class, several people's each; those of one person teach little. May be empty.
        classes: Known class names.
        known: Rates that are given, by person: the truth's.

    Raises:
        UnknownClass: A class is ticked that is not among the known ones.
    """
    expected = unknown_tickers(classes)
    people = sorted({name for matched in questions for name in matched.people})
    if not people:
        return expected
    ticked = {one.boxes[0].class_name for matched in questions for one in matched.objects}
    order = sorted(classes, key=lambda name: name not in ticked)
    some = len(ticked & set(classes))
    # Classes that nobody ticked are alike in everything: one column stands for all of them.
    weights = np.array([1.0] * some + [float(len(classes) - some)] * (len(classes) > some))
    ticks = _collect(questions, order, people)
    given = {index: known[name] for index, name in enumerate(people) if known and name in known}
    rates, pooled, shares = _estimate(ticks, weights, given, expected)
    share_of = dict(zip(order, shares.tolist(), strict=False))
    return Tickers(
        classes=tuple(classes),
        shares=tuple(share_of.get(name, float(shares[-1])) for name in classes),
        rates={name: Rates(*rates[:, index].tolist()) for index, name in enumerate(people)},
        newcomer=Rates(*pooled.tolist()),
    )


def believe_in_classes(questions: Sequence[Matched[Any]], tickers: Tickers) -> Floats:
    """Return how probable each class is for each question, shape (questions, classes), 0 to 1.

    Args:
        questions: Matched by class; may be empty, and a question may have no answers.
        tickers: Of the queue; the columns are in the order of its classes.

    Raises:
        UnknownClass: A class is ticked that is not among them.
    """
    people = sorted({name for matched in questions for name in matched.people})
    rates = [tickers.rates.get(name, tickers.newcomer) for name in people]
    ticks = _collect(questions, tickers.classes, people)
    return _believe(ticks, _columns(rates), np.array(tickers.shares, float))


def _estimate(
    ticks: _Ticks, weights: Floats, given: Mapping[int, Rates], expected: Tickers
) -> tuple[Floats, Floats, Floats]:
    """Estimate what holds and people's rates in turn, from an unweighted vote on.

    Returns:
        The rates, shape (2, people), those of all together, shape (2,), and how often each class holds.
    """
    people = ticks.asked.shape[1]
    prior = _columns([expected.newcomer])
    free = np.array([person not in given for person in range(people)], bool)
    fixed = _columns([given.get(person, expected.newcomer) for person in range(people)])
    answered = ticks.asked.any(axis=1)
    rates, pooled, shares = fixed, prior, np.full(len(weights), expected.shares[0])
    for _ in range(MOST_ROUNDS):
        beliefs = _believe(ticks, rates, shares)
        holds = ticks.asked.T @ (beliefs @ weights)
        seen = beliefs[ticks.question, ticks.column]
        hits, false = (np.bincount(ticks.person, one, minlength=people) for one in (seen, 1 - seen))
        slips = np.stack([np.maximum(holds - hits, 0.0), false])
        chances = np.stack([holds, ticks.asked.sum(axis=0) * weights.sum() - holds])
        pooled = (slips[:, free].sum(axis=1, keepdims=True) + PRIOR_VOTES * prior) / (
            chances[:, free].sum(axis=1, keepdims=True) + PRIOR_VOTES
        )
        shares = (beliefs[answered].sum(axis=0) + expected.shares[0]) / (answered.sum() + 1)
        before, rates = rates, np.where(free, (slips + PRIOR_VOTES * pooled) / (chances + PRIOR_VOTES), fixed)
        if np.abs(rates - before).max() < STILL:
            break
    return rates, pooled[:, 0], shares


def _collect(questions: Sequence[Matched[Any]], classes: Sequence[str], people: Sequence[str]) -> _Ticks:
    column_of = {name: index for index, name in enumerate(classes)}
    person_of = {name: index for index, name in enumerate(people)}
    asked = np.zeros((len(questions), len(people)))
    rows: list[tuple[int, int, int]] = []
    for index, matched in enumerate(questions):
        asked[index, [person_of[name] for name in matched.people]] = 1.0
        for one in matched.objects:
            name = one.boxes[0].class_name
            if name not in column_of:
                raise UnknownClass.named(name, classes, f"the queue of question {matched.question_id}")
            rows.extend((index, person_of[person], column_of[name]) for person in one.people)
    question, person, column = np.array(rows, np.int64).reshape(-1, 3).T
    return _Ticks(question, person, column, asked)


def _believe(ticks: _Ticks, rates: Floats, shares: Floats) -> Floats:
    """Return how probable each class is; rates have shape (2, people): misses, false ticks."""
    miss, false = np.clip(rates, SMALLEST_RATE, 1 - SMALLEST_RATE)
    odds = logit(shares)[None, :] + (ticks.asked @ (np.log(miss) - np.log1p(-false)))[:, None]
    np.add.at(odds, (ticks.question, ticks.column), -(logit(miss) + logit(false))[ticks.person])
    return np.asarray(expit(odds), float)


def _columns(rates: Sequence[Rates]) -> Floats:
    """Return rates with shape (2, people): misses, false ticks."""
    return np.array([[one.miss for one in rates], [one.false for one in rates]], float)
