"""The consensus of a question with one choice, such as which kind a box is: Dawid-Skene over people's choices.

"Cannot tell" is no choice: it says nothing about the kind, only that somebody looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from blocks.errors import UnknownClass
from blocks.frozen import Frozen
from tasks.review.consensus.dawid_skene import (
    PRIOR_WEIGHT,
    Choices,
    Floats,
    believe_classes,
    dawid_skene,
    expected_confusion,
    learn_confusion,
)

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one person chose in answer to one question; None: they cannot tell."""

    question_id: str
    person: str
    choice: str | None


@dataclass(frozen=True, slots=True)
class ChoiceConsensus:
    """What the choices for one question come to."""

    question_id: str
    people: tuple[str, ...]
    """Who answered, also who could not tell, in the order of names."""
    ranking: tuple[tuple[str, float], ...]
    """Every choice with its probability, the most probable first."""
    cannot_tell: int
    """How many could not tell."""

    @property
    def choice(self) -> str | None:
        """The most probable choice; None where nobody could tell."""
        return self.ranking[0][0] if self.cannot_tell < len(self.people) else None


class Choosers(Frozen):
    """How the people of one queue choose: all that a consensus needs."""

    options: tuple[str, ...] = Field(min_length=1)
    confusion: dict[str, Matrix] = Field(default_factory=dict, description="By person; row: true, column: chosen")
    newcomer: Matrix
    shares: tuple[float, ...] = Field(description="How frequent each option is")

    def right_share(self, person: str) -> float:
        """Return how often a person chooses what is true, over all options as frequent as they are."""
        matrix = np.array(self.confusion.get(person, self.newcomer), float)
        return float(np.diag(matrix) @ np.array(self.shares))


def unknown_choosers(options: Sequence[str]) -> Choosers:
    """Return people of whom nothing is known yet."""
    shares = (1 / len(options),) * len(options)
    return Choosers(options=tuple(options), newcomer=_rows(expected_confusion(len(options))), shares=shares)


def learn_choosers(chosen: Sequence[Chosen], options: Sequence[str]) -> Choosers:
    """Learn who confuses what with what from all choices in one queue.

    Args:
        chosen: Any number, also none; several people's to a question, to learn anything.
        options: What can be chosen, without "cannot tell".

    Raises:
        UnknownClass: A choice is not among the options.
    """
    if not chosen:
        return unknown_choosers(options)
    people = sorted({one.person for one in chosen})
    choices = _collect(chosen, sorted({one.question_id for one in chosen}), people, options)
    estimate = dawid_skene(choices)
    _, pooled = learn_confusion(choices, estimate.beliefs, PRIOR_WEIGHT, {})
    return Choosers(
        options=tuple(options),
        confusion={name: _rows(estimate.confusion[index]) for index, name in enumerate(people)},
        newcomer=_rows(pooled),
        shares=tuple(estimate.shares.tolist()),
    )


def agree_on_choices(chosen: Sequence[Chosen], choosers: Choosers) -> dict[str, ChoiceConsensus]:
    """Return the consensus of each question, by its id, given how people choose.

    Args:
        chosen: One per question and person, in any order. May be empty.
        choosers: From `learn_choosers`, or `unknown_choosers`.

    Raises:
        UnknownClass: A choice is not among the options.
    """
    questions = sorted({one.question_id for one in chosen})
    people = sorted({one.person for one in chosen})
    if not questions:
        return {}
    choices = _collect(chosen, questions, people, choosers.options)
    confusion = np.array([choosers.confusion.get(name, choosers.newcomer) for name in people], float)
    beliefs = believe_classes(choices, confusion, np.array(choosers.shares, float))
    answered: dict[str, list[Chosen]] = {question: [] for question in questions}
    for one in chosen:
        answered[one.question_id].append(one)
    agreed = {}
    for index, question in enumerate(questions):
        shares = zip(choosers.options, beliefs[index].tolist(), strict=True)
        ranked = sorted(shares, key=lambda pair: (-pair[1], pair[0]))
        said = answered[question]
        names = tuple(sorted(one.person for one in said))
        agreed[question] = ChoiceConsensus(question, names, tuple(ranked), sum(one.choice is None for one in said))
    return agreed


def _collect(
    chosen: Sequence[Chosen], questions: Sequence[str], people: Sequence[str], options: Sequence[str]
) -> Choices:
    place = {name: index for index, name in enumerate(options)}
    question_of = {name: index for index, name in enumerate(questions)}
    person_of = {name: index for index, name in enumerate(people)}
    rows = []
    for one in sorted(chosen, key=lambda one: (one.question_id, one.person)):
        if one.choice is None:
            continue
        if one.choice not in place:
            raise UnknownClass.named(one.choice, options, f"the choices of question {one.question_id}")
        rows.append((question_of[one.question_id], person_of[one.person], place[one.choice]))
    subject, person, said = np.array(rows, np.int64).reshape(-1, 3).T
    return Choices(subject, person, said, len(questions), len(people), len(options))


def _rows(matrix: Floats) -> Matrix:
    return tuple(tuple(float(share) for share in row) for row in matrix)
