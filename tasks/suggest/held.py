"""Whose vectors tell a collection's classes apart best: by labels that are held out in turn, and by nothing else."""

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.suggest.learners.protocol import Example, NewLearner

FOLDS = 5


def right_when_held(examples: Sequence[Example], judged: Collection[str], new: NewLearner) -> dict[str, bool]:
    """Say of judged items whether they are told right by a learner that knows all others.

    Args:
        examples: All labels, each with the vector of one embedder.
        judged: Items among them that were asked about whatever a learner said: others are the hard ones.
        new: The learner.

    Returns:
        By item; the folds are the same whichever vectors are tried.
    """
    asked = sorted((one for one in examples if one.item_id in judged), key=lot_of)
    found: dict[str, bool] = {}
    for fold in range(FOLDS):
        held = asked[fold::FOLDS]
        names = {one.item_id for one in held}
        right = told_right(new, [one for one in examples if one.item_id not in names], held)
        found |= {one.item_id: bool(is_right) for one, is_right in zip(held, right, strict=True)}
    return found


def told_right(new: NewLearner, known: Sequence[Example], held: Sequence[Example]) -> NDArray[np.bool_]:
    """Say which of some held examples a learner tells right that knows others; shape (held,)."""
    if not held:
        return np.zeros(0, bool)
    learner = new(len(held[0].vector))
    learner.learn(known)
    if not learner.classes:
        return np.zeros(len(held), bool)
    best = learner.suggest(np.array([one.vector for one in held])).argmax(axis=1)
    return np.array([learner.classes[place] in one.classes for place, one in zip(best, held, strict=True)], bool)


def lot_of(example: Example) -> bytes:
    """Return by what examples are put into an order that says nothing of them."""
    return hashlib.sha256(example.item_id.encode()).digest()
