"""Which boxes, or spans, of several people are one object: groups with at most one of each person.

Each pair of people is matched optimally first, the pairs are merged into groups, and then the groups are improved
person by person: one person's boxes are taken out and assigned anew, optimally, to the groups that the others form.
Every step raises the same sum (IoU above the threshold, over all pairs within a group), so it ends. For two people
the result is the optimum. For more the problem is NP-hard, and this local search its standard heuristic.

Who is named first changes nothing: people are gone through in an order that only what they drew decides.

Source:
    Bandelt, Crama and Spieksma, "Approximation algorithms for multi-dimensional assignment problems with decomposable
    costs", Discrete Applied Mathematics 1994 (decomposable costs; the local search assigns one dimension at a time).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Generic, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeVar  # the standard library's knows defaults from Python 3.13 on

from blocks.errors import BadInput
from tasks.kinds.boxes.kind import BOXES
from tasks.kinds.geometry import Floats, Ints
from tasks.kinds.matching import match_optimally
from tasks.kinds.protocol import LabelKind
from tasks.review.questions.kinds.boxes.regions import AnsweredBox

MOST_ROUNDS = 20
"""Bounds the search where equally good groupings alternate."""


class SaidOfObject(Protocol):
    """What a person says of one object."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def class_name(self) -> str: ...  # noqa: D102


Drawn = TypeVar("Drawn", bound=SaidOfObject, default=AnsweredBox)


@dataclass(frozen=True, slots=True)
class PersonAnswer(Generic[Drawn]):
    """The boxes that one person left in answer to one question; none means that nothing is there."""

    person: str
    boxes: tuple[Drawn, ...]


@dataclass(frozen=True, slots=True)
class SameObject(Generic[Drawn]):
    """Boxes that are held for one object, by who drew them, in the order of names."""

    people: tuple[str, ...]
    boxes: tuple[Drawn, ...]


@dataclass(frozen=True, slots=True)
class Matched(Generic[Drawn]):
    """All answers to one question, with their boxes grouped by object."""

    question_id: str
    people: tuple[str, ...]
    """Everybody who answered, in the order of names; also who drew nothing."""
    objects: tuple[SameObject[Drawn], ...]


Place = tuple[Any, ...]
"""Where something is, in an order from the left; the same only where all is the same."""


def place_of_box(box: AnsweredBox) -> Place:
    """Return a box's edges, its class and its id."""
    return box.x_min, box.y_min, box.x_max, box.y_max, box.class_name, box.id


def match_boxes(question_id: str, answers: Sequence[PersonAnswer], kind: LabelKind = BOXES) -> Matched:
    """Group the boxes that several people drew in answer to one question: see `match_objects`."""
    return match_objects(question_id, answers, kind, place_of_box)


def match_objects(
    question_id: str, answers: Sequence[PersonAnswer[Drawn]], kind: LabelKind, place_of: Callable[[Drawn], Place]
) -> Matched[Drawn]:
    """Group what several people drew in answer to one question.

    Args:
        question_id: Goes into the result.
        answers: One per person, in any order. May be empty.
        kind: Of the labels: what is alike, and from when on it is one object.
        place_of: Where something is.

    Returns:
        Groups in the order of their first box from the left; the same for every order of the answers.

    Raises:
        BadInput: A person answers twice: decide first which answer counts.
    """
    names = sorted(answer.person for answer in answers)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(
            f"question {question_id!r} has two answers of {twice!r} (expected one a person): decide which counts first"
        )
    ordered = sorted(answers, key=lambda answer: (sorted(map(place_of, answer.boxes)), answer.person))
    drawn = [(rank, box) for rank, one in enumerate(ordered) for box in sorted(one.boxes, key=place_of)]
    person = np.array([rank for rank, _ in drawn], np.int64)
    worth = _pair_worth([box for _, box in drawn], kind)
    group = _improve(worth, person, _merge_pairs(worth, person))
    objects = []
    for label in np.unique(group):
        members = sorted(
            ((ordered[drawn[index][0]].person, drawn[index][1]) for index in np.flatnonzero(group == label)),
            key=lambda member: member[0],
        )
        objects.append(SameObject(tuple(name for name, _ in members), tuple(box for _, box in members)))
    objects.sort(key=lambda one: min(map(place_of, one.boxes)))
    return Matched(question_id, tuple(names), tuple(objects))


def _pair_worth(boxes: Sequence[SaidOfObject], kind: LabelKind) -> Floats:
    """Return for every two boxes what it is worth to hold them for one object, shape (n, n); negative: apart."""
    alike_places = kind.similarity(boxes, boxes)
    classes = np.array([box.class_name for box in boxes])
    alike = (classes[:, None] == classes[None]) & (alike_places >= kind.same_from)
    return np.asarray(alike_places - kind.same_from + kind.same_class_bonus * alike)


def _merge_pairs(worth: Floats, person: Ints) -> Ints:
    """Match every two people optimally, and merge the matched pairs, best first, where it pays for the whole group."""
    pairs: list[tuple[float, int, int]] = []
    for one, other in combinations(range(int(person.max(initial=-1)) + 1), 2):
        mine, theirs = np.flatnonzero(person == one), np.flatnonzero(person == other)
        gain = worth[np.ix_(mine, theirs)]
        pairs.extend(
            (-float(gain[row, column]), int(mine[row]), int(theirs[column])) for row, column in match_optimally(gain)
        )
    members = {index: [index] for index in range(len(person))}
    group = np.arange(len(person), dtype=np.int64)
    for _, first, second in sorted(pairs):
        one, other = sorted((int(group[first]), int(group[second])))
        ours, theirs_too = members[one], members[other]
        apart = set(person[ours].tolist()).isdisjoint(person[theirs_too].tolist())
        if one != other and apart and worth[np.ix_(ours, theirs_too)].sum() > 0:
            members[one] = ours + members.pop(other)
            group[members[one]] = one
    return group


def _improve(worth: Floats, person: Ints, group: Ints) -> Ints:
    """Assign one person's boxes after the other anew to the groups of everybody else, until nothing changes."""
    for _ in range(MOST_ROUNDS):
        before = group
        for someone in np.unique(person):
            group = _reassign(worth, person == someone, group)
        if np.array_equal(before, group):
            break
    return group


def _reassign(worth: Floats, is_mine: NDArray[np.bool_], group: Ints) -> Ints:
    mine, others = np.flatnonzero(is_mine), np.flatnonzero(~is_mine)
    labels, place = np.unique(group[others], return_inverse=True)
    gain = np.zeros((len(labels), len(mine)))
    np.add.at(gain, place, worth[np.ix_(others, mine)])
    changed = group.copy()
    changed[mine] = len(group) + mine  # a group of its own, unless one is found
    for row, column in match_optimally(gain):
        changed[mine[column]] = labels[row]
    return _named_by_first(changed)


def _named_by_first(group: Ints) -> Ints:
    """Name every group by the smallest index in it, so that equal groupings are equal arrays."""
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(first[place], np.int64)
