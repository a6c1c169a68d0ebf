"""What is true of questions with one choice, weighed over a handful of crowds that explain the choices about as well.

Where two people choose, one of two classes is wrong wherever they differ, and nothing in the choices says which. One
best estimate ends in a corner (one of the two is always right) and is sure of it. So people are drawn from what is
expected before anybody answers, questions are weighed anew, and the fit is made for each draw (as in `plausible.py`):
what choices do not tell stays as it was drawn. All fits are made at once: each array has a column for each of them.

A person is right about a class more or less often; who is wrong names what looks like it, which is learnt of all
people together, and of each from their own choices. Only those classes are carried for a question that were named for
it, or together with what was named for it. All others are one more possibility: that everybody was wrong.

How people choose is learnt from questions that two or more have answered, and from nothing else: one answer alone fits
people who are right as well as people who are wrong. Choices fit as well with all classes exchanged, too: so classes
that nobody named for a question never teach more than those that were named, and that fit has nothing to live on.

Source:
    Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied Statistics
    1979; randomised maximum likelihood and the Bayesian bootstrap: see `plausible.py`. That people who are wrong agree:
    the Dirichlet-multinomial distribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, gammaln, logit, ndtri

from tasks.review.consensus.dawid_skene import PRIOR_RIGHT, Choices, Floats, Ints
from tasks.review.consensus.skill.cases import Cases, even, numbered, sums, votes_of_cases, weigh_sorts
from tasks.review.consensus.skill.plausible import CROWDS, drawn_for

ROUNDS, STILL = 25, 1e-3
"""Of all fits, and when they end earlier: no belief moved by more."""

SPREAD_ALL, SPREAD_OWN, SPREAD_CLASS = 0.5, 0.5, 0.5
"""Standard deviation of what is expected, in log odds of the right class: of all, of a person, of a class of theirs."""

WEIGHT_ALL, WEIGHT_OWN, WEIGHT_CLASS = 10.0, 25.0, 50.0
"""For how many choices these expectations count."""

ALIKE = 4.0
"""For how many wrong choices it counts that a class is taken for any other as often: few, as most have lookalikes."""

SPREAD_ALIKE = 1.0
"""Standard deviation of the logarithm of that: of two classes that are confused one may be taken for the other only."""

SHARE_WEIGHT = 1.0
"""For how many questions of each class it counts that all are as frequent."""

EDGE = 1e-6
"""No rate is nearer to 0 or 1."""


@dataclass(frozen=True, slots=True)
class WeighedChoices:
    """What to believe of questions that were answered alike."""

    sort_of_question: Ints
    """Shape (questions,)."""
    starts: Ints
    """Shape (sorts + 1,): where the possibilities of each sort begin."""
    classes: Ints
    """Shape (possibilities,): which class may be true."""
    beliefs: Floats
    """Shape (possibilities,): how probable that is."""
    elsewhere: Floats
    """Shape (sorts,): how probable another class is, whichever."""

    def of(self, sort: int) -> list[tuple[int, float]]:
        """Return the classes that are carried for a sort, each with its probability."""
        here = slice(self.starts[sort], self.starts[sort + 1])
        return list(zip(self.classes[here].tolist(), self.beliefs[here].tolist(), strict=True))


def weigh_choices(choices: Choices, questions: Sequence[str], people: Sequence[str], options: int) -> WeighedChoices:
    """Return what to believe, the same for the same choices, questions and people.

    Args:
        choices: Of one question or more; a question may have none. The classes are those that anybody chose.
        questions: Their ids, in the order of the subjects.
        people: Who chose, in the order of the choices.
        options: How many classes could be chosen.
    """
    cases = Cases.of(choices)
    fits = _Fits(cases, weigh_sorts(questions, cases), people, options)
    beliefs, elsewhere = fits.run()
    return WeighedChoices(cases.sort_of_question, cases.starts, cases.truth, beliefs, elsewhere)


class _Fits:
    """All fits at once: expectation maximisation, with a column for each crowd.

    What is believed of a question is learnt from the others: its own part is taken out of the counts (as in CVB0 of
    Asuncion et al., "On smoothing and inference for topic models", UAI 2009). Else it would confirm itself.
    """

    def __init__(self, cases: Cases, weights: Floats, people: Sequence[str], options: int) -> None:
        choices = cases.choices
        self.cases, self.classes, self.options = cases, choices.classes, options
        sizes = np.bincount(cases.sort_of_question, minlength=choices.subjects)
        votes = np.bincount(choices.subject, minlength=choices.subjects)
        self.weights = weights = weights * (votes > 1)[:, None]
        self.of_one = (weights / sizes[:, None])[cases.sort]
        self.others = max(options - 1, 1)
        case, vote = votes_of_cases(cases)
        truth, person, said = cases.truth[case], choices.person[vote], choices.said[vote]
        keys, self.key = numbered((person * self.classes + truth) * self.classes + said)
        row, key_said = keys // self.classes, keys % self.classes
        rows, self.row = numbered(row)
        self.key_is_right = (key_said == row % self.classes)[:, None]
        pairs, self.pair = numbered(row % self.classes * self.classes + key_said)
        self.is_right, self.truth = (said == truth)[:, None], truth
        self.case, self.by_case, self.by_key = case, sums(case, len(cases.truth)), sums(self.key, len(keys))
        self.by_row, self.by_pair = sums(self.row, len(rows)), sums(self.pair, len(pairs))
        self.person_of_row, self.class_of_row = rows // self.classes, rows % self.classes
        self.rows_by_person = sums(self.person_of_row, choices.people)
        self.rows_by_class = sums(self.class_of_row, self.classes)
        self.pairs_by_class = sums(pairs // self.classes, self.classes)
        self.pair_is_right = (pairs // self.classes == pairs % self.classes)[:, None]
        same = numbered(case * self.classes + said)[1]
        self.same = np.bincount(same)[same][:, None]
        self.is_named = np.bincount(case, self.is_right[:, 0], len(cases.truth))[:, None] > 0
        self.against = np.bincount(case, ~self.is_right[:, 0], len(cases.truth))[case][:, None]
        self.asked = csr_array(
            (np.ones(len(choices.subject)), (choices.subject, choices.person)), shape=(choices.subjects, choices.people)
        )
        self.by_class, self.by_sort = sums(cases.truth, self.classes), sums(cases.sort, choices.subjects)
        self.by_chance = _agree_by_chance(choices, ALIKE / self.others)[:, None]
        self.taken_for = self._draw_lookalikes(pairs)
        self._draw_people(people)

    def _draw_people(self, people: Sequence[str]) -> None:
        """Draw what is expected of all, of each person, and of each class of a person."""
        drawn = drawn_for("", 3)
        self.expected = expit(logit(PRIOR_RIGHT) + SPREAD_ALL * drawn[:, 2])
        own = [drawn_for(name, 3 + self.classes) for name in people]
        self.apart = SPREAD_OWN * np.array([one[:, 2] for one in own]).reshape(len(people), CROWDS)
        each = np.array([one[:, 3:].T for one in own]).reshape(len(people), self.classes, CROWDS)
        self.apart_class = SPREAD_CLASS * each[self.person_of_row, self.class_of_row]

    def _draw_lookalikes(self, pairs: Ints) -> Floats:
        """Draw how often a class is taken for each other one, shape (pairs, crowds): counts of wrong choices."""
        spread = SPREAD_ALIKE * ndtri(even(pairs.astype(np.uint64))) - SPREAD_ALIKE**2 / 2
        drawn = np.where(self.pair_is_right, 0.0, np.exp(spread))
        uncarried = self.others - self.pairs_by_class @ (~self.pair_is_right).astype(float)
        every = self.pairs_by_class @ drawn + uncarried
        return np.asarray(ALIKE * (drawn / np.maximum(every, EDGE)[pairs // self.classes]))

    def run(self) -> tuple[Floats, Floats]:
        """Return beliefs of possibilities and of other classes: means over all fits."""
        beliefs: Floats = np.zeros((len(self.cases.truth), CROWDS))
        elsewhere: Floats = np.zeros((self.cases.choices.subjects, CROWDS))
        for _ in range(ROUNDS):
            before, (beliefs, elsewhere) = beliefs, self._believe(*self._anchored(beliefs, elsewhere))
            if np.abs(beliefs - before).max(initial=0.0) < STILL:
                break
        return beliefs.mean(axis=1), elsewhere.mean(axis=1)

    def _anchored(self, beliefs: Floats, elsewhere: Floats) -> tuple[Floats, Floats]:
        """Return what may be learnt from: of each sort, classes that nobody named count no more than those named."""
        named = self.by_sort @ (beliefs * self.is_named)
        unnamed = self.by_sort @ (beliefs * ~self.is_named) + elsewhere
        kept = np.minimum(1.0, named / np.maximum(unnamed, EDGE))
        return beliefs * np.where(self.is_named, 1.0, kept[self.cases.sort]), elsewhere * kept

    def _learn(self, beliefs: Floats, elsewhere: Floats) -> tuple[Floats, Floats]:
        """Return the log of how often people say what they said, per vote and possibility, and that of the classes."""
        weighted, own = beliefs * self.weights[self.cases.sort], beliefs * self.of_one
        lost = elsewhere * self.weights
        frequent, answered = self.by_class @ weighted, weighted.sum(axis=0) + lost.sum(axis=0)
        self.frequent = (frequent + SHARE_WEIGHT) / (answered + SHARE_WEIGHT * self.options)
        shares = np.maximum(frequent[self.cases.truth] - own, 0) + SHARE_WEIGHT
        counts = self.by_key @ weighted[self.case]
        good, total = self.by_row @ (counts * self.key_is_right), self.by_row @ counts
        centre = self._centre(good, total, self.asked.T @ lost)[self.row][self.key]
        pairs = self.by_pair @ counts * ~self.pair_is_right
        wrong = self.pairs_by_class @ pairs
        own = own[self.case]
        pair, pair_of_vote = self.pair[self.key], own * self.same
        alike = (np.maximum(pairs[pair] - pair_of_vote, 0) + self.taken_for[pair]) / (
            np.maximum(wrong[self.truth] - own * self.against, 0) + ALIKE
        )
        expected = np.where(self.is_right, centre, (1 - centre) * alike)
        said = np.maximum(counts[self.key] - own, 0) + WEIGHT_CLASS * expected
        says = np.log(said / (np.maximum(total[self.row][self.key] - own, 0) + WEIGHT_CLASS))
        return says, np.log(shares / (answered + SHARE_WEIGHT * self.options))

    def _centre(self, good: Floats, total: Floats, lost: Floats) -> Floats:
        """Return how often each person is expected to be right about each class, shape (rows, crowds).

        Args:
            good: Shape (rows, crowds): right choices; a row is a person and a class that is true.
            total: All choices there.
            lost: Shape (people, crowds): choices of questions of which another class is true.
        """
        good_own, total_own = self.rows_by_person @ good, self.rows_by_person @ total + lost
        every = _rate(good_own.sum(axis=0), total_own.sum(axis=0), self.expected, WEIGHT_ALL)
        self.rates = _rate(good_own, total_own, expit(logit(every) + self.apart), WEIGHT_OWN)
        of_class = _rate(self.rows_by_class @ good, self.rows_by_class @ total, every, WEIGHT_CLASS)
        own, hard = logit(self.rates)[self.person_of_row], (logit(of_class) - logit(every))[self.class_of_row]
        return np.asarray(np.clip(expit(own + hard + self.apart_class), EDGE, 1 - EDGE))

    def _believe(self, beliefs: Floats, elsewhere: Floats) -> tuple[Floats, Floats]:
        """Return what to believe next."""
        starts, sort = self.cases.starts[:-1], self.cases.sort
        says, log_shares = self._learn(beliefs, elsewhere)
        evidence = self.by_case @ says + log_shares
        filled = np.flatnonzero(np.diff(self.cases.starts))
        if not len(filled):
            return evidence, np.ones((len(starts), CROWDS))
        carried = np.zeros((len(starts), CROWDS))
        carried[filled] = np.add.reduceat(self.frequent[self.cases.truth], starts[filled], axis=0)
        rest = self.asked @ np.log1p(-self.rates) + self.by_chance + np.log(np.maximum(1 - carried, EDGE**2))
        top = rest.copy()
        top[filled] = np.maximum(rest[filled], np.maximum.reduceat(evidence, starts[filled], axis=0))
        beliefs, elsewhere = np.exp(evidence - top[sort]), np.exp(rest - top)
        total = elsewhere.copy()
        total[filled] += np.add.reduceat(beliefs, starts[filled], axis=0)
        return beliefs / total[sort], elsewhere / total


def _rate(good: Floats, total: Floats, expected: Floats, weight: float) -> Floats:
    return np.asarray(np.clip((good + weight * expected) / (total + weight), EDGE, 1 - EDGE))


def _agree_by_chance(choices: Choices, each: float) -> Floats:
    """Return the log probability of what was said, per sort, where all are wrong and nothing is known of the class."""
    said, times = np.unique(choices.subject * choices.classes + choices.said, return_counts=True)
    same = np.bincount(said // choices.classes, gammaln(each + times) - gammaln(each), choices.subjects)
    votes = np.bincount(choices.subject, minlength=choices.subjects)
    return np.asarray(same - gammaln(ALIKE + votes) + gammaln(ALIKE))
