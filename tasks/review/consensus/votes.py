"""Answers to box questions as votes, and what to believe given people's skill: is it there, and what is it?

For every group of boxes (see `box_matching.py`) each person who answered has voted: a class, or "nothing there". A
group is either an object or a spot that deceives people (a shadow, a sign). The two differ in how likely the votes are:

    object   λ · Π over who drew it (1 - miss rate) · Π over the others miss rate · Dawid-Skene over the classes
    spot     S · Π over who drew it (false boxes / S) · Π over the others (1 - false boxes / S)

λ is how many objects such an item has, S how many spots. So the vote is weighted: log((1-m)/(f/S)) for, and
log(m/(1-f/S)) against. That nobody drew an object is possible too: of λ objects everybody misses λ · Π m on average.
An item's own λ is drawn from what was found in it: crowded items have more that is missed.

Source:
    Branson, Van Horn and Perona, "Lean crowdsourcing", CVPR 2017, section 5 (misses and false boxes per person); the
    count of unseen objects is that of capture and recapture (Poisson thinning).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logsumexp

from blocks.errors import UnknownClass
from tasks.kinds.boxes.fusion import GroupedBoxes
from tasks.kinds.geometry import edges_of
from tasks.review.consensus.box_matching import Matched
from tasks.review.consensus.dawid_skene import Choices, Floats, Ints, class_evidence

SPOTS = 10.0
"""Places of an item that could deceive somebody: two people's false boxes meet by chance once in so many."""

SMALLEST_RATE = 1e-4
"""Nobody is perfect: a rate of 0 would make one slip impossible instead of rare."""

CROWD_ROUNDS = 20

THERE = 0.5
"""From this probability on a mark belongs to the consensus: the fewest mistakes, counting both kinds alike."""


class Believed:
    """A place where at least one person marked something, of whatever kind."""

    __slots__ = ()

    exists: float
    """Probability that something is there."""
    right_class: float
    """Probability of its class, if something is."""

    @property
    def is_there(self) -> bool:
        """Whether it belongs to the consensus."""
        return self.exists >= THERE

    @property
    def right_place(self) -> float:
        """Probability that it is where it is said to be, if something is there; 1: a place is never wrong alone."""
        return 1.0

    @property
    def wrong(self) -> float:
        """Probability that taking it (with its class and place) or leaving it out is a mistake."""
        return 1 - self.exists * self.right_class * self.right_place if self.is_there else self.exists


@dataclass(frozen=True, slots=True)
class Votes:
    """Groups of boxes of many questions, flat."""

    question: Ints
    """Shape (groups,): of which question a group is."""
    asked: Floats
    """Shape (questions, people): 1 where somebody answered, else 0."""
    choices: Choices
    """Who drew a box of which class in which group."""
    drawn: GroupedBoxes | None
    """The boxes, in the same order; None: what was drawn has no edges in pixels."""


@dataclass(frozen=True, slots=True)
class SkillArrays:
    """Skill of many people as arrays."""

    miss: Floats
    """Shape (people,): probability of not drawing an object."""
    false: Floats
    """Shape (people,): false boxes per question."""
    confusion: Floats
    """Shape (people, classes, classes): [person, true, said]."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What to believe of groups and questions."""

    exists: Floats
    """Shape (groups,): probability that it is an object."""
    classes: Floats
    """Shape (groups, classes): probability of each class if it is one; rows sum to 1."""
    unseen: Floats
    """Shape (questions,): expected number of objects that nobody drew."""
    crowd: Floats
    """Shape (questions,): expected number of objects."""


def collect_votes(questions: Sequence[Matched[Any]], classes: Sequence[str], people: Sequence[str]) -> Votes:
    """Return the votes of matched answers.

    Args:
        questions: May be empty; each may have been answered by other people.
        classes: Known class names.
        people: Everybody who answered anything.

    Raises:
        UnknownClass: A box has a class that is not among the known ones.
    """
    person_of = {name: index for index, name in enumerate(people)}
    class_of = {name: index for index, name in enumerate(classes)}
    asked = np.zeros((len(questions), len(people)))
    rows: list[tuple[int, int, int]] = []
    boxes = []
    question: list[int] = []
    for index, matched in enumerate(questions):
        asked[index, [person_of[name] for name in matched.people]] = 1.0
        for one in matched.objects:
            for name, box in zip(one.people, one.boxes, strict=True):
                if box.class_name not in class_of:
                    raise UnknownClass.named(box.class_name, classes, f"the queue of question {matched.question_id}")
                rows.append((len(question), person_of[name], class_of[box.class_name]))
                boxes.append(box)
            question.append(index)
    about, person, said = np.array(rows, np.int64).reshape(-1, 3).T
    return Votes(
        question=np.array(question, np.int64),
        asked=asked,
        choices=Choices(about, person, said, len(question), len(people), len(classes)),
        drawn=GroupedBoxes(edges_of(boxes), person, about, len(question)) if has_edges(boxes) else None,
    )


def has_edges(drawn: Sequence[Any]) -> bool:
    """Say whether what people drew are boxes; where nobody drew anything, it may have been."""
    return all(hasattr(one, "x_min") for one in drawn)


def believe(
    votes: Votes, rates: SkillArrays, objects_per_question: float, shares: Floats, *, rounds: int = CROWD_ROUNDS
) -> Beliefs:
    """Weigh the votes.

    Args:
        votes: May hold no groups, and no questions.
        rates: Skill of the people, in the same order as in `votes`.
        objects_per_question: λ on average, above 0.
        shares: Shape (classes,): how frequent the classes are.
        rounds: For finding how crowded each item is; 0: all alike.
    """
    choices = votes.choices
    miss = np.clip(rates.miss, SMALLEST_RATE, 1 - SMALLEST_RATE)
    deceived = np.clip(rates.false / SPOTS, SMALLEST_RATE / SPOTS, 1 - SMALLEST_RATE)
    evidence = class_evidence(choices, rates.confusion, shares)
    log_class = logsumexp(evidence, axis=1, keepdims=True)
    for_object = (votes.asked @ np.log(miss))[votes.question] + log_class[:, 0]
    for_spot = (votes.asked @ np.log1p(-deceived))[votes.question] + np.log(SPOTS)
    groups = len(votes.question)
    for_object += np.bincount(choices.subject, (np.log1p(-miss) - np.log(miss))[choices.person], groups)
    # Deceived people name classes as often as at other times: the class of a lone box says nothing of its existence.
    named = np.log(np.maximum(shares @ rates.confusion, SMALLEST_RATE))[choices.person, choices.said]
    for_spot += np.bincount(choices.subject, (np.log(deceived) - np.log1p(-deceived))[choices.person] + named, groups)
    missed_by_all = np.exp(votes.asked @ np.log(miss))
    crowd = np.full(len(votes.asked), objects_per_question)
    exists = expit(np.log(crowd)[votes.question] + for_object - for_spot)
    for _ in range(rounds):
        exists = expit(np.log(crowd)[votes.question] + for_object - for_spot)
        found = np.bincount(votes.question, exists, minlength=len(crowd))
        crowd = (1 + found) / (1 / objects_per_question + 1 - missed_by_all)
    return Beliefs(exists, np.exp(evidence - log_class), crowd * missed_by_all, crowd)
