"""Questions with one choice as cases: what was answered alike, what may be true of it, and how much it counts in a fit.

Of very many classes only those are carried for a question that were named for it, or that were named together with all
that was named for it: the others have left no trace, and are one possibility more (`choosing.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.review.consensus.dawid_skene import Choices, Floats, Ints
from tasks.review.consensus.skill.plausible import CROWDS

NEIGHBOURS = 8
"""Classes carried as what a class may be taken for: those most often named together with it."""


@dataclass(frozen=True)
class Cases:
    """Questions answered alike as one sort, and what may be true of each sort."""

    choices: Choices
    """Of each sort one."""
    sort_of_question: Ints
    starts: Ints
    truth: Ints
    """Shape (possibilities,), sorted by sort."""

    @classmethod
    def of(cls, choices: Choices) -> "Cases":
        """Put alike questions together."""
        said = np.zeros((choices.subjects, choices.people), np.int32)
        said[choices.subject, choices.person] = choices.said + 1
        sorts, sort_of_question = np.unique(said, axis=0, return_inverse=True)
        sort, person = np.nonzero(sorts)
        alike = Choices(sort, person, sorts[sort, person].astype(np.int64) - 1, len(sorts), *_sizes(choices))
        possible = _possible(alike)
        return cls(alike, sort_of_question.ravel(), possible.indptr.astype(np.int64), possible.indices.astype(np.int64))

    @cached_property
    def sort(self) -> Ints:
        """Of each possibility, shape (possibilities,)."""
        return np.repeat(np.arange(self.choices.subjects), np.diff(self.starts))


def _sizes(choices: Choices) -> tuple[int, int]:
    return choices.people, choices.classes


def _possible(choices: Choices) -> csr_array:
    """Return which classes may be true of which sort: those named for it, and the neighbours of all of these."""
    ones = np.ones(len(choices.said))
    named = csr_array((ones, (choices.subject, choices.said)), shape=(choices.subjects, choices.classes))
    named.data[:] = 1.0
    together = (named.T @ named).tocsr()
    near = _most_of_each_row(together, NEIGHBOURS)
    reached = (named @ near).tocsr()
    every = np.diff(named.indptr)[np.repeat(np.arange(choices.subjects), np.diff(reached.indptr))]
    reached.data = (reached.data >= every).astype(float)
    possible = csr_array(reached + named)
    possible.eliminate_zeros()
    possible.sort_indices()
    return possible


def _most_of_each_row(counts: csr_array, most: int) -> csr_array:
    """Return ones at the greatest entries of each row, whose own entry is among them."""
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    weight = np.where(row == counts.indices, np.inf, counts.data)
    order = np.lexsort((counts.indices, -weight, row))
    rank = np.arange(len(order)) - counts.indptr[row[order]]
    kept = order[rank <= most]
    return csr_array((np.ones(len(kept)), (row[kept], counts.indices[kept])), shape=counts.shape)


def votes_of_cases(cases: Cases) -> tuple[Ints, Ints]:
    """Return the votes of the sort of each possibility: of which possibility each is, and which vote of the sorts'."""
    votes = np.bincount(cases.choices.subject, minlength=cases.choices.subjects)
    first, many = np.cumsum(votes) - votes, votes[cases.sort]
    case = np.repeat(np.arange(len(many)), many)
    return case, first[cases.sort[case]] + np.arange(len(case)) - (np.cumsum(many) - many)[case]


def weigh_sorts(questions: Sequence[str], cases: Cases) -> Floats:
    """Return how much each sort counts in each fit, shape (sorts, crowds): a question counts 1 on average."""
    alike = csr_array(
        (np.ones(len(questions)), (cases.sort_of_question, np.arange(len(questions)))),
        shape=(cases.choices.subjects, len(questions)),
    )
    return np.asarray(alike @ -np.log(even(np.array([crc32(one.encode()) for one in questions], np.uint64))))


def even(seeds: NDArray[np.uint64]) -> Floats:
    """Return numbers spread evenly between 0 and 1, shape (seeds, crowds): for the same seed the same.

    Source:
        Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (SplitMix64).
    """
    mixed = (seeds[:, None] << np.uint64(8)) + np.arange(CROWDS, dtype=np.uint64)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray((((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) + 0.5) / 2.0**53)


def numbered(keys: Ints) -> tuple[Ints, Ints]:
    """Return the different keys, and which of them each is."""
    different, index = np.unique(keys, return_inverse=True)
    return different, index.ravel()


def sums(group: Ints, groups: int) -> csr_array:
    """Return the matrix that sums rows by group."""
    return csr_array((np.ones(len(group)), (group, np.arange(len(group)))), shape=(groups, len(group)))
