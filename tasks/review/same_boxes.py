"""Which boxes of several people are one object: groups with at most one box of each person.

Each pair of people is matched optimally first, the pairs are merged into groups, and then the groups are improved
person by person: one person's boxes are taken out and assigned anew, optimally, to the groups that the others form.
Every step raises the same sum (IoU above the threshold, over all pairs within a group), so it ends. For two people
the result is the optimum. For more the problem is NP-hard, and this local search its standard heuristic.

Who is named first changes nothing: people are gone through in an order that only what they drew decides.

Source:
    Bandelt, Crama and Spieksma, "Approximation algorithms for multi-dimensional assignment problems with decomposable
    costs", Discrete Applied Mathematics 1994 (decomposable costs; the local search assigns one dimension at a time).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput
from tasks.detect.overlaps import paired_iou
from tasks.review.regions import AnsweredBox

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAME_OBJECT_IOU = 0.4
"""From this mean IoU on boxes are one object. Careless hands meet at 0.4 to 0.6, parked neighbours stay below 0.3."""

SAME_CLASS_BONUS = 0.05
"""Breaks ties where two boxes of different classes lie on one place."""

MOST_ROUNDS = 20
"""Bounds the search where equally good groupings alternate."""


@dataclass(frozen=True, slots=True)
class PersonAnswer:
    """The boxes that one person left in answer to one question; none means that nothing is there."""

    person: str
    boxes: tuple[AnsweredBox, ...]


@dataclass(frozen=True, slots=True)
class SameObject:
    """Boxes that are held for one object, by who drew them, in the order of names."""

    people: tuple[str, ...]
    boxes: tuple[AnsweredBox, ...]


@dataclass(frozen=True, slots=True)
class Matched:
    """All answers to one question, with their boxes grouped by object."""

    question_id: str
    people: tuple[str, ...]
    """Everybody who answered, in the order of names; also who drew nothing."""
    objects: tuple[SameObject, ...]


def match_boxes(question_id: str, answers: Sequence[PersonAnswer], same_iou: float = SAME_OBJECT_IOU) -> Matched:
    """Group the boxes that several people drew in answer to one question.

    Args:
        question_id: Goes into the result.
        answers: One per person, in any order. May be empty.
        same_iou: Mean IoU from which boxes are one object, above 0 and below 1.

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
    ordered = sorted(answers, key=lambda answer: (sorted(map(_place, answer.boxes)), answer.person))
    drawn = [(rank, box) for rank, one in enumerate(ordered) for box in sorted(one.boxes, key=_place)]
    person = np.array([rank for rank, _ in drawn], np.int64)
    worth = _pair_worth([box for _, box in drawn], same_iou)
    group = _improve(worth, person, _merge_pairs(worth, person))
    objects = []
    for label in np.unique(group):
        members = sorted(
            ((ordered[drawn[index][0]].person, drawn[index][1]) for index in np.flatnonzero(group == label)),
            key=lambda member: member[0],
        )
        objects.append(SameObject(tuple(name for name, _ in members), tuple(box for _, box in members)))
    objects.sort(key=lambda one: min(map(_place, one.boxes)))
    return Matched(question_id, tuple(names), tuple(objects))


def _place(box: AnsweredBox) -> tuple[float, float, float, float, str, str]:
    return box.x_min, box.y_min, box.x_max, box.y_max, box.class_name, box.id


def edges_of(boxes: Sequence[AnsweredBox]) -> Floats:
    """Return the edges of boxes, shape (n, 4): x_min, y_min, x_max, y_max in pixels. n may be 0."""
    return np.array([(box.x_min, box.y_min, box.x_max, box.y_max) for box in boxes], np.float64).reshape(-1, 4)


def iou_of_all(first_xyxy_px: Floats, second_xyxy_px: Floats) -> Floats:
    """Return the IoU of every box (n, 4) with every other one (m, 4), shape (n, m), 0 to 1."""
    rows, columns = len(first_xyxy_px), len(second_xyxy_px)
    flat = paired_iou(np.repeat(first_xyxy_px, columns, axis=0), np.tile(second_xyxy_px, (rows, 1)))
    return flat.reshape(rows, columns)


def _pair_worth(boxes: Sequence[AnsweredBox], same_iou: float) -> Floats:
    """Return for every two boxes what it is worth to hold them for one object, shape (n, n); negative: apart."""
    edges = edges_of(boxes)
    overlap = iou_of_all(edges, edges)
    classes = np.array([box.class_name for box in boxes])
    alike = (classes[:, None] == classes[None]) & (overlap >= same_iou)
    return np.asarray(overlap - same_iou + SAME_CLASS_BONUS * alike)


def _merge_pairs(worth: Floats, person: Ints) -> Ints:
    """Match every two people optimally, and merge the matched pairs, best first, where it pays for the whole group."""
    pairs: list[tuple[float, int, int]] = []
    for one, other in combinations(range(int(person.max(initial=-1)) + 1), 2):
        mine, theirs = np.flatnonzero(person == one), np.flatnonzero(person == other)
        gain = worth[np.ix_(mine, theirs)]
        pairs.extend((-float(gain[row, column]), int(mine[row]), int(theirs[column])) for row, column in _assign(gain))
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
    for row, column in _assign(gain):
        changed[mine[column]] = labels[row]
    return _named_by_first(changed)


def _assign(gain: Floats) -> list[tuple[int, int]]:
    """Return the one-to-one pairs (row, column) of largest total gain; only pairs that gain something."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.maximum(gain, 0), maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if gain[row, column] > 0]


def _named_by_first(group: Ints) -> Ints:
    """Name every group by the smallest index in it, so that equal groupings are equal arrays."""
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(first[place], np.int64)
