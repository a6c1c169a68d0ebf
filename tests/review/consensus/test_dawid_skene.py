"""Dawid-Skene finds who confuses what; where crowd-kit computes the same thing, our numbers are its numbers."""

import numpy as np
import pytest

from tasks.review.consensus.dawid_skene import Choices, expected_confusion
from tests.bench.one_estimate import dawid_skene

# fmt: off
ANSWERS = [
    "cc-c", "ccbc", "bbba", "abcc", "caba", "aa-c", "aaaa", "acac", "abaa", "abcc", "bb-b", "baaa",
    "aaab", "ccba", "cccc", "cc-c", "aaaa", "aaaa", "cbbb", "abaa", "ba-b", "bcaa", "cccc", "acaa",
    "bcbb", "cc-c", "aaac", "bccc", "ccca", "aaaa", "bb-b", "aaab", "bcbb", "abaa", "aaaa", "ab-a",
    "cbcb", "aaba", "acaa", "abab", "aa-a", "bbbb", "aaba", "acab", "bbab", "bb-a", "cbbb", "abaa",
    "aaca", "cccb", "aa-a", "cbca", "abba", "cbcc", "abab", "aa-c", "bbbb", "aaac", "babb", "cccb",
]
# fmt: on
"""Choices of four people about sixty subjects; a dash: not asked."""


def choices_of(answers: list[str]) -> Choices:
    rows = [
        (subject, person, "abc".index(letter))
        for subject, letters in enumerate(answers)
        for person, letter in enumerate(letters)
        if letter != "-"
    ]
    subject, person, said = np.array(rows, np.int64).reshape(-1, 3).T
    return Choices(subject, person, said, len(answers), 4, 3)


def test_without_priors_it_gives_the_numbers_of_crowd_kit() -> None:
    estimate = dawid_skene(choices_of(ANSWERS), prior_weight=0)
    # crowd-kit 1.4.2, DawidSkene(n_iter=2000), rounded to six digits.
    assert estimate.shares == pytest.approx([0.513964, 0.229561, 0.256475], abs=1e-5)
    assert estimate.confusion[0] == pytest.approx(
        np.array([[0.926045, 0.073955, 0.0], [0.0, 0.771269, 0.228731], [0.093757, 0.071233, 0.83501]]), abs=1e-5
    )
    assert estimate.confusion[3] == pytest.approx(
        np.array([[0.645301, 0.173094, 0.181605], [0.244454, 0.755546, 0.0], [0.177619, 0.211554, 0.610827]]), abs=1e-5
    )
    assert estimate.beliefs[13] == pytest.approx([0.0, 0.334912, 0.665088], abs=1e-5)
    assert estimate.beliefs[45] == pytest.approx([0.209027, 0.762057, 0.028916], abs=1e-5)


def test_no_choices_leave_the_rates_as_expected() -> None:
    estimate = dawid_skene(choices_of([]))
    assert estimate.beliefs.shape == (0, 3)
    assert estimate.confusion[0] == pytest.approx(expected_confusion(3))
    assert estimate.shares == pytest.approx([1 / 3] * 3)


def test_a_subject_nobody_chose_for_may_be_anything() -> None:
    estimate = dawid_skene(choices_of(["aaaa", "aaaa", "bbbb", "----"]))
    assert estimate.beliefs[3] == pytest.approx(estimate.shares)


def test_one_answer_makes_no_expert() -> None:
    estimate = dawid_skene(choices_of([*["aba-", "bab-", "aab-", "bba-"] * 5, "aaab"]))
    assert 0.2 < estimate.confusion[3, 0, 0] < 0.9


def test_one_class_is_always_right() -> None:
    nought = np.zeros(3, np.int64)
    estimate = dawid_skene(Choices(np.arange(3), nought, nought, 3, 1, 1))
    assert estimate.beliefs == pytest.approx(np.ones((3, 1)))


def test_a_known_person_is_believed_and_teaches_who_the_others_are() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 300)
    guesses = [rng.integers(0, 3, 300) for _ in range(3)]
    rows = [(subject, person, guesses[person][subject]) for subject in range(300) for person in range(3)]
    rows += [(subject, 3, truth[subject]) for subject in range(300)]
    subject, person, said = np.array(rows, np.int64).T
    choices = Choices(subject, person, said, 300, 4, 3)
    estimate = dawid_skene(choices, known={3: np.eye(3)})
    assert (estimate.beliefs.argmax(axis=1) == truth).all()
    counts = np.zeros((3, 3))
    np.add.at(counts, (truth, guesses[0]), 1)
    assert estimate.confusion[0] == pytest.approx(counts / counts.sum(axis=1, keepdims=True), abs=0.02)


def test_somebody_who_always_swaps_two_classes_helps_as_much_as_somebody_who_never_does() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 400)
    noisy = [np.where(rng.random(400) < 0.8, truth, 1 - truth) for _ in range(3)]
    rows = [(subject, person, noisy[person][subject]) for subject in range(400) for person in range(3)]
    rows += [(subject, 3, 1 - truth[subject]) for subject in range(400)]
    subject, person, said = np.array(rows, np.int64).T
    estimate = dawid_skene(Choices(subject, person, said, 400, 4, 2))
    assert (estimate.beliefs.argmax(axis=1) == truth).mean() > 0.99
    assert estimate.confusion[3, 0, 1] > 0.95
