"""The consensus of a question with one choice, such as which kind a box is: Dawid-Skene over people's choices.

What choices cannot tell of the people stays in doubt (`skill/choosing.py`). "Cannot tell" is no choice: it says nothing
about the kind, only that somebody looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from blocks.errors import UnknownClass
from tasks.review.consensus.dawid_skene import Choices
from tasks.review.consensus.skill.choosing import WeighedChoices, weigh_choices

SHOWN = 30
"""Choices of a ranking, where there are more: at least those that are weighed one by one."""


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
    """Choices with their probability, the most probable first; where there are very many, not all."""
    cannot_tell: int
    """How many could not tell."""
    named: frozenset[str]
    """What people chose."""

    @property
    def choice(self) -> str | None:
        """The most probable choice of those that people named; None where nobody could tell."""
        return next((name for name, _ in self.ranking if name in self.named), None)

    @property
    def wrong(self) -> float:
        """How probable it is that this choice is wrong: more than half, where what nobody named is more probable."""
        return 1 - dict(self.ranking).get(self.choice or "", 0.0)


def agree_on_choices(
    chosen: Sequence[Chosen], options: Sequence[str], history: Sequence[Chosen] = ()
) -> dict[str, ChoiceConsensus]:
    """Return the consensus of each question, by its id: how people choose is learnt from all of it.

    Args:
        chosen: One per question and person, in any order. May be empty.
        options: What can be chosen, without "cannot tell".
        history: Of earlier questions, to learn from how people choose.

    Raises:
        UnknownClass: A choice is not among the options.
    """
    if not chosen:
        return {}
    answered: dict[str, list[Chosen]] = {one.question_id: [] for one in sorted(chosen, key=lambda one: one.question_id)}
    for one in chosen:
        answered[one.question_id].append(one)
    every = [*chosen, *(one for one in history if one.question_id not in answered)]
    questions, people = sorted({one.question_id for one in every}), sorted({one.person for one in every})
    offered = dict.fromkeys(options)
    for one in every:
        if one.choice is not None and one.choice not in offered:
            raise UnknownClass.named(one.choice, options, f"the choices of question {one.question_id}")
    said = {one.choice for one in every}
    named = [name for name in offered if name in said]
    weighed = weigh_choices(_collect(every, questions, people, named), questions, people, len(offered))
    rankings: dict[int, tuple[tuple[str, float], ...]] = {}
    agreed = {}
    for index, question in enumerate(questions):
        if question not in answered:
            continue
        sort = int(weighed.sort_of_question[index])
        if sort not in rankings:
            rankings[sort] = _ranking(weighed, sort, named, list(offered))
        mine = answered[question]
        names = tuple(sorted(one.person for one in mine))
        told = [one.choice for one in mine if one.choice is not None]
        agreed[question] = ChoiceConsensus(question, names, rankings[sort], len(mine) - len(told), frozenset(told))
    return agreed


def _ranking(
    weighed: WeighedChoices, sort: int, named: Sequence[str], options: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    carried = {named[column]: share for column, share in weighed.of(sort)}
    others = len(options) - len(carried)
    each = float(weighed.elsewhere[sort]) / max(others, 1)
    first = islice((one for one in options if one not in carried), max(0, SHOWN - len(carried)))
    return tuple(sorted([*carried.items(), *((one, each) for one in first)], key=lambda pair: (-pair[1], pair[0])))


def _collect(
    chosen: Sequence[Chosen], questions: Sequence[str], people: Sequence[str], named: Sequence[str]
) -> Choices:
    place = {name: index for index, name in enumerate(named)}
    question_of = {name: index for index, name in enumerate(questions)}
    person_of = {name: index for index, name in enumerate(people)}
    rows = [
        (question_of[one.question_id], person_of[one.person], place[one.choice])
        for one in chosen
        if one.choice is not None
    ]
    subject, person, said = np.array(sorted(rows), np.int64).reshape(-1, 3).T
    return Choices(subject, person, said, len(questions), len(people), len(named))
